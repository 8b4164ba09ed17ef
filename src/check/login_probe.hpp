// Tries a login: one connection for each mechanism that a port offers.
#pragma once

#include <deque>

#include "check/host_probe.hpp"

namespace postil::check {

inline constexpr std::size_t login_mechanisms_max = 6;  // of one port

// connection: host, address, port and implicit_tls are set. Further connections are added to `all`, whose elements stay
// where they are. Nothing of the password gets into them.
env::Awaitable<void> probe_login(HostProbe probe, std::deque<diagnose::Connection>* all,
                                 diagnose::Connection* connection);

}  // namespace postil::check
