// The pace of one site: how many connections at the same time and how many messages a second. Begins slowly and grows
// to its limits while the site takes our mail (additive increase), and is halved when the site asks us to slow down
// (multiplicative decrease); each change after the first growth is kept with its reason. Pure.
//
//   may_start() ─► start() ─► the attempt ─► end() and, by what the site said, well() or slow()
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace postil::queue {

struct Now {
  MonoTime mono;
  WallTime wall;
};

struct PaceLimits {
  std::uint32_t connections = 20;  // at the same time, from 1
  std::uint32_t messages_per_connection = 1000;
  double messages_per_second = 0;  // 0 = no limit
  friend bool operator==(const PaceLimits&, const PaceLimits&) = default;
};

// The site's word that we are too much for it.
struct Throttle {
  bool rate = false;  // it limits our rate (a 421 4.7.28); else it has no room for so many connections just now
  std::string remote, said;
};

enum class PaceCause : std::uint8_t {
  throttled,  // the site limits our rate
  busy,       // it has no room for so many connections
  recovered,  // it has taken our mail for a while
};
std::string_view to_string(PaceCause cause);

struct PaceChange {
  WallTime at;
  PaceCause cause = PaceCause::recovered;
  std::uint32_t connections_before = 0, connections = 0;
  double rate_before = 0, rate = 0;  // messages a second; 0 = no limit
  std::string remote, said;          // of the reply that caused it, printable; empty for recovered
};

class Pace {
 public:
  static constexpr std::uint32_t connections_first = 5;  // until the site has shown that it takes more
  static constexpr Duration step = seconds(30);          // between two increases, once the site has slowed us
  static constexpr double rate_least = 1.0 / 60;         // messages a second, however often it refuses
  static constexpr std::size_t changes_max = 16;         // kept

  Pace() : Pace(PaceLimits{}) {}
  explicit Pace(PaceLimits limits);

  bool may_start(MonoTime now) const { return running_ < connections() && earliest() <= now; }
  // When the rate allows the next message; in the past where there is no limit.
  MonoTime earliest() const;
  void start(MonoTime now);
  void end();
  // An attempt went well: a connection was up and the site did not complain of us. Null: nothing changed; the change
  // that it gives is good until the next call.
  const PaceChange* well(Now now);
  // started: of the attempt. Of several refusals of attempts that had begun before the last decrease only one counts.
  const PaceChange* slow(Now now, MonoTime started, const Throttle& why);
  // The site was down: what comes first when it is back must not be a flood.
  void begin_again();
  void set_limits(PaceLimits limits);

  const PaceLimits& limits() const { return limits_; }
  std::uint32_t connections() const { return static_cast<std::uint32_t>(window_); }
  double rate() const { return rate_; }  // messages a second; 0 = no limit
  std::uint32_t running() const { return running_; }
  bool slowed() const { return slowed_; }   // below its limits because the site said so
  std::vector<PaceChange> changes() const;  // oldest first
  std::size_t memory_octets() const;
  // Attempts that run already are counted here from now on.
  void adopt(std::uint32_t attempts) { running_ += attempts; }
  void hand_over(std::uint32_t attempts);

 private:
  double seen_rate(MonoTime now) const;
  const PaceChange* note(PaceChange change);

  PaceLimits limits_;
  double window_;
  double rate_;
  double rate_before_slow_ = 0;
  std::uint32_t running_ = 0;
  std::uint32_t counted_ = 0;  // starts since counted_from_
  double counted_rate_ = 0;    // in the window before
  MonoTime counted_from_ = MonoTime::min();
  MonoTime next_ = MonoTime::min();  // when a message is due at an even rate
  MonoTime slowed_at_ = MonoTime::min();
  MonoTime changed_at_ = MonoTime::min();
  bool slowed_ = false;
  std::unique_ptr<std::vector<PaceChange>> changes_;
};

}  // namespace postil::queue
