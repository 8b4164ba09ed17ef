#include "queue/pace.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::queue {
namespace {

constexpr Duration count_window = seconds(10);
constexpr Duration burst = milliseconds(200);  // so much may be sent ahead of an even rate
constexpr std::size_t said_octets_max = 300;

double seconds_of(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}
Duration interval_of(double rate) {
  return Duration(std::llround(1e6 / rate));
}

}  // namespace

std::string_view to_string(PaceCause cause) {
  switch (cause) {
    case PaceCause::throttled:
      return "throttled";
    case PaceCause::busy:
      return "busy";
    case PaceCause::recovered:
      return "recovered";
  }
  return "recovered";
}

Pace::Pace(PaceLimits limits)
    : limits_(limits),
      window_(std::min(connections_first, std::max(limits.connections, 1u))),
      rate_(limits.messages_per_second) {}

MonoTime Pace::earliest() const {
  if (rate_ <= 0 || next_ == MonoTime::min()) return MonoTime::min();
  const Duration interval = interval_of(rate_);
  return interval < burst ? next_ - (burst - interval) : next_;
}

void Pace::start(MonoTime now) {
  ++running_;
  if (counted_from_ == MonoTime::min() || now - counted_from_ >= count_window) {
    const bool just_now = counted_from_ != MonoTime::min() && now - counted_from_ < 2 * count_window;
    counted_rate_ = just_now ? counted_ / seconds_of(now - counted_from_) : 0;
    counted_from_ = now;
    counted_ = 0;
  }
  ++counted_;
  if (rate_ > 0) next_ = std::max(next_, now) + interval_of(rate_);
}

void Pace::end() {
  POSTIL_ASSERT(running_ > 0);
  --running_;
}

void Pace::hand_over(std::uint32_t attempts) {
  POSTIL_ASSERT(running_ >= attempts);
  running_ -= attempts;
}

// Messages a second that were begun lately.
double Pace::seen_rate(MonoTime now) const {
  if (counted_from_ == MonoTime::min()) return 0;
  const Duration since = std::max<Duration>(now - counted_from_, seconds(1));
  return std::max(counted_ / seconds_of(since), since < count_window ? counted_rate_ : 0.0);
}

const PaceChange* Pace::well(Now now) {
  const double most = limits_.connections;
  const bool full = running_ + 1 >= connections();  // more would be used; the attempt itself has ended
  if (!slowed_) {
    if (full) window_ = std::min(window_ + 1, most);
    return nullptr;
  }
  if (now.mono - changed_at_ < step) return nullptr;
  PaceChange change{
      .at = now.wall, .connections_before = connections(), .rate_before = rate_, .remote = {}, .said = {}};
  if (full || rate_ > 0) window_ = std::min(window_ + std::max(1.0, std::floor(most / 20)), most);
  if (rate_before_slow_ > 0) {
    rate_ += std::max(rate_before_slow_ / 10, rate_least);
    const double wanted = limits_.messages_per_second;
    if (rate_ >= 2 * rate_before_slow_ || (wanted > 0 && rate_ >= wanted)) {
      rate_ = wanted;
      rate_before_slow_ = 0;
    }
  }
  slowed_ = window_ < most || rate_before_slow_ > 0;
  changed_at_ = now.mono;
  change.connections = connections();
  change.rate = rate_;
  if (change.connections == change.connections_before && change.rate == change.rate_before) return nullptr;
  return note(std::move(change));
}

const PaceChange* Pace::slow(Now now, MonoTime started, const Throttle& why) {
  if (slowed_at_ != MonoTime::min() && started < slowed_at_) return nullptr;
  PaceChange change{.at = now.wall,
                    .cause = why.rate ? PaceCause::throttled : PaceCause::busy,
                    .connections_before = connections(),
                    .rate_before = rate_,
                    .remote = printable(why.remote, said_octets_max),
                    .said = printable(why.said, said_octets_max)};
  const bool alone = connections() == 1;  // fewer than one is a matter of time between messages
  const double used = std::min<double>(connections(), running_ + 1);
  window_ = std::max(1.0, std::floor(used / 2));
  if (why.rate || alone) {
    const double seen = std::max(seen_rate(now.mono), rate_least);
    const double was = rate_ > 0 ? std::min(rate_, seen) : seen;
    rate_ = std::max(was / 2, rate_least);
    if (limits_.messages_per_second > 0) rate_ = std::min(rate_, limits_.messages_per_second);
    rate_before_slow_ = std::max(was, 2 * rate_);
    next_ = now.mono + std::max(interval_of(rate_), burst);  // no burst now
  }
  slowed_ = true;
  slowed_at_ = changed_at_ = now.mono;
  change.connections = connections();
  change.rate = rate_;
  return note(std::move(change));
}

void Pace::begin_again() {
  window_ = std::min<double>(window_, connections_first);
}

void Pace::set_limits(PaceLimits limits) {
  limits.connections = std::max(limits.connections, 1u);
  if (limits == limits_) return;
  if (!slowed_ && limits.connections > limits_.connections)
    window_ = std::max(window_, static_cast<double>(std::min(connections_first, limits.connections)));
  window_ = std::min<double>(window_, limits.connections);
  if (rate_before_slow_ <= 0 || (limits.messages_per_second > 0 && limits.messages_per_second < rate_))
    rate_ = limits.messages_per_second;
  limits_ = limits;
}

// Increases that follow each other are one, or they would push out why it all began.
const PaceChange* Pace::note(PaceChange change) {
  if (!changes_) changes_ = std::make_unique<std::vector<PaceChange>>();
  auto& all = *changes_;
  if (change.cause == PaceCause::recovered && !all.empty() && all.back().cause == PaceCause::recovered) {
    change.connections_before = all.back().connections_before;
    change.rate_before = all.back().rate_before;
    all.back() = std::move(change);
  } else {
    if (all.size() == changes_max) all.erase(all.begin());
    all.push_back(std::move(change));
  }
  return &all.back();
}

std::vector<PaceChange> Pace::changes() const {
  return changes_ ? *changes_ : std::vector<PaceChange>{};
}

std::size_t Pace::memory_octets() const {
  if (!changes_) return 0;
  std::size_t octets = sizeof(std::vector<PaceChange>) + changes_->capacity() * sizeof(PaceChange);
  for (const auto& change : *changes_) octets += change.remote.capacity() + change.said.capacity();
  return octets;
}

}  // namespace postil::queue
