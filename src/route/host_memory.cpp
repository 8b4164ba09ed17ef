#include "route/host_memory.hpp"

namespace postil::route {

void HostMemory::heard_null(std::string_view host_address, MonoTime now) {
  if (const auto found = index_.find(host_address); found != index_.end()) {
    found->second->at = now;
    hosts_.splice(hosts_.begin(), hosts_, found->second);
    return;
  }
  if (limits_.hosts_max == 0) return;
  while (hosts_.size() >= limits_.hosts_max) {
    index_.erase(hosts_.back().address);
    hosts_.pop_back();
  }
  hosts_.push_front({std::string(host_address), now});
  index_.emplace(hosts_.front().address, hosts_.begin());
}

void HostMemory::heard_other(std::string_view host_address) {
  const auto found = index_.find(host_address);
  if (found == index_.end()) return;
  const auto at = found->second;
  index_.erase(found);
  hosts_.erase(at);
}

bool HostMemory::heard_within(std::string_view host_address, MonoTime now, Duration age) const {
  const auto found = index_.find(host_address);
  return found != index_.end() && now - found->second->at < age;
}

bool HostMemory::skip(std::string_view host_address, MonoTime now) const {
  return heard_within(host_address, now, limits_.skip);
}

}  // namespace postil::route
