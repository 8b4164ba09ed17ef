#include "server/domain_check.hpp"

#include "address/domain.hpp"
#include "dns/mx.hpp"

namespace postil::server {

env::Awaitable<policy::DomainFinding> check_domain(env::Resolver& resolver, env::Clock& clock, event::Sink& events,
                                                   std::string domain, Look look, Duration patience) {
  const auto name = address::to_ascii(domain);
  if (!name) co_return policy::DomainFinding::not_found;
  const MonoTime deadline = clock.now() + patience;
  const dns::Answer answer = co_await resolver.query(*name, dns::Type::mx, deadline);
  const dns::MxSet mx = dns::classify_mx(answer);
  if (mx.stray_null) events.emit({event::Name::dns_null_mx_invalid, {{"domain", *name}}});
  if (const auto finding = policy::judge_mx(mx)) co_return *finding;
  if (look == Look::mx_only) co_return policy::DomainFinding::good;
  const dns::Answer a = co_await resolver.query(mx.name, dns::Type::a, deadline);
  // Mostly there is one, and then the other need not be asked for.
  if (!a.records.empty()) co_return policy::DomainFinding::good;
  const dns::Answer aaaa = co_await resolver.query(mx.name, dns::Type::aaaa, deadline);
  co_return policy::judge_addresses(a, aaaa);
}

}  // namespace postil::server
