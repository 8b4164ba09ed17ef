// Tries a login on the ports of one host, one AUTH after the other: what is refused counts there, and may lock the
// account.
#pragma once

#include <deque>

#include "check/host_probe.hpp"

namespace postil::check {

// Refused logins in all, where Options::all_mechanisms does not ask for every one: two tell a wrong password from a
// mechanism that does not work; once a login has worked, the server knows who is there, and one more is allowed.
inline constexpr int refused_logins_max = 2;

// ports: host, address, port and implicit_tls are set. A connection for each further mechanism is added to `all`, whose
// elements stay where they are. Nothing of the password gets into them.
env::Awaitable<void> probe_logins(HostProbe probe, std::deque<diagnose::Connection>* all,
                                  std::vector<diagnose::Connection*> ports);

}  // namespace postil::check
