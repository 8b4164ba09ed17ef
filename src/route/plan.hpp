// Which hosts are tried for a domain, and in which order [rfc5321 5.1]. Pure: DNS answers in, lists out.
//
//   plan_hosts(MX set)              names by preference, equal ones shuffled; we ourselves taken out
//   plan_addresses(their addresses) addresses to connect to; both families, IPv6 first; we ourselves taken out
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.hpp"
#include "dns/mx.hpp"
#include "route/trouble.hpp"

namespace postil::route {

struct PlanLimits {
  std::size_t hosts_max = 20;
  std::size_t addresses_max = 30;
  std::size_t addresses_per_host_max = 8;
};

struct PlanHost {
  std::string name;  // lower case, no dot at the end
  std::uint16_t preference = 0;
  friend bool operator==(const PlanHost&, const PlanHost&) = default;
};

struct HostPlan {
  std::vector<PlanHost> hosts;  // in the order of trying; empty: `why` says why
  Cause why = Cause::dns_temporary;
  bool implicit = false;    // no MX: the domain itself is the host
  bool stray_null = false;  // to be told: dns_null_mx_invalid
};

// own_names: names under which we take mail, lower case. Hosts of the same preference as ours and of worse ones are not
// tried: they would send to us. None left: mail_loop.
HostPlan plan_hosts(const dns::MxSet& mx, std::span<const std::string> own_names, Prng& prng,
                    const PlanLimits& limits = {});

struct HostAddresses {
  PlanHost host;
  std::vector<std::string> v6, v4;  // canonical
};

struct PlanAddress {
  std::string host;
  std::uint16_t preference = 0;
  std::string address;
  friend bool operator==(const PlanAddress&, const PlanAddress&) = default;
};

struct AddressPlan {
  std::vector<PlanAddress> addresses;  // empty: `why`
  Cause why = Cause::no_address;
};

// One host's addresses: the families take turns, IPv6 first, each shuffled; so that the second try is already another
// way. At most max.
std::vector<std::string> order_addresses(std::vector<std::string> v6, std::vector<std::string> v4, Prng& prng,
                                         std::size_t max);

// hosts: as plan_hosts() ordered them. own_addresses: canonical, with the port that mail goes to being ours. A host
// that has one of them is we: it and all of its preference and of worse ones are left out; when nothing is left,
// mail_loop.
AddressPlan plan_addresses(std::span<const HostAddresses> hosts, std::span<const std::string> own_addresses, Prng& prng,
                           const PlanLimits& limits = {});

}  // namespace postil::route
