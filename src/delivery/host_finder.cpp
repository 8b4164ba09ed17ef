#include "delivery/host_finder.hpp"

#include <algorithm>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"

namespace postil::delivery {

env::Awaitable<HostFinder::Hosts> HostFinder::hosts(std::shared_ptr<const Settings> settings, std::string site) {
  Hosts out;
  if (settings->smarthost) {
    out.hosts = {{settings->smarthost->host, 0}};
    co_return out;
  }
  if (site.starts_with('[')) {
    const auto ip = address::literal_ip(site);
    if (ip) {
      out.hosts = {{*ip, 0}};
    } else {
      out.why = route::Cause::no_address;
    }
    co_return out;
  }
  const auto name = address::to_ascii(site);
  if (!name) {
    out.why = route::Cause::domain_not_found;
    co_return out;
  }
  const dns::Answer answer =
      co_await services_.resolver.query(*name, dns::Type::mx, services_.clock.now() + settings->dns_timeout);
  const dns::MxSet mx = dns::classify_mx(answer);
  std::vector<std::string> own = settings->own_names;
  own.push_back(to_lower(settings->host_name));
  Prng prng(services_.entropy.word());
  route::HostPlan plan = route::plan_hosts(mx, own, prng);
  if (plan.stray_null) services_.events.emit({event::Name::dns_null_mx_invalid, {{"domain", *name}}});
  out.hosts = std::move(plan.hosts);
  out.why = plan.why;
  if (answer.status == dns::Status::bogus) out.why = route::Cause::dns_bogus;
  out.detail = answer.detail;
  co_return out;
}

env::Awaitable<HostFinder::Addresses> HostFinder::addresses(std::shared_ptr<const Settings> settings,
                                                            std::string host) {
  Addresses out;
  const std::uint16_t port = settings->smarthost ? settings->smarthost->port : settings->port;
  // The port that mail goes to may be ours on these addresses: a loop, unless it is the demo's or a smarthost's.
  const auto own = [&](const std::string& address) {
    return !settings->smarthost && std::ranges::find(settings->own_names, address) != settings->own_names.end();
  };
  if (const auto ip = address::canonical_ip(host)) {
    if (own(*ip)) {
      out.why = route::Cause::mail_loop;
    } else {
      out.addresses = {{host, *ip, port}};
    }
    co_return out;
  }
  const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
  const dns::Answer six = co_await services_.resolver.query(host, dns::Type::aaaa, deadline);
  const dns::Answer four = co_await services_.resolver.query(host, dns::Type::a, deadline);
  std::vector<std::string> v6, v4;
  for (const auto& record : six.records) v6.push_back(std::get<dns::Address>(record).text);
  for (const auto& record : four.records) v4.push_back(std::get<dns::Address>(record).text);
  if (v6.empty() && v4.empty()) {
    const bool definite = six.definite() && four.definite();
    const bool bogus = six.status == dns::Status::bogus || four.status == dns::Status::bogus;
    // A host of the domain that does not exist: the domain does, so this is no 5.1.2. A smarthost without an address
    // is a slip of the configuration or of its DNS, and no reason to return everybody's mail.
    out.why = bogus                              ? route::Cause::dns_bogus
              : !definite || settings->smarthost ? route::Cause::dns_temporary
                                                 : route::Cause::no_address;
    co_return out;
  }
  if (std::ranges::any_of(v6, own) || std::ranges::any_of(v4, own)) {
    out.why = route::Cause::mail_loop;
    co_return out;
  }
  Prng prng(services_.entropy.word());
  for (auto& address :
       route::order_addresses(std::move(v6), std::move(v4), prng, route::PlanLimits{}.addresses_per_host_max)) {
    out.addresses.push_back({host, std::move(address), port});
  }
  co_return out;
}

HostFinder::Known HostFinder::known(const Settings& settings, const std::string& address) {
  const std::lock_guard lock(mutex_);
  const MonoTime now = services_.clock.now();
  if (memory_.heard_within(address, now, std::min(settings.null_host_proof_max, settings.null_host_skip))) {
    return Known::null_lately;
  }
  return memory_.heard_within(address, now, settings.null_host_skip) ? Known::null_before : Known::nothing;
}

void HostFinder::heard_null(const Settings&, const std::string& address) {
  const std::lock_guard lock(mutex_);
  memory_.heard_null(address, services_.clock.now());
  services_.events.emit({event::Name::host_null, {{"host", address}}});
}

void HostFinder::heard_other(const std::string& address) {
  const std::lock_guard lock(mutex_);
  memory_.heard_other(address);
}

}  // namespace postil::delivery
