// How often something happened within the last minute, to a second: a ring of sixty seconds. Pure; one owner's thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace postil::queue {

class MinuteCount {
 public:
  // now never goes back.
  void add(MonoTime now) { ++second_of(now).count; }
  // Within the 60 s that end with the second of `now`.
  std::uint64_t within(MonoTime now) const {
    const std::int64_t last = second(now);
    std::uint64_t sum = 0;
    for (const Second& one : ring_) {
      if (one.at <= last && one.at > last - ring_seconds) sum += one.count;
    }
    return sum;
  }

 private:
  static constexpr std::int64_t ring_seconds = 60;
  struct Second {
    std::int64_t at = INT64_MIN;
    std::uint64_t count = 0;
  };
  static std::int64_t second(MonoTime time) { return std::chrono::floor<seconds>(time.time_since_epoch()).count(); }
  Second& second_of(MonoTime now) {
    const std::int64_t at = second(now);
    Second& one = ring_[static_cast<std::size_t>(((at % ring_seconds) + ring_seconds) % ring_seconds)];
    if (one.at != at) one = {at, 0};
    return one;
  }

  std::array<Second, ring_seconds> ring_;
};

}  // namespace postil::queue
