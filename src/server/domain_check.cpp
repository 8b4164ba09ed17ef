#include "server/domain_check.hpp"

#include "address/domain.hpp"
#include "dns/mx.hpp"

namespace postil::server {

env::Awaitable<DomainFinding> check_domain(env::Resolver& resolver, env::Clock& clock, event::Sink& events,
                                           std::string domain, Duration patience) {
  const auto name = address::to_ascii(domain);
  if (!name) co_return DomainFinding::not_found;
  const dns::Answer answer = co_await resolver.query(*name, dns::Type::mx, clock.now() + patience);
  const dns::MxSet mx = dns::classify_mx(answer);
  if (mx.stray_null || mx.kind == dns::MxSet::Kind::only_stray_null) {
    events.emit({event::Name::dns_null_mx_invalid, {{"domain", *name}}});
  }
  switch (mx.kind) {
    case dns::MxSet::Kind::null_mx:
      co_return DomainFinding::null_mx;
    case dns::MxSet::Kind::no_domain:
      co_return DomainFinding::not_found;
    default:
      co_return DomainFinding::good;
  }
}

}  // namespace postil::server
