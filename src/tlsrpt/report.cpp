#include "tlsrpt/report.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "base/bytes.hpp"
#include "message/date.hpp"

namespace postil::tlsrpt {
namespace {

namespace json = boost::json;

constexpr std::size_t policies_max = 1000;
constexpr std::size_t failures_max = 10'000;  // of all policies
constexpr std::size_t lines_max = 200;        // of one policy's text
constexpr std::size_t text_octets_max = 1000;
constexpr std::size_t depth_max = 16;
constexpr double count_max = 9007199254740992;  // 2^53, as in I-JSON
constexpr std::int64_t day_seconds = 24 * 60 * 60;

json::array strings(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(json::string(text));
  return out;
}

// An optional member.
void put(json::object& out, std::string_view name, const std::string& value) {
  if (!value.empty()) out[name] = json::string(value);
}

json::object failure_json(const Failure& failure) {
  json::object out{{"result-type", json::string(failure.result)}};
  put(out, "sending-mta-ip", failure.sending_ip);
  put(out, "receiving-mx-hostname", failure.receiving_host);
  put(out, "receiving-mx-helo", failure.receiving_helo);
  put(out, "receiving-ip", failure.receiving_ip);
  out["failed-session-count"] = failure.sessions;
  put(out, "additional-information", failure.information);
  put(out, "failure-reason-code", failure.reason);
  return out;
}

json::object policy_json(const Policy& policy) {
  json::object about{{"policy-type", json::string(policy.type)}};
  if (!policy.lines.empty()) about["policy-string"] = strings(policy.lines);
  about["policy-domain"] = json::string(policy.domain);
  if (!policy.mx_patterns.empty()) about["mx-host"] = strings(policy.mx_patterns);
  json::object out{{"policy", std::move(about)}};
  out["summary"] = json::object{{"total-successful-session-count", policy.successful},
                                {"total-failure-session-count", policy.failed}};
  json::array failures;
  for (const auto& failure : policy.failures) failures.emplace_back(failure_json(failure));
  if (!failures.empty()) out["failure-details"] = std::move(failures);
  return out;
}

const json::value* member(const json::object& object, std::string_view name) {
  return object.if_contains(name);
}

const json::object* object_in(const json::object& object, std::string_view name) {
  const auto* found = member(object, name);
  return found == nullptr ? nullptr : found->if_object();
}

std::string text_of(const json::value& value) {
  if (!value.is_string()) return {};
  const auto& text = value.get_string();
  return printable({text.data(), text.size()}, text_octets_max);
}

std::string text_in(const json::object& object, std::string_view name) {
  const auto* found = member(object, name);
  return found == nullptr ? std::string() : text_of(*found);
}

// A count, which some write as a text or with a decimal point.
std::uint64_t count_in(const json::object& object, std::string_view name) {
  const auto* found = member(object, name);
  if (found == nullptr) return 0;
  if (found->is_uint64()) return found->get_uint64();
  if (found->is_int64()) return found->get_int64() < 0 ? 0 : static_cast<std::uint64_t>(found->get_int64());
  if (found->is_double()) {
    const double value = found->get_double();
    return value > 0 && value <= count_max ? static_cast<std::uint64_t>(value) : 0;
  }
  const std::string text = text_of(*found);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

// A list, which some write as a single text.
std::vector<std::string> texts_in(const json::object& object, std::string_view name, bool& truncated) {
  std::vector<std::string> out;
  const auto* found = member(object, name);
  if (found == nullptr) return out;
  if (found->is_string()) out.push_back(text_of(*found));
  if (const auto* list = found->if_array()) {
    for (const auto& item : *list) {
      if (out.size() == lines_max) {
        truncated = true;
        break;
      }
      out.push_back(text_of(item));
    }
  }
  std::erase(out, "");
  return out;
}

Failure read_failure(const json::object& from) {
  Failure out;
  out.result = to_lower(text_in(from, "result-type"));
  out.sending_ip = text_in(from, "sending-mta-ip");
  out.receiving_host = text_in(from, "receiving-mx-hostname");
  out.receiving_helo = text_in(from, "receiving-mx-helo");
  out.receiving_ip = text_in(from, "receiving-ip");
  out.sessions = count_in(from, "failed-session-count");
  out.information = text_in(from, "additional-information");
  out.reason = text_in(from, "failure-reason-code");
  return out;
}

// room: for failures; what is taken of it is taken off.
Policy read_policy(const json::object& from, std::size_t& room, bool& truncated) {
  Policy out;
  if (const auto* about = object_in(from, "policy")) {
    out.type = to_lower(text_in(*about, "policy-type"));
    out.lines = texts_in(*about, "policy-string", truncated);
    out.domain = text_in(*about, "policy-domain");
    out.mx_patterns = texts_in(*about, "mx-host", truncated);
  }
  if (const auto* summary = object_in(from, "summary")) {
    out.successful = count_in(*summary, "total-successful-session-count");
    out.failed = count_in(*summary, "total-failure-session-count");
  }
  const auto* details = member(from, "failure-details");
  if (details == nullptr || !details->is_array()) return out;
  for (const auto& detail : details->get_array()) {
    const auto* object = detail.if_object();
    if (object == nullptr || object->empty()) continue;  // [{}] for nothing
    if (room == 0) {
      truncated = true;
      break;
    }
    --room;
    out.failures.push_back(read_failure(*object));
  }
  return out;
}

}  // namespace

Day day_of(WallTime time) {
  return std::chrono::floor<days>(time).time_since_epoch().count();
}

WallTime begin_of(Day day) {
  return WallTime(seconds(day * day_seconds));
}

std::string begin_text(Day day) {
  return message::rfc3339_date(begin_of(day));
}

std::string end_text(Day day) {
  return message::rfc3339_date(begin_of(day + 1) - seconds(1));
}

std::vector<Policy> policies_of(const std::string& domain, const std::vector<transport::TlsReport::Policy>& counted) {
  std::vector<Policy> out;
  for (const auto& one : counted) {
    Policy policy{std::string(to_string(one.type)),
                  one.lines,
                  one.domain.empty() ? domain : one.domain,
                  one.mx_patterns,
                  one.successful,
                  one.failed,
                  {}};
    for (const auto& failure : one.failures) {
      policy.failures.push_back({std::string(to_string(failure.result)), failure.sending_ip, failure.receiving_host, "",
                                 failure.receiving_ip, printable(failure.reason), "", failure.sessions});
    }
    out.push_back(std::move(policy));
  }
  return out;
}

std::string to_json(const Report& report) {
  json::array policies;
  for (const auto& policy : report.policies) policies.emplace_back(policy_json(policy));
  json::object out{{"organization-name", json::string(report.organization)}};
  out["date-range"] =
      json::object{{"start-datetime", json::string(report.begin)}, {"end-datetime", json::string(report.end)}};
  out["contact-info"] = json::string(report.contact);
  out["report-id"] = json::string(report.id);
  out["policies"] = std::move(policies);
  return json::serialize(out);
}

std::expected<Report, Unreadable> parse_report(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  json::parse_options options;
  options.max_depth = depth_max;
  options.allow_invalid_utf8 = true;  // made printable where it is shown
  boost::system::error_code error;
  if (text.size() > json_octets_max) return std::unexpected(Unreadable::not_json);
  const json::value parsed = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return std::unexpected(Unreadable::not_json);
  const auto* whole = parsed.if_object();
  const auto* policies = whole == nullptr ? nullptr : member(*whole, "policies");
  const auto* range = whole == nullptr ? nullptr : object_in(*whole, "date-range");
  if (policies == nullptr || range == nullptr || !policies->is_array()) {
    return std::unexpected(Unreadable::not_a_report);
  }
  Report out;
  out.organization = text_in(*whole, "organization-name");
  out.contact = text_in(*whole, "contact-info");
  out.id = text_in(*whole, "report-id");
  out.begin = text_in(*range, "start-datetime");
  out.end = text_in(*range, "end-datetime");
  std::size_t room = failures_max;
  for (const auto& one : policies->get_array()) {
    if (!one.is_object()) continue;
    if (out.policies.size() == policies_max) {
      out.truncated = true;
      break;
    }
    out.policies.push_back(read_policy(one.get_object(), room, out.truncated));
  }
  return out;
}

}  // namespace postil::tlsrpt
