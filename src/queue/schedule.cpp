#include "queue/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace postil::queue {
namespace {
constexpr Duration site_rest_first = minutes(2);
}

Duration retry_wait(const EngineSettings& settings, Duration first, std::uint32_t attempts, Prng& random) {
  const double max = static_cast<double>(settings.retry_max.count());
  const double growth = std::pow(std::max(settings.retry_factor, 1.0), attempts > 0 ? attempts - 1 : 0);
  const double wait = std::min(static_cast<double>(first.count()) * growth, max);
  const double part = std::clamp(settings.retry_jitter, 0.0, 1.0) * (2 * random.unit() - 1);
  return std::max(Duration(seconds(1)), Duration(std::llround(wait * (1 + part))));
}

Duration recipient_wait(const EngineSettings& settings, Reason reason, Reason before, std::uint32_t attempts,
                        Prng& random) {
  if (reason == Reason::greylisted && before != Reason::greylisted)
    return retry_wait(settings, settings.greylist_first, 1, random);
  return retry_wait(settings, settings.retry_first, attempts, random);
}

Duration site_rest(const EngineSettings& settings, std::uint32_t rests, Prng& random) {
  return retry_wait(settings, std::min(site_rest_first, settings.retry_first), rests, random);
}

MonoTime recovered_arrival(Now now, WallTime arrived) {
  return now.mono - std::clamp(now.wall - arrived, Duration(0), Duration(days(365)));
}

bool lifetime_over(const Life& life, Now now) {
  return now.mono >= life.expires_mono() && (now.wall >= life.expires || now.wall < life.arrived);
}

WallTime given_up_at(const Envelope& envelope, const RecipientState& state, Duration refused_us_lifetime) {
  const bool refused =
      state.reason == Reason::refused_us && state.refused_since != WallTime{} && refused_us_lifetime > Duration(0);
  const auto last = envelope.by == By::give_back ? std::min(envelope.expires, envelope.deliver_by) : envelope.expires;
  return refused ? std::min(last, state.refused_since + refused_us_lifetime) : last;
}

Told told_of(Kind kind, bool null_sender, std::uint8_t notify) {
  if (kind != Kind::mail || null_sender || (notify & notify_never)) return {};
  if (notify == notify_unset) return {.failure = true, .delay = true, .success = false, .any = true};
  return {.failure = (notify & notify_failure) != 0,
          .delay = (notify & notify_delay) != 0,
          .success = (notify & notify_success) != 0,
          .any = true};
}

}  // namespace postil::queue
