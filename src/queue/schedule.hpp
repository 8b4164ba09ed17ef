// When a recipient is tried again, told about, or given up: functions of settings, times and counts.
//
// A message has lived as long as the monotonic clock says and ends when the wall clock agrees, so that no jump
// of the wall clock returns mail. A message from the wall clock's future (the clock was put back) ends by the
// monotonic clock alone.
#pragma once

#include "base/prng.hpp"
#include "queue/engine.hpp"

namespace postil::queue {

// The wait after failed attempt number `attempts` (from 1), jittered. first: what it starts from.
Duration retry_wait(const EngineSettings& settings, Duration first, std::uint32_t attempts, Prng& random);
// The same for a recipient; greylisting is new to it when `before` was another reason.
Duration recipient_wait(const EngineSettings& settings, Reason reason, Reason before, std::uint32_t attempts,
                        Prng& random);
// The rest of a site after `rests` failed attempts in a row (from 1): begins at two minutes.
Duration site_rest(const EngineSettings& settings, std::uint32_t rests, Prng& random);

struct Life {
  WallTime arrived;
  WallTime expires;
  MonoTime arrived_mono;  // in this run's monotonic time; before its start for messages that are older
  Duration hold{};        // from its arrival until it may leave [rfc4865]
  MonoTime begins_mono() const { return arrived_mono + hold; }
  MonoTime expires_mono() const { return arrived_mono + (expires > arrived ? expires - arrived : Duration(0)); }
};
// Where a message that has been on disk stands on this run's monotonic clock, by its age on the wall clock.
MonoTime recovered_arrival(Now now, WallTime arrived);
bool lifetime_over(const Life& life, Now now);

// When a recipient that waits is given up: the one answer for the delay notice and for `postil queue show`. The engine
// itself decides by the monotonic clock, at the first attempt that fails after this time. refused_us_lifetime: of the
// settings; 0 = as long as any other mail.
WallTime given_up_at(const Envelope& envelope, const RecipientState& state, Duration refused_us_lifetime);

// NOTIFY of a recipient decides who is told; nobody ever about our own reports or mail from <>. [rfc3461 5.2]
// [rfc5321 4.5.5]
struct Told {
  bool failure = false, delay = false, success = false;
  bool any = false;  // not NEVER
};
Told told_of(Kind kind, bool null_sender, std::uint8_t notify);

}  // namespace postil::queue
