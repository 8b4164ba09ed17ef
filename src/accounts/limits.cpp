#include "accounts/limits.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "accounts/user_record.hpp"
#include "address/ip.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/digest.hpp"

namespace postil::accounts {
namespace {

// A keyed hash: the entries are as good as of their own names, and of one size whatever a client sends.
std::uint64_t keyed(std::uint64_t seed, std::string_view text) {
  const std::string key(reinterpret_cast<const char*>(&seed), sizeof seed);
  const std::string mac = crypto::hmac(crypto::Hash::sha256, key, text);
  std::uint64_t value = 0;
  std::memcpy(&value, mac.data(), sizeof value);
  return value;
}

double part_gone(MonoTime begin, MonoTime now, Duration window) {
  return static_cast<double>((now - begin).count()) / static_cast<double>(window.count());
}

Duration of_window(Duration window, double part) {
  return Duration(static_cast<Duration::rep>(std::ceil(static_cast<double>(window.count()) * part)));
}

}  // namespace

SlidingCount SlidingCount::at(MonoTime now, Duration window) const {
  if (now - begin_ < window) return *this;
  SlidingCount moved;
  if (now - begin_ < 2 * window) {
    moved.begin_ = begin_ + window;
    moved.previous_ = current_;
  } else {
    moved.begin_ = now;
  }
  return moved;
}

void SlidingCount::add(MonoTime now, Duration window, std::uint32_t n) {
  if (current_ == 0 && previous_ == 0) begin_ = now;
  *this = at(now, window);
  current_ += n;
}

double SlidingCount::estimate(MonoTime now, Duration window) const {
  const SlidingCount here = at(now, window);
  const double overlap = 1 - part_gone(here.begin_, now, window);
  return static_cast<double>(here.current_) + static_cast<double>(here.previous_) * std::max(0.0, overlap);
}

Duration SlidingCount::until_room(MonoTime now, Duration window, std::uint32_t limit) const {
  POSTIL_ASSERT(limit > 0);
  const double room = limit - 1.0;
  if (estimate(now, window) <= room) return Duration::zero();
  const SlidingCount here = at(now, window);
  MonoTime when;
  if (static_cast<double>(here.current_) <= room) {  // as soon as enough of the previous window has gone by
    const double share = (room - static_cast<double>(here.current_)) / static_cast<double>(here.previous_);
    when = here.begin_ + of_window(window, 1 - share);
  } else {  // in the next window, in which the current one is the previous one
    when = here.begin_ + window + of_window(window, 1 - room / static_cast<double>(here.current_));
  }
  return std::max(when - now, Duration(1));
}

std::uint64_t LoginLimits::address_key(std::string_view address) const {
  const auto ip = address::Ip::parse(address);
  if (!ip || ip->is_v4()) return keyed(seed_, ip ? ip->text() : std::string(address));
  // A customer has a /64 at least, and would otherwise have as many tries as addresses.
  return keyed(seed_, std::string_view(reinterpret_cast<const char*>(ip->octets().data()), 8));
}

std::uint64_t LoginLimits::user_key(std::string_view user) const {
  return keyed(seed_, name_key(user).value_or(std::string(user)));
}

std::optional<Duration> LoginLimits::blocked(std::string_view address, std::string_view user, MonoTime now) {
  const std::uint64_t from = address_key(address);
  Duration longest = Duration::zero();
  if (const Entry* entry = addresses_.find(from)) longest = entry->locked_until - now;
  if (const Entry* entry = accounts_.find(user_key(user)); entry && entry->owner_address != from)
    longest = std::max(longest, entry->locked_until - now);
  if (longest <= Duration::zero()) return std::nullopt;
  return longest;
}

void LoginLimits::count_failure(Entry& entry, std::uint32_t limit, Duration window, MonoTime now) {
  if (limit == 0) return;
  entry.failures.add(now, window);
  // The sum of two windows is seldom whole: half a failure less counts as reached.
  if (entry.failures.estimate(now, window) < limit - 0.5) return;
  if (now - entry.locked_until > policy_.forgive_after) entry.locks = 0;
  Duration length = policy_.lock_first;
  for (std::uint32_t i = 0; i < entry.locks && length < policy_.lock_max; ++i) length *= 2;
  entry.locked_until = now + std::min(length, policy_.lock_max);
  ++entry.locks;
  entry.failures.reset();
}

void LoginLimits::ended(std::string_view address, std::string_view user, bool ok, MonoTime now) {
  const std::uint64_t from = address_key(address);
  Entry& account = accounts_.touch(user_key(user));
  if (ok) {
    account = Entry{};
    account.owner_address = from;
    return;
  }
  count_failure(account, policy_.per_account, policy_.account_window, now);
  count_failure(addresses_.touch(from), policy_.per_address, policy_.address_window, now);
}

std::optional<RecipientLimits::Exceeded> RecipientLimits::count(std::string_view login, MonoTime now) {
  Entry& entry = accounts_.touch(keyed(seed_, login));
  const struct {
    SlidingCount& count;
    std::uint32_t limit;
    Duration window;
    std::string_view period;
  } checks[] = {{entry.day, policy_.per_day, hours(24), "day"}, {entry.hour, policy_.per_hour, hours(1), "hour"}};
  for (const auto& check : checks) {
    if (check.limit == 0) continue;
    const Duration wait = check.count.until_room(now, check.window, check.limit);
    if (wait > Duration::zero()) return Exceeded{check.limit, check.period, wait};
  }
  for (const auto& check : checks)
    if (check.limit != 0) check.count.add(now, check.window);
  return std::nullopt;
}

}  // namespace postil::accounts
