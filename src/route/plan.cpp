#include "route/plan.hpp"

#include <algorithm>
#include <optional>

namespace postil::route {
namespace {

template <class Range>
void shuffle(Range&& range, Prng& prng) {
  for (std::size_t i = range.size(); i > 1; --i) {
    std::swap(range[i - 1], range[static_cast<std::size_t>(prng.below(i))]);
  }
}

bool among(std::span<const std::string> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Cause cause_of(dns::MxSet::Kind kind) {
  switch (kind) {
    case dns::MxSet::Kind::null_mx:
      return Cause::null_mx;
    case dns::MxSet::Kind::only_stray_null:
      return Cause::only_invalid_null_mx;
    case dns::MxSet::Kind::no_domain:
      return Cause::domain_not_found;
    case dns::MxSet::Kind::hosts:
    case dns::MxSet::Kind::implicit:
    case dns::MxSet::Kind::temporary:
      break;
  }
  return Cause::dns_temporary;
}

}  // namespace

HostPlan plan_hosts(const dns::MxSet& mx, std::span<const std::string> own_names, Prng& prng,
                    const PlanLimits& limits) {
  HostPlan plan;
  plan.stray_null = mx.stray_null;
  plan.why = cause_of(mx.kind);
  if (mx.kind == dns::MxSet::Kind::implicit) {
    plan.implicit = true;
    plan.hosts.push_back({mx.name, 0});
  } else if (mx.kind == dns::MxSet::Kind::hosts) {
    for (const auto& host : mx.hosts) plan.hosts.push_back({host.exchange, host.preference});
    std::ranges::stable_sort(plan.hosts, {}, &PlanHost::preference);
  } else {
    return plan;
  }
  std::optional<std::uint16_t> ours;
  for (const auto& host : plan.hosts) {
    if (among(own_names, host.name)) {
      ours = host.preference;
      break;
    }
  }
  if (ours) {
    std::erase_if(plan.hosts, [&](const PlanHost& host) { return host.preference >= *ours; });
    plan.why = Cause::mail_loop;
  }
  for (std::size_t from = 0; from < plan.hosts.size();) {
    std::size_t to = from;
    while (to < plan.hosts.size() && plan.hosts[to].preference == plan.hosts[from].preference) ++to;
    shuffle(std::span(plan.hosts).subspan(from, to - from), prng);
    from = to;
  }
  if (plan.hosts.size() > limits.hosts_max) plan.hosts.resize(limits.hosts_max);
  return plan;
}

std::vector<std::string> order_addresses(std::vector<std::string> v6, std::vector<std::string> v4, Prng& prng,
                                         std::size_t max) {
  shuffle(v6, prng);
  shuffle(v4, prng);
  std::vector<std::string> out;
  for (std::size_t i = 0; out.size() < max && i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) out.push_back(std::move(v6[i]));
    if (i < v4.size() && out.size() < max) out.push_back(std::move(v4[i]));
  }
  return out;
}

AddressPlan plan_addresses(std::span<const HostAddresses> hosts, std::span<const std::string> own_addresses, Prng& prng,
                           const PlanLimits& limits) {
  AddressPlan plan;
  std::optional<std::uint16_t> ours;
  for (const auto& host : hosts) {
    const auto own = [&](const std::string& address) { return among(own_addresses, address); };
    if (!std::ranges::any_of(host.v6, own) && !std::ranges::any_of(host.v4, own)) continue;
    ours = ours ? std::min(*ours, host.host.preference) : host.host.preference;
  }
  if (ours) plan.why = Cause::mail_loop;
  for (const auto& host : hosts) {
    if (ours && host.host.preference >= *ours) continue;
    for (auto& address : order_addresses(host.v6, host.v4, prng, limits.addresses_per_host_max)) {
      if (plan.addresses.size() >= limits.addresses_max) return plan;
      const bool twice = std::ranges::find(plan.addresses, address, &PlanAddress::address) != plan.addresses.end();
      if (!twice) plan.addresses.push_back({host.host.name, host.host.preference, std::move(address)});
    }
  }
  return plan;
}

}  // namespace postil::route
