// What DNS says of a domain before mail for it is taken: does it exist, does it take mail? With a deadline: trouble
// in DNS never blocks a submission; then the message is taken, and the queue finds out. The resolver caches.
#pragma once

#include <string>

#include "env/clock.hpp"
#include "env/resolver.hpp"
#include "event/event.hpp"

namespace postil::server {

enum class DomainFinding : std::uint8_t {
  good,       // it may take mail, or DNS gave no answer in time
  null_mx,    // one MX record, preference 0, "." [rfc7505 3]
  not_found,  // NXDOMAIN for MX, or neither MX nor addresses at a name that does not exist
};

// domain: lower case, A- or U-labels; not an address literal.
env::Awaitable<DomainFinding> check_domain(env::Resolver& resolver, env::Clock& clock, event::Sink& events,
                                           std::string domain, Duration patience);

}  // namespace postil::server
