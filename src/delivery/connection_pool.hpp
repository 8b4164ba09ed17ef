// Idle connections, kept a few seconds for the next message to the same site. Thread-safe; a connection is used
// and ended on its own executor only.
#pragma once

#include <list>
#include <memory>
#include <mutex>
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
  // Keeps the connection, or lets it go (QUIT) where it is full or stopping. On the connection's executor.
  void keep(const std::string& site, std::unique_ptr<Connection> connection);
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
  std::unordered_map<std::string, std::list<std::unique_ptr<Connection>>> idle_;
  std::unordered_set<Connection*> used_;
  std::size_t idle_count_ = 0;
  bool stopping_ = false;
};

}  // namespace postil::delivery
