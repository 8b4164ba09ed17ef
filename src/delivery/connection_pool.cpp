#include "delivery/connection_pool.hpp"

#include <algorithm>

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

// With the lock. The one used last: the others age and end, so that no more stay open than the work needs.
std::unique_ptr<Connection> ConnectionPool::take_from(IdleSites::iterator site) {
  auto connection = std::move(site->second.connections.back());
  site->second.connections.pop_back();
  if (site->second.connections.empty()) forget(site);
  --idle_count_;
  return connection;
}

// With the lock. Gives the next one.
ConnectionPool::IdleSites::iterator ConnectionPool::forget(IdleSites::iterator site) {
  const auto same = sites_by_hosts_.find(site->second.hosts);
  if (same != sites_by_hosts_.end()) {
    same->second.erase(site->first);
    if (same->second.empty()) sites_by_hosts_.erase(same);
  }
  return idle_.erase(site);
}

std::unique_ptr<Connection> ConnectionPool::take(const std::string& site) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(site);
  return found == idle_.end() ? nullptr : take_from(found);
}

std::unique_ptr<Connection> ConnectionPool::take_where(std::uint64_t hosts,
                                                       const std::function<bool(const Connection&)>& fits) {
  const std::lock_guard lock(mutex_);
  const auto same = sites_by_hosts_.find(hosts);
  if (hosts == 0 || same == sites_by_hosts_.end()) return nullptr;
  for (const auto& name : same->second) {
    const auto site = idle_.find(name);
    auto& all = site->second.connections;
    const auto found = std::ranges::find_if(all, [&](const auto& one) { return fits(*one); });
    if (found == all.end()) continue;
    auto connection = std::move(*found);
    all.erase(found);
    --idle_count_;
    if (all.empty()) forget(site);
    return connection;
  }
  return nullptr;
}

std::optional<env::Executor> ConnectionPool::executor_of(std::uint64_t hosts) const {
  const std::lock_guard lock(mutex_);
  const auto same = sites_by_hosts_.find(hosts);
  if (hosts == 0 || same == sites_by_hosts_.end()) return {};
  return idle_.find(*same->second.begin())->second.connections.back()->executor();
}

void ConnectionPool::make_room(std::uint64_t hosts) {
  std::unique_ptr<Connection> one;
  {
    const std::lock_guard lock(mutex_);
    const auto same = sites_by_hosts_.find(hosts);
    if (hosts == 0 || same == sites_by_hosts_.end()) return;
    one = take_from(idle_.find(*same->second.begin()));
  }
  let_go(std::move(one));
}

void ConnectionPool::keep(const std::string& site, std::unique_ptr<Connection> connection, std::uint64_t hosts) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && idle_count_ < idle_max) {
      const auto [at, fresh] = idle_.try_emplace(site);
      if (fresh && hosts != 0) {
        at->second.hosts = hosts;
        sites_by_hosts_[hosts].insert(site);
      }
      at->second.connections.push_back(std::move(connection));
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
      auto& connections = site->second.connections;
      for (auto it = connections.begin(); it != connections.end();) {
        if ((*it)->idle_since() <= before) {
          old.push_back(std::move(*it));
          it = connections.erase(it);
          --idle_count_;
        } else {
          ++it;
        }
      }
      site = connections.empty() ? forget(site) : std::next(site);
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
