// What server sessions need of the rest of the program; wired by app, replaced by the world in tests.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/ip.hpp"
#include "env/clock.hpp"
#include "env/entropy.hpp"
#include "env/network.hpp"
#include "env/resolver.hpp"
#include "env/store.hpp"
#include "event/event.hpp"
#include "history/history.hpp"
#include "history/suppression.hpp"
#include "policy/rules.hpp"
#include "sasl/server.hpp"
#include "smtp/server_session.hpp"

namespace postil::server {

// Accounts as the server asks for them. lookup() may read a file: it is called in the pool only.
class AccountSource {
 public:
  virtual ~AccountSource() = default;
  struct Found {
    bool available = true;          // false: the store is down -> 454
    sasl::Credentials credentials;  // made up for unknown users
  };
  virtual Found lookup(const std::string& user) = 0;
  // Of the snapshot that the last lookup read; any thread, no wait.
  virtual bool may_send_as(std::string_view login, std::string_view address) = 0;
  virtual std::string language(std::string_view login) = 0;
};

// Limits over time; any thread. Times are the caller's.
class RateLimits {
 public:
  virtual ~RateLimits() = default;
  // Until when logins from this address or for this account are refused; nothing if they are not.
  virtual std::optional<Duration> login_blocked(std::string_view address, std::string_view user, MonoTime now) = 0;
  virtual void login_ended(std::string_view address, std::string_view user, bool ok, MonoTime now) = 0;
  struct Exceeded {
    std::uint64_t limit = 0;
    std::string_view period;  // "hour" or "day"
  };
  // Counts one recipient of the account; says which limit it would break (then it is not counted).
  virtual std::optional<Exceeded> count_recipient(std::string_view login, MonoTime now) = 0;
};

// Where an accepted message goes once it is on disk. Any thread.
class Intake {
 public:
  virtual ~Intake() = default;
  virtual void arrived(queue::Envelope envelope) = 0;
  // How many messages of a login wait for the time that they name [rfc4865]; those that arrived before are counted.
  virtual env::Awaitable<std::uint64_t> leave_later(std::string login) = 0;
};

// Never changes; a reload makes a new one.
struct Policy {
  policy::Rules rules;
  Duration domain_check_deadline = seconds(3);
  Duration lifetime = days(5);
  int zone_minutes = 0;
  std::uint64_t hold_messages_max = 0;  // of one login that wait for their time at once; 0 = any number
  bool hash_bodies = false;             // there are DKIM keys, which want the hash of each body
};

struct SessionLimits {
  std::uint32_t sessions_max = 10000;
  std::uint32_t sessions_per_address_max = 100;
  std::vector<address::Network> unlimited_from;  // not counted per address
};

struct Services {
  env::Clock& clock;
  env::Timers& timers;
  env::Entropy& entropy;
  env::Resolver& resolver;
  env::Store& store;
  event::Sink& events;
  history::History& history;
  RateLimits& limits;
  Intake& intake;
  AccountSource* accounts = nullptr;  // null: nobody can log in
  env::Executor pool;                 // hashes and file reads
  std::atomic<int>* pool_waiting = nullptr;
  int pool_waiting_max = 64;
  std::function<MessageId(WallTime)> make_id;           // thread-safe
  const history::Suppressions* suppressions = nullptr;  // null: there is no such list
};

}  // namespace postil::server
