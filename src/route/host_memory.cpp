#include "route/host_memory.hpp"

#include "base/bytes.hpp"

namespace postil::route {

void HostMemory::heard_null(std::string_view host_address, std::string_view reply, MonoTime now, WallTime said) {
  Heard heard{printable(reply, reply_octets_max), said, now};
  if (const auto found = index_.find(host_address); found != index_.end()) {
    found->second->heard = std::move(heard);
    hosts_.splice(hosts_.begin(), hosts_, found->second);
    return;
  }
  if (hosts_max_ == 0) return;
  while (hosts_.size() >= hosts_max_) {
    index_.erase(hosts_.back().address);
    hosts_.pop_back();
  }
  hosts_.push_front({std::string(host_address), std::move(heard)});
  index_.emplace(hosts_.front().address, hosts_.begin());
}

void HostMemory::heard_other(std::string_view host_address) {
  const auto found = index_.find(host_address);
  if (found == index_.end()) return;
  const auto at = found->second;
  index_.erase(found);
  hosts_.erase(at);
}

const HostMemory::Heard* HostMemory::heard_within(std::string_view host_address, MonoTime now, Duration age) const {
  const auto found = index_.find(host_address);
  if (found == index_.end() || now - found->second->heard.at >= age) return nullptr;
  return &found->second->heard;
}

}  // namespace postil::route
