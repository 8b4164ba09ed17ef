#include "message/date.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/bytes.hpp"

namespace postil::message {
namespace {

struct Civil {
  std::chrono::year_month_day date;
  std::chrono::weekday weekday;
  long hour, minute, second;
};

Civil civil(WallTime time, int zone_minutes) {
  using namespace std::chrono;
  const auto first = sys_days{year{1900} / 1 / 2}.time_since_epoch();
  const auto last = sys_days{year{9999} / 12 / 30}.time_since_epoch();
  const auto local = floor<seconds>(time.time_since_epoch()) + std::chrono::minutes(zone_minutes);
  const auto shown = std::clamp<seconds>(local, first, last);
  const auto day = floor<std::chrono::days>(shown);
  const auto rest = (shown - day).count();
  return {year_month_day{sys_days{day}}, weekday{sys_days{day}}, rest / 3600, rest / 60 % 60, rest % 60};
}

constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string rfc5322_date(WallTime time, int zone_minutes) {
  zone_minutes = std::clamp(zone_minutes, -1439, 1439);
  const auto c = civil(time, zone_minutes);
  const int zone = std::abs(zone_minutes);
  return fmt::format("{}, {} {} {:04} {:02}:{:02}:{:02} {}{:02}{:02}", weekdays[c.weekday.c_encoding()],
                     static_cast<unsigned>(c.date.day()), months[static_cast<unsigned>(c.date.month()) - 1],
                     static_cast<int>(c.date.year()), c.hour, c.minute, c.second, zone_minutes < 0 ? '-' : '+',
                     zone / 60, zone % 60);
}

std::string rfc3339_date(WallTime time) {
  const auto c = civil(time, 0);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(c.date.year()),
                     static_cast<unsigned>(c.date.month()), static_cast<unsigned>(c.date.day()), c.hour, c.minute,
                     c.second);
}

std::optional<WallTime> parse_rfc3339_utc(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= form.size()) return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool fits = form[i] == 'd' ? is_digit(text[i]) : to_upper(text.substr(i, 1))[0] == form[i];
    if (!fits) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day date(year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2))));
  const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!date.ok() || number(0, 4) < 1970 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  auto rest = text.substr(form.size());
  Duration fraction{};
  if (rest.front() == '.') {
    std::int64_t step = 1'000'000;
    std::size_t digits = 1;
    for (; digits < rest.size() && is_digit(rest[digits]); ++digits) {
      step /= 10;
      fraction += Duration(step * (rest[digits] - '0'));
    }
    if (digits == 1) return std::nullopt;
    rest.remove_prefix(digits);
  }
  if (rest != "Z" && rest != "z") return std::nullopt;
  return WallTime(sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) + seconds(second) + fraction);
}

}  // namespace postil::message
