// Idle connections, kept a few seconds for the next message to the same site. Thread-safe; a connection is used
// and ended on its own executor only.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "delivery/connection.hpp"

namespace postil::delivery {

class ConnectionPool {
 public:
  explicit ConnectionPool(Services& services) : services_(services) {}
  ~ConnectionPool();

  // An idle connection to the site, not necessarily fresh; null: none. The caller goes on on its executor.
  std::unique_ptr<Connection> take(const std::string& site);
  // An idle connection of a site with these MX hosts that fits; null: none. hosts: queue::hash_of_hosts(); 0 = not
  // known.
  std::unique_ptr<Connection> take_where(std::uint64_t hosts, const std::function<bool(const Connection&)>& fits);
  // Where such a connection is to be used.
  std::optional<env::Executor> executor_of(std::uint64_t hosts) const;
  // A new connection to these hosts is about to be made: one that idles there for another domain is let go, so that
  // both together stay within the limit. hosts: queue::hash_of_hosts(); 0 = not known.
  void make_room(std::uint64_t hosts);
  // Keeps the connection, or lets it go (QUIT) where it is full or stopping. On the connection's executor.
  void keep(const std::string& site, std::unique_ptr<Connection> connection, std::uint64_t hosts = 0);
  // Ends those that have been idle longer than `age`; all of them with 0.
  void sweep(Duration age);
  // Connections in use, so that a stop can end them.
  void in_use(Connection* connection);
  void not_in_use(Connection* connection);
  void stop();  // ends idle ones, cancels those in use; later keep() lets go
  std::size_t idle_count() const;

 private:
  void let_go(std::unique_ptr<Connection> connection);

  Services& services_;
  mutable std::mutex mutex_;
  struct Idle {
    std::list<std::unique_ptr<Connection>> connections;  // not empty
    std::uint64_t hosts = 0;
  };
  using IdleSites = std::unordered_map<std::string, Idle>;
  std::unique_ptr<Connection> take_from(IdleSites::iterator site);
  IdleSites::iterator forget(IdleSites::iterator site);

  IdleSites idle_;
  std::unordered_map<std::uint64_t, std::unordered_set<std::string>> sites_by_hosts_;  // of idle_, where known
  std::unordered_set<Connection*> used_;
  std::size_t idle_count_ = 0;
  bool stopping_ = false;
};

}  // namespace postil::delivery
