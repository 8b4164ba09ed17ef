// Hosts that said 521: they take no mail at all [rfc7504 3]. They are skipped for a while, and a message is returned
// only on what was heard lately: an older memory makes the host be asked again. What the host said is kept with the
// time, since a report quotes it. In memory only, bounded. One owner's thread.
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
  // hosts_max: beyond, the host that was heard longest ago is forgotten.
  explicit HostMemory(std::size_t hosts_max = 10'000) : hosts_max_(hosts_max) {}

  struct Heard {
    std::string reply;  // in one line, printable, at most reply_octets_max
    WallTime said;      // for people
    MonoTime at;
  };
  static constexpr std::size_t reply_octets_max = 500;

  // host_address: canonical, "192.0.2.1". reply: its 521, in one line. now never goes back.
  void heard_null(std::string_view host_address, std::string_view reply, MonoTime now, WallTime said);
  // It answered otherwise: the memory was wrong, or is.
  void heard_other(std::string_view host_address);

  // What it said, if that is younger than `age`; null: nothing. Until the next change of the memory.
  const Heard* heard_within(std::string_view host_address, MonoTime now, Duration age) const;

  std::size_t size() const { return hosts_.size(); }

 private:
  struct Host {
    std::string address;
    Heard heard;
  };
  std::size_t hosts_max_;
  std::list<Host> hosts_;                                                  // heard last in front
  std::unordered_map<std::string_view, std::list<Host>::iterator> index_;  // keys live in hosts_
};

}  // namespace postil::route
