// The open sessions of a server: limits per address and in all, and the way to end them when it stops.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "reply/reply.hpp"
#include "server/services.hpp"

namespace postil::server {

class Registry {
 public:
  explicit Registry(SessionLimits limits) : limits_(std::move(limits)) {}

  // A place for a session from this address, or the reply that refuses it. The place is given back by leave().
  std::optional<reply::Reply> enter(const std::string& address, const std::string& host_name);
  void leave(const std::string& address);
  // The place that `from` has is another client's; refused, it stays that of `from`. from "": its client is not known
  // yet, and it counts for no address.
  std::optional<reply::Reply> move(const std::string& from, const std::string& to, const std::string& host_name);
  void set_limits(SessionLimits limits);

  // `interrupt` ends the session's pending read; called from stop(), on the stopping thread: it must post.
  void add(SessionId id, std::function<void()> interrupt);
  void remove(SessionId id);
  // Every session is interrupted, and later ones see stopping().
  void stop();
  bool stopping() const;
  std::size_t sessions() const;
  SessionId next_id() { return SessionId{++last_id_}; }

 private:
  bool too_many_from(const std::string& address) const;
  void drop(const std::string& address);

  mutable std::mutex mutex_;
  SessionLimits limits_;
  std::unordered_map<std::string, std::uint32_t> per_address_;
  std::uint32_t sessions_ = 0;
  std::unordered_map<SessionId, std::function<void()>> interrupts_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> last_id_ = 0;
};

}  // namespace postil::server
