// The real clocks.
#pragma once

#include <chrono>

#include "env/clock.hpp"

namespace postil::env_asio {

class SystemClock : public env::Clock {
 public:
  MonoTime now() const override { return mono_now(); }
  WallTime wall() const override {
    return WallTime(std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()));
  }
  static MonoTime mono_now() {
    return MonoTime(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
  }
};

// A deadline for an Asio timer: `never` and what lies beyond the range of nanoseconds become the last moment.
inline std::chrono::steady_clock::time_point steady(MonoTime deadline) {
  using Steady = std::chrono::steady_clock;
  constexpr auto last = std::chrono::duration_cast<Duration>(Steady::duration::max()) - seconds(1);
  const auto since = deadline.time_since_epoch();
  return Steady::time_point(std::chrono::duration_cast<Steady::duration>(since < last ? since : last));
}

}  // namespace postil::env_asio
