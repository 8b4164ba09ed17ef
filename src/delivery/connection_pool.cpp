#include "delivery/connection_pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace postil::delivery {
namespace {
constexpr std::size_t idle_max = 1000;

env::Awaitable<void> quit_and_drop(std::unique_ptr<Connection> connection) {
  co_await connection->quit();
}
}  // namespace

ConnectionPool::~ConnectionPool() = default;

std::unique_ptr<Connection> ConnectionPool::take(const std::string& site) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(site);
  if (found == idle_.end()) return nullptr;
  // The one used last: the others age and end, so that no more stay open than the work needs.
  auto connection = std::move(found->second.back());
  found->second.pop_back();
  if (found->second.empty()) idle_.erase(found);
  --idle_count_;
  return connection;
}

void ConnectionPool::keep(const std::string& site, std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && idle_count_ < idle_max) {
      idle_[site].push_back(std::move(connection));
      ++idle_count_;
      return;
    }
  }
  let_go(std::move(connection));
}

void ConnectionPool::let_go(std::unique_ptr<Connection> connection) {
  const env::Executor executor = connection->executor();
  boost::asio::co_spawn(executor, quit_and_drop(std::move(connection)), boost::asio::detached);
}

void ConnectionPool::sweep(Duration age) {
  std::vector<std::unique_ptr<Connection>> old;
  {
    const std::lock_guard lock(mutex_);
    const MonoTime before = services_.clock.now() - age;
    for (auto site = idle_.begin(); site != idle_.end();) {
      for (auto it = site->second.begin(); it != site->second.end();) {
        if ((*it)->idle_since() <= before) {
          old.push_back(std::move(*it));
          it = site->second.erase(it);
          --idle_count_;
        } else {
          ++it;
        }
      }
      site = site->second.empty() ? idle_.erase(site) : std::next(site);
    }
  }
  for (auto& connection : old) let_go(std::move(connection));
}

void ConnectionPool::in_use(Connection* connection) {
  const std::lock_guard lock(mutex_);
  used_.insert(connection);
}

void ConnectionPool::not_in_use(Connection* connection) {
  const std::lock_guard lock(mutex_);
  used_.erase(connection);
}

void ConnectionPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (Connection* connection : used_) {
      boost::asio::post(connection->executor(), [this, connection] {
        const std::lock_guard again(mutex_);
        if (used_.contains(connection)) connection->cancel();
      });
    }
  }
  sweep(Duration(0));
}

std::size_t ConnectionPool::idle_count() const {
  const std::lock_guard lock(mutex_);
  return idle_count_;
}

}  // namespace postil::delivery
