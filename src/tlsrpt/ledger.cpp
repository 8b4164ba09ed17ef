#include "tlsrpt/ledger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "tlsrpt/ledger_text.hpp"

namespace postil::tlsrpt {
namespace {

namespace json = boost::json;

constexpr std::int64_t version = 1;
constexpr std::int64_t day_most = 2'932'896;  // 9999-12-31

}  // namespace

transport::TlsReport& Ledger::open_day(Day day) {
  auto found = days_.find(day);
  if (found == days_.end()) {
    transport::TlsReport fresh(limits_.domains_max, limits_.failures_max, limits_.octets_max);
    found = days_.emplace(day, std::move(fresh)).first;
  }
  return found->second;
}

void Ledger::add(const transport::TlsSession& session, WallTime now) {
  const Day day = day_of(now);
  if (!days_.contains(day) && days_.size() >= days_max) {
    ++dropped_;
    return;
  }
  open_day(day).add(session);
}

bool Ledger::close_days(WallTime now, Duration window, const std::function<std::uint64_t()>& random) {
  const Day today = day_of(now);
  bool changed = false;
  while (!days_.empty() && days_.begin()->first < today) {
    auto over = days_.extract(days_.begin());
    changed = true;
    dropped_ += over.mapped().dropped();
    const Day day = over.key();
    if (day + age_days_max < today) continue;
    const auto wait = window > Duration(0) ? Duration(random() % static_cast<std::uint64_t>(window.count())) : window;
    for (auto& [domain, policies] : over.mapped().take()) {
      if (due_.size() >= dues_max_per_domain * limits_.domains_max) {
        ++dropped_;
        continue;
      }
      Due made{fmt::format("{}.{:016x}", begin_text(day).substr(0, 10), random()),
               domain,
               day,
               std::move(policies),
               {},
               begin_of(day + 1) + wait,
               {},
               0};
      std::erase(made.id, '-');
      due_.emplace(made.id, std::move(made));
    }
  }
  return changed;
}

std::vector<std::string> Ledger::due(WallTime now) const {
  std::vector<std::string> out;
  for (const auto& [id, one] : due_) {
    if (one.next_try <= now) out.push_back(id);
  }
  return out;
}

const Due* Ledger::find(const std::string& id) const {
  const auto found = due_.find(id);
  return found == due_.end() ? nullptr : &found->second;
}

void Ledger::settle(const std::string& id, End end, WallTime now) {
  if (due_.erase(id) == 0) return;
  if (end == End::sent) {
    ++sent_;
    last_sent_ = now;
  } else if (end == End::given_up) {
    ++given_up_;
  }
}

bool Ledger::put_off(const std::string& id, std::vector<std::string> done, WallTime now) {
  const auto found = due_.find(id);
  if (found == due_.end()) return false;
  Due& one = found->second;
  // A clock that was put back by a day or more begins anew.
  if (one.first_try == WallTime{} || one.first_try > now) one.first_try = now;
  const Duration wait = std::min<Duration>(retry_first * (1LL << std::min<std::uint32_t>(one.tries, 10)), retry_most);
  ++one.tries;
  one.done = std::move(done);
  one.next_try = now + wait;
  return one.next_try <= one.first_try + retry_for;
}

Ledger::Summary Ledger::summary() const {
  Summary out;
  for (const auto& [day, report] : days_) {
    out.domains += report.domains().size();
    out.dropped += report.dropped();
    for (const auto& [domain, policies] : report.domains()) {
      for (const auto& policy : policies) {
        out.sessions += policy.successful + policy.failed;
        out.failed += policy.failed;
      }
    }
  }
  out.waiting = due_.size();
  out.sent = sent_;
  out.given_up = given_up_;
  out.dropped += dropped_;
  out.last_sent = last_sent_;
  return out;
}

std::string Ledger::encode() const {
  std::string out = json::serialize(json::object{{"tls_reports", version},
                                                 {"sent", sent_},
                                                 {"given_up", given_up_},
                                                 {"last_sent", unix_microseconds(last_sent_)}}) +
                    "\n";
  for (const auto& [day, report] : days_) {
    for (const auto& [domain, policies] : report.domains()) {
      out +=
          json::serialize(json::object{{"day", day}, {"domain", domain}, {"policies", counts_json(policies)}}) + "\n";
    }
  }
  for (const auto& [id, one] : due_) out += json::serialize(due_json(one)) + "\n";
  return out;
}

bool Ledger::read_line(std::string_view line) {
  boost::system::error_code error;
  const json::value parsed = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !parsed.is_object()) return false;
  const auto& object = parsed.get_object();
  const Day day = number_in(object, "day");
  if (day <= 0 || day > day_most) return false;
  if (object.contains("due")) {
    auto one = read_due(object);
    if (!one || due_.size() >= dues_max_per_domain * limits_.domains_max) return false;
    due_.emplace(one->id, std::move(*one));
    return true;
  }
  auto policies = read_counts(object);
  const std::string domain = string_in(object, "domain");
  if (!policies || domain.empty() || (!days_.contains(day) && days_.size() >= days_max)) return false;
  transport::TlsReport& report = open_day(day);
  const auto before = report.domains().size();
  report.restore(domain, std::move(*policies));
  return report.domains().size() > before;
}

std::expected<std::size_t, std::string> Ledger::decode(std::string_view text) {
  std::size_t damaged = 0;
  bool first = true;
  for (const auto line : split(text, '\n')) {
    if (line.empty()) continue;
    if (!first) {
      if (!read_line(line)) ++damaged;
      continue;
    }
    first = false;
    boost::system::error_code error;
    const json::value parsed = json::parse(json::string_view(line.data(), line.size()), error);
    if (error || !parsed.is_object()) return std::unexpected("the file of TLS reports cannot be read");
    const auto& object = parsed.get_object();
    if (number_in(object, "tls_reports") != version) {
      return std::unexpected("the file of TLS reports is of another version");
    }
    sent_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_in(object, "sent")));
    given_up_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_in(object, "given_up")));
    last_sent_ = wall_from_microseconds(number_in(object, "last_sent"));
  }
  return damaged;
}

}  // namespace postil::tlsrpt
