// Where an HTTPS server is: addresses of its name, by our own resolver.
#pragma once

#include <string>
#include <vector>

#include "env/resolver.hpp"

namespace postil::delivery {

// host: A-labels. IPv6 before IPv4; empty when there are none or DNS does not answer in time.
env::Awaitable<std::vector<std::string>> addresses_of(env::Resolver& resolver, std::string host, MonoTime deadline);

}  // namespace postil::delivery
