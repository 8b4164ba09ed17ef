#include "server/registry.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "reply/catalogue.hpp"

namespace postil::server {

std::optional<reply::Reply> Registry::enter(const std::string& address, const std::string& host_name) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return reply::make(reply::TextId::stopping, {{"host", host_name}});
  if (sessions_ >= limits_.sessions_max) return reply::make(reply::TextId::too_many_sessions, {{"host", host_name}});
  auto& count = per_address_[address];
  const bool unlimited =
      std::ranges::any_of(limits_.unlimited_from, [&](const auto& network) { return network.contains(address); });
  if (count >= limits_.sessions_per_address_max && !unlimited) {
    return reply::make(reply::TextId::too_many_sessions_from, {{"host", host_name}, {"address", address}});
  }
  ++count;
  ++sessions_;
  return {};
}

void Registry::leave(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = per_address_.find(address);
  POSTIL_ASSERT(found != per_address_.end() && sessions_ > 0);
  if (--found->second == 0) per_address_.erase(found);
  --sessions_;
}

void Registry::set_limits(SessionLimits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = std::move(limits);
}

void Registry::add(SessionId id, std::function<void()> interrupt) {
  const std::lock_guard lock(mutex_);
  interrupts_.emplace(id, std::move(interrupt));
}

void Registry::remove(SessionId id) {
  const std::lock_guard lock(mutex_);
  interrupts_.erase(id);
}

void Registry::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& [id, interrupt] : interrupts_) interrupt();
}

bool Registry::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::size_t Registry::sessions() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

}  // namespace postil::server
