#include "delivery/host_finder.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <optional>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"

namespace postil::delivery {

namespace {

constexpr Duration policy_age_min = minutes(1), policy_age_max = hours(1);
constexpr std::uint32_t no_ttl_seconds = 3600;  // of what DNS was not asked for

// Whether the destination's policy leaves something to DANE or MTA-STS.
bool asks_dane(const Settings& settings, const std::string& domain) {
  if (const auto* configured = transport::policy_for(settings.tls_policies, domain)) {
    return configured->level == transport::Level::dane;
  }
  return settings.dane && settings.tls_least != transport::Level::never;
}
bool asks_sts(const Settings& settings, const std::string& domain) {
  return settings.mta_sts && settings.tls_least != transport::Level::never &&
         transport::policy_for(settings.tls_policies, domain) == nullptr;
}

}  // namespace

// Both questions at the same time: the policy's is answered from memory mostly.
env::Awaitable<dns::Answer> HostFinder::mx_and_policy(std::shared_ptr<const Settings> settings, std::string domain,
                                                      Security& security) {
  struct Both {
    std::optional<dns::Answer> mx;
    env::Resume<dns::Answer> resume;
  };
  const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
  if (!asks_sts(*settings, domain)) co_return co_await services_.resolver.query(domain, dns::Type::mx, deadline);
  auto both = std::make_shared<Both>();
  const env::Executor here = co_await boost::asio::this_coro::executor;
  auto take = [both](const std::exception_ptr& error, dns::Answer answer) {
    if (error) answer = {};
    if (!both->resume) {
      both->mx = std::move(answer);
      return;
    }
    auto resume = std::move(both->resume);
    resume(std::move(answer));
  };
  boost::asio::co_spawn(here, services_.resolver.query(domain, dns::Type::mx, deadline), std::move(take));
  security.sts = co_await policies_.of(settings, domain);
  if (both->mx) co_return std::move(*both->mx);
  // From here on only the question holds it: it holds this coroutine.
  auto wait = [&](env::Resume<dns::Answer> resume) {
    both->resume = std::move(resume);
    both.reset();
  };
  dns::Answer mx = co_await env::async<dns::Answer>(wait);
  co_return mx;
}

env::Awaitable<HostFinder::Hosts> HostFinder::hosts(std::shared_ptr<const Settings> settings, std::string site) {
  Hosts out;
  out.security.site = site;
  if (settings->smarthost) {
    out.hosts = {{settings->smarthost->host, 0}};
    const bool socket = settings->smarthost->host.starts_with('/');
    out.security.domain = socket ? std::string() : to_lower(settings->smarthost->host);
    out.security.mx_secure = !socket;
    out.security.ttl_seconds = no_ttl_seconds;
    co_return out;
  }
  if (site.starts_with('[')) {
    const auto ip = address::literal_ip(site);
    out.security.ttl_seconds = no_ttl_seconds;
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
  out.security.domain = to_lower(*name);
  const dns::Answer answer = co_await mx_and_policy(settings, out.security.domain, out.security);
  out.security.expanded = answer.canonical_name;
  out.security.mx_secure = answer.secure;
  out.security.ttl_seconds = answer.ttl_seconds;
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
  std::optional<transport::DaneResult> dane;       // where it was wanted
  std::uint32_t ttl_seconds = 0;                   // of the addresses
};

env::Awaitable<HostFinder::Found> HostFinder::look_up(std::string host, std::uint16_t port, MonoTime deadline) {
  Found found;
  if (host.starts_with('/')) {
    found.ttl_seconds = no_ttl_seconds;
    found.v4.push_back(host);
    co_return found;
  }
  if (auto ip = address::canonical_ip(host)) {
    found.ttl_seconds = no_ttl_seconds;
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
  found.ttl_seconds = four.records.empty() ? six.ttl_seconds : four.ttl_seconds;
  if (port != 0 && (!found.v6.empty() || !found.v4.empty())) {
    transport::DaneLookup dane(host, port, six, four);
    while (auto question = dane.next()) {
      const dns::Answer answer = co_await services_.resolver.query(question->name, question->type, deadline);
      dane.answer(answer);
    }
    found.dane = dane.result();
  }
  // A host of the domain that does not exist: the domain does, so this is no 5.1.2.
  found.why = bogus ? route::Cause::dns_bogus : definite ? route::Cause::no_address : route::Cause::dns_temporary;
  co_return found;
}

env::Awaitable<std::vector<HostFinder::Found>> HostFinder::look_up_all(std::vector<route::PlanHost> hosts,
                                                                       std::uint16_t port, MonoTime deadline) {
  // What is under way may outlive this coroutine, when a server is torn down.
  struct All {
    std::vector<Found> found;
    std::size_t open = 0;
    env::Resume<std::vector<Found>> resume;
  };
  auto all = std::make_shared<All>();
  all->found.resize(hosts.size());
  all->open = hosts.size();
  const env::Executor here = co_await boost::asio::this_coro::executor;
  auto begin = [&](env::Resume<std::vector<Found>> resume) {
    all->resume = std::move(resume);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      auto take = [all, i](const std::exception_ptr& error, Found found) {
        if (!error) all->found[i] = std::move(found);
        if (--all->open > 0) return;
        auto go_on = std::move(all->resume);
        go_on(std::move(all->found));
      };
      boost::asio::co_spawn(here, look_up(hosts[i].name, port, deadline), std::move(take));
    }
    all.reset();  // only the questions hold it: it holds this coroutine
  };
  std::vector<Found> found = co_await env::async<std::vector<Found>>(begin);
  co_return found;
}

std::shared_ptr<const HostPolicy> HostFinder::policy_of(std::shared_ptr<const Settings> settings,
                                                        const std::string& host, const Found& found,
                                                        const Security& security) const {
  transport::HostCase host_case;
  host_case.domain = security.domain;
  host_case.expanded = security.expanded;
  host_case.host = to_lower(host);
  host_case.least = settings->tls_least;
  host_case.least_ca_file = settings->tls_ca_file;
  host_case.configured = transport::policy_for(settings->tls_policies, security.domain);
  host_case.mx_secure = security.mx_secure;
  host_case.dane = found.dane ? &*found.dane : nullptr;
  host_case.sts = security.sts.get();
  auto policy = std::make_shared<HostPolicy>();
  policy->settings = settings;
  policy->site = security.site;
  policy->domain = security.domain;
  policy->ruling = transport::rule_on_host(host_case);
  policy->ruling.requirement.ca_file =
      policy->ruling.requirement.ca_file.empty() ? settings->tls_ca_file : policy->ruling.requirement.ca_file;
  policy->sts = security.sts;
  policy->dane = found.dane;
  std::uint32_t ttl = std::min(security.ttl_seconds, found.ttl_seconds);
  if (found.dane) ttl = std::min(ttl, found.dane->ttl_seconds);
  policy->until = services_.clock.now() + std::clamp<Duration>(seconds(ttl), policy_age_min, policy_age_max);
  return policy;
}

env::Awaitable<HostFinder::Addresses> HostFinder::addresses(std::shared_ptr<const Settings> settings,
                                                            std::vector<route::PlanHost> equal, Security security) {
  Addresses out;
  const MonoTime deadline = services_.clock.now() + settings->dns_timeout;
  const std::uint16_t mail_port = settings->smarthost ? settings->smarthost->port : settings->port;
  const bool dane = security.mx_secure && asks_dane(*settings, security.domain);
  std::vector<Found> found = co_await look_up_all(equal, dane ? mail_port : std::uint16_t{0}, deadline);
  std::vector<route::HostAddresses> hosts;
  std::map<std::string, std::shared_ptr<const HostPolicy>> host_policies;
  for (std::size_t i = 0; i < equal.size(); ++i) {
    if (!found[i].v6.empty() || !found[i].v4.empty()) {
      host_policies.emplace(equal[i].name, policy_of(settings, equal[i].name, found[i], security));
    }
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
  for (auto& to : plan.addresses) {
    auto policy = host_policies[to.host];
    out.addresses.push_back({std::move(to.host), std::move(to.address), mail_port, std::move(policy)});
  }
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
