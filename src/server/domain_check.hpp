// Asks DNS of a domain before mail for it is taken; what the answers mean is policy/domain.hpp's. With a deadline:
// trouble in DNS never blocks a submission; then the message is taken, and the queue finds out. The resolver caches.
#pragma once

#include <string>

#include "env/clock.hpp"
#include "env/resolver.hpp"
#include "event/event.hpp"
#include "policy/domain.hpp"

namespace postil::server {

enum class Look : std::uint8_t {
  mx_only,        // whether there is a null MX: of a sender's domain
  all_the_hosts,  // and, where there is no MX, for the addresses of the domain itself: of a recipient's
};

// domain: lower case, A- or U-labels; not an address literal. patience: for all questions together.
env::Awaitable<policy::DomainFinding> check_domain(env::Resolver& resolver, env::Clock& clock, event::Sink& events,
                                                   std::string domain, Look look, Duration patience);

}  // namespace postil::server
