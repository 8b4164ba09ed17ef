// The keys of an entry of [[dkim]].
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "config/schema.hpp"

namespace postil::config {
namespace {

constexpr std::string_view sign_by_choices = "from envelope both";

template <class Get>
std::function<std::string(const Config&)> shown(Get get) {
  return shown_of(&Config::dkim, get);
}

std::string date(const std::optional<WallTime>& time) {
  if (!time) return "\"\"";
  const auto midnight = std::chrono::floor<days>(time->time_since_epoch());
  const std::chrono::year_month_day day{std::chrono::sys_days(midnight)};
  const auto in_day = std::chrono::duration_cast<seconds>(time->time_since_epoch() - midnight);
  const std::chrono::hh_mm_ss clock(in_day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

// Takes `digits` digits off.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits || !std::ranges::all_of(text.substr(0, digits), is_digit)) return {};
  int value = 0;
  std::from_chars(text.data(), text.data() + digits, value);
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char letter) {
  if (text.empty() || ascii_upper(text.front()) != letter) return false;
  text.remove_prefix(1);
  return true;
}

Wrongs set_domain(Dkim& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  const auto ascii = given ? address::to_ascii(*given) : std::unexpected(address::DomainError::syntax);
  if (!ascii || !address::valid_domain(*ascii) || !address::qualified(*ascii)) return wants("domain");
  entry.domain = *ascii;
  return {};
}

Wrongs set_selector(Dkim& entry, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  if (!given || !address::valid_domain(*given) || has_8bit(*given)) return wants("selector");
  entry.selector = to_lower(*given);
  return {};
}

Wrongs set_date(std::optional<WallTime>& time, const Value& value) {
  const auto* given = std::get_if<std::string>(&value);
  time = given ? parse_date(*given) : std::nullopt;
  if (!time) return wants("date");
  return {};
}

}  // namespace

std::optional<WallTime> parse_date(std::string_view text) {
  const auto year = take_number(text, 4);
  const auto month = year && take(text, '-') ? take_number(text, 2) : std::nullopt;
  const auto day = month && take(text, '-') ? take_number(text, 2) : std::nullopt;
  if (!day) return {};
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < 1970) return {};
  Duration time = std::chrono::sys_days(date).time_since_epoch();
  if (text.empty()) return WallTime(time);
  if (!take(text, 'T') && !take(text, ' ')) return {};
  const auto hour = take_number(text, 2);
  const auto minute = hour && take(text, ':') ? take_number(text, 2) : std::nullopt;
  if (!minute || *hour > 23 || *minute > 59) return {};
  int second = 0;
  if (take(text, ':')) {
    const auto given = take_number(text, 2);
    if (!given || *given > 59) return {};
    second = *given;
  }
  time += hours(*hour) + minutes(*minute) + seconds(second);
  if (take(text, 'Z')) return text.empty() ? std::optional(WallTime(time)) : std::nullopt;
  const int sign = take(text, '+') ? -1 : take(text, '-') ? 1 : 0;
  const auto off_hours = sign != 0 ? take_number(text, 2) : std::nullopt;
  const auto off_minutes = off_hours && take(text, ':') ? take_number(text, 2) : std::nullopt;
  if (!off_minutes || !text.empty() || *off_hours > 23 || *off_minutes > 59) return {};
  return WallTime(time + sign * (hours(*off_hours) + minutes(*off_minutes)));
}

const std::vector<RowOf<Dkim>>& dkim_rows() {
  static const std::vector<RowOf<Dkim>> all = {
      {{"dkim.domain", "text", "", "", shown([](const Dkim& e) { return quoted(e.domain); })}, set_domain, true},
      {{"dkim.selector", "text", "", "", shown([](const Dkim& e) { return quoted(e.selector); })}, set_selector, true},
      {{"dkim.key", "text", "", "", shown([](const Dkim& e) { return quoted(e.key); })},
       [](Dkim& e, const Value& value) { return set_line(e.key, value); },
       true},
      {{"dkim.sign_by", "choice", "\"from\"", sign_by_choices, shown([](const Dkim& e) { return quoted(e.sign_by); })},
       [](Dkim& e, const Value& value) { return set_choice(e.sign_by, value, sign_by_choices); }},
      {{"dkim.subdomains", "yes or no", "true", "",
        shown([](const Dkim& e) { return e.subdomains ? "true" : "false"; })},
       [](Dkim& e, const Value& value) { return set_yes_no(e.subdomains, value); }},
      {{"dkim.from", "date", "", "", shown([](const Dkim& e) { return date(e.from); })},
       [](Dkim& e, const Value& value) { return set_date(e.from, value); }},
      {{"dkim.until", "date", "", "", shown([](const Dkim& e) { return date(e.until); })},
       [](Dkim& e, const Value& value) { return set_date(e.until, value); }},
  };
  return all;
}

std::span<const Key> entry_keys() {
  static const std::vector<Key> all = [] {
    std::vector<Key> list;
    for (const auto& row : dkim_rows()) list.push_back(row.key);
    for (const auto& row : tls_policy_rows()) list.push_back(row.key);
    for (const auto& row : site_rows()) list.push_back(row.key);
    for (const auto& row : source_rows()) list.push_back(row.key);
    for (const auto& row : route_rows()) list.push_back(row.key);
    for (const auto& row : expect_rows()) list.push_back(row.key);
    return list;
  }();
  return all;
}

}  // namespace postil::config
