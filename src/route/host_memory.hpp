// Hosts that said 521: they take no mail at all [rfc7504 3]. They are skipped for a while, and a message is returned
// only on what was heard lately: an older memory makes the host be asked again. In memory only, bounded. One owner's
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.hpp"

namespace postil::route {

class HostMemory {
 public:
  struct Limits {
    Duration skip = hours(4);        // after which the host is asked again in any case
    std::size_t hosts_max = 10'000;  // beyond, the host that was heard longest ago is forgotten
  };
  HostMemory() : HostMemory(Limits{}) {}
  explicit HostMemory(Limits limits) : limits_(limits) {}

  // host_address: canonical, "192.0.2.1". now never goes back.
  void heard_null(std::string_view host_address, MonoTime now);
  // It answered otherwise: the memory was wrong, or is.
  void heard_other(std::string_view host_address);

  // Whether to pass the host over, as long as another one is left.
  bool skip(std::string_view host_address, MonoTime now) const;
  // Whether its 521 is fresh enough to return a message on it without asking.
  bool heard_within(std::string_view host_address, MonoTime now, Duration age = minutes(10)) const;

  std::size_t size() const { return hosts_.size(); }

 private:
  struct Heard {
    std::string address;
    MonoTime at;
  };
  Limits limits_;
  std::list<Heard> hosts_;                                                  // heard last in front
  std::unordered_map<std::string_view, std::list<Heard>::iterator> index_;  // keys live in hosts_
};

}  // namespace postil::route
