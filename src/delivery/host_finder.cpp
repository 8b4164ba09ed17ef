#include "delivery/host_finder.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

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

// What DNS says of one host's addresses.
struct HostFinder::Found {
  std::vector<std::string> v6, v4;
  route::Cause why = route::Cause::dns_temporary;  // where there are none
};

env::Awaitable<HostFinder::Found> HostFinder::look_up(std::string host, MonoTime deadline) {
  Found found;
  if (auto ip = address::canonical_ip(host)) {
    auto& family = ip->find(':') != std::string::npos ? found.v6 : found.v4;
    family.push_back(*std::move(ip));
    co_return found;
  }
  const dns::Answer six = co_await services_.resolver.query(host, dns::Type::aaaa, deadline);
  const dns::Answer four = co_await services_.resolver.query(host, dns::Type::a, deadline);
  for (const auto& record : six.records) found.v6.push_back(std::get<dns::Address>(record).text);
  for (const auto& record : four.records) found.v4.push_back(std::get<dns::Address>(record).text);
  const bool definite = six.definite() && four.definite();
  const bool bogus = six.status == dns::Status::bogus || four.status == dns::Status::bogus;
  // A host of the domain that does not exist: the domain does, so this is no 5.1.2.
  found.why = bogus ? route::Cause::dns_bogus : definite ? route::Cause::no_address : route::Cause::dns_temporary;
  co_return found;
}

env::Awaitable<std::vector<HostFinder::Found>> HostFinder::look_up_all(std::vector<route::PlanHost> hosts,
                                                                       MonoTime deadline) {
  // What is under way may outlive this coroutine, when a server is torn down.
  struct All {
    std::vector<Found> found;
    std::size_t open = 0;
    env::Resume<bool> resume;
  };
  auto all = std::make_shared<All>();
  all->found.resize(hosts.size());
  all->open = hosts.size();
  const env::Executor here = co_await boost::asio::this_coro::executor;
  auto begin = [&](env::Resume<bool> resume) {
    all->resume = std::move(resume);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      auto take = [all, i](const std::exception_ptr& error, Found found) {
        if (!error) all->found[i] = std::move(found);
        if (--all->open == 0) all->resume(true);
      };
      boost::asio::co_spawn(here, look_up(hosts[i].name, deadline), std::move(take));
    }
  };
  co_await env::async<bool>(begin);
  co_return std::move(all->found);
}

env::Awaitable<HostFinder::Addresses> HostFinder::addresses(std::shared_ptr<const Settings> settings,
                                                            std::vector<route::PlanHost> equal) {
  Addresses out;
  const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
  std::vector<Found> found = co_await look_up_all(equal, deadline);
  std::vector<route::HostAddresses> hosts;
  for (std::size_t i = 0; i < equal.size(); ++i) {
    if (found[i].v6.empty() && found[i].v4.empty()) {
      // A smarthost without an address is a slip of the configuration or of its DNS, and no reason to return
      // everybody's mail.
      const bool slip = settings->smarthost && found[i].why == route::Cause::no_address;
      out.without.push_back({equal[i].name, slip ? route::Cause::dns_temporary : found[i].why});
    } else {
      hosts.push_back({std::move(equal[i]), std::move(found[i].v6), std::move(found[i].v4)});
    }
  }
  // The port that mail goes to may be ours on these addresses: a loop, unless it is a smarthost's.
  const std::vector<std::string> own = settings->smarthost ? std::vector<std::string>() : settings->own_names;
  Prng prng(services_.entropy.word());
  route::AddressPlan plan = route::plan_addresses(hosts, own, prng);
  out.ours = plan.why == route::Cause::mail_loop;
  const std::uint16_t port = settings->smarthost ? settings->smarthost->port : settings->port;
  for (auto& to : plan.addresses) out.addresses.push_back({std::move(to.host), std::move(to.address), port});
  co_return out;
}

std::optional<HostFinder::Known> HostFinder::known(const Settings& settings, const std::string& address) {
  const std::lock_guard lock(mutex_);
  const MonoTime now = services_.clock.now();
  const auto* heard = memory_.heard_within(address, now, settings.null_host_skip);
  if (!heard) return {};
  return Known{*heard, now - heard->at < settings.null_host_proof_max};
}

void HostFinder::heard_null(const std::string& address, std::string_view reply) {
  {
    const std::lock_guard lock(mutex_);
    memory_.heard_null(address, reply, services_.clock.now(), services_.clock.wall());
  }
  services_.events.emit({event::Name::host_null, {{"host", address}}});
}

void HostFinder::heard_other(const std::string& address) {
  const std::lock_guard lock(mutex_);
  memory_.heard_other(address);
}

}  // namespace postil::delivery
