// The two clocks. Monotonic time is for waits, time-outs and limits; wall time for the disk and for
// people. Neither can be had here: env::Clock gives them, and pure code gets them as arguments.
#pragma once

#include <chrono>
#include <cstdint>

namespace postil {

using Duration = std::chrono::microseconds;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct MonoClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock, Duration>;
  static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;  // since an arbitrary start

struct WallClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallClock, Duration>;
  static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;  // since 1970-01-01T00:00:00Z

constexpr MonoTime never = MonoTime::max();

constexpr std::int64_t unix_microseconds(WallTime t) {
  return t.time_since_epoch().count();
}
constexpr WallTime wall_from_microseconds(std::int64_t us) {
  return WallTime(Duration(us));
}

}  // namespace postil
