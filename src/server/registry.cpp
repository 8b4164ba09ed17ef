#include "server/registry.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "reply/catalogue.hpp"

namespace postil::server {

std::optional<reply::Reply> Registry::enter(const std::string& address, const std::string& host_name) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return reply::make(reply::TextId::stopping, {{"host", host_name}});
  if (sessions_ >= limits_.sessions_max) return reply::make(reply::TextId::too_many_sessions, {{"host", host_name}});
  if (too_many_from(address)) {
    return reply::make(reply::TextId::too_many_sessions_from, {{"host", host_name}, {"address", address}});
  }
  ++per_address_[address];
  ++sessions_;
  return {};
}

bool Registry::too_many_from(const std::string& address) const {
  const auto found = per_address_.find(address);
  const std::uint32_t count = found == per_address_.end() ? 0 : found->second;
  if (address.empty() || count < limits_.sessions_per_address_max) return false;
  return std::ranges::none_of(limits_.unlimited_from, [&](const auto& network) { return network.contains(address); });
}

void Registry::leave(const std::string& address) {
  const std::lock_guard lock(mutex_);
  POSTIL_ASSERT(sessions_ > 0);
  drop(address);
  --sessions_;
}

void Registry::drop(const std::string& address) {
  const auto found = per_address_.find(address);
  POSTIL_ASSERT(found != per_address_.end());
  if (--found->second == 0) per_address_.erase(found);
}

std::optional<reply::Reply> Registry::move(const std::string& from, const std::string& to,
                                           const std::string& host_name) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return reply::make(reply::TextId::stopping, {{"host", host_name}});
  if (from == to) return {};
  if (too_many_from(to)) {
    return reply::make(reply::TextId::too_many_sessions_from, {{"host", host_name}, {"address", to}});
  }
  ++per_address_[to];
  drop(from);
  return {};
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
