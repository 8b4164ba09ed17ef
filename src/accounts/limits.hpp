// Limits over time: failed logins for each address and each account, recipients for each account. Pure: the time
// is given; memory is bounded, what was not used for longest is forgotten first. One thread at a time; the times
// given may not go back. Counts are of the sliding kind with two windows: the last one weighs as much as still
// overlaps, so a limit is met within some percent and one entry costs a few words.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/time.hpp"

namespace postil::accounts {

class SlidingCount {
 public:
  void add(MonoTime now, Duration window, std::uint32_t n = 1);
  double estimate(MonoTime now, Duration window) const;
  // How long until one more fits below limit; zero if it does now. limit > 0.
  Duration until_room(MonoTime now, Duration window, std::uint32_t limit) const;
  void reset() { *this = {}; }

 private:
  // The count as it is at now: windows that went by are moved.
  SlidingCount at(MonoTime now, Duration window) const;
  MonoTime begin_{};  // of the current window
  std::uint64_t current_ = 0;
  std::uint64_t previous_ = 0;
};

// A map that holds at most so many entries.
template <class Value>
class RecentTable {
 public:
  explicit RecentTable(std::size_t entries_max) : entries_max_(entries_max) {}
  // The entry, made if it is not there, now the one used last.
  Value& touch(std::uint64_t key) {
    if (Value* found = find(key)) return *found;
    if (order_.size() >= entries_max_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, Value{});
    index_[key] = order_.begin();
    return order_.front().second;
  }
  Value* find(std::uint64_t key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, at->second);
    return &at->second->second;
  }
  std::size_t size() const { return order_.size(); }

 private:
  using Order = std::list<std::pair<std::uint64_t, Value>>;
  std::size_t entries_max_;
  Order order_;
  std::unordered_map<std::uint64_t, typename Order::iterator> index_;
};

struct LoginPolicy {
  std::uint32_t per_address = 10;  // failures in the window; 0 = no limit
  Duration address_window = minutes(10);
  std::uint32_t per_account = 20;
  Duration account_window = minutes(10);
  Duration lock_first = minutes(5);  // doubled with each further lock
  Duration lock_max = hours(1);
  Duration forgive_after = hours(24);  // without a lock: the next one is a first one again
  std::size_t entries_max = 100'000;   // of addresses, and as many of accounts
};

class LoginLimits {
 public:
  // seed: random, so that nobody outside can choose names that share an entry.
  LoginLimits(LoginPolicy policy, std::uint64_t seed) : policy_(policy), seed_(seed) {}

  // How much longer logins are refused from this address (an IPv6 one stands for its /64) or for this account (also
  // of a name that does not exist); nothing if they are not. An account's lock does not hold for the address from
  // which its owner has last logged in: otherwise anybody could lock him out.
  std::optional<Duration> blocked(std::string_view address, std::string_view user, MonoTime now);
  // The end of a login that was tried; do not tell those that were refused because of blocked(). A success clears the
  // account, not the address: who has one good account could try others' passwords for ever.
  void ended(std::string_view address, std::string_view user, bool ok, MonoTime now);

 private:
  struct Entry {
    SlidingCount failures;
    MonoTime locked_until{};
    std::uint32_t locks = 0;
    std::uint64_t owner_address = 0;  // of accounts
  };
  void count_failure(Entry& entry, std::uint32_t limit, Duration window, MonoTime now);
  std::uint64_t address_key(std::string_view address) const;
  std::uint64_t user_key(std::string_view user) const;

  LoginPolicy policy_;
  std::uint64_t seed_;
  RecentTable<Entry> addresses_{policy_.entries_max};
  RecentTable<Entry> accounts_{policy_.entries_max};
};

struct RecipientPolicy {
  std::uint32_t per_hour = 1000;  // recipients of one account; 0 = no limit
  std::uint32_t per_day = 10'000;
  std::size_t entries_max = 100'000;
};

class RecipientLimits {
 public:
  RecipientLimits(RecipientPolicy policy, std::uint64_t seed) : policy_(policy), seed_(seed) {}

  struct Exceeded {
    std::uint32_t limit = 0;
    std::string_view period;  // "hour" or "day"
    Duration retry_after{};   // then one fits again
  };
  // Counts one recipient of the account; says which limit it would break, and then does not count it.
  std::optional<Exceeded> count(std::string_view login, MonoTime now);

 private:
  struct Entry {
    SlidingCount hour;
    SlidingCount day;
  };
  RecipientPolicy policy_;
  std::uint64_t seed_;
  RecentTable<Entry> accounts_{policy_.entries_max};
};

}  // namespace postil::accounts
