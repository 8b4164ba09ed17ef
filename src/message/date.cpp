#include "message/date.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

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

}  // namespace postil::message
