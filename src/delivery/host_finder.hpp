// Where mail for a site goes: MX and address look-ups, what a connection to each host must prove (DANE, MTA-STS, the
// configuration), what hosts said 521 lately. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <span>

#include "delivery/connection.hpp"
#include "delivery/host_policy.hpp"
#include "delivery/transport_policies.hpp"
#include "route/host_memory.hpp"
#include "route/plan.hpp"

namespace postil::delivery {

class HostFinder {
 public:
  explicit HostFinder(Services& services) : services_(services), policies_(services) {}
  TransportPolicies& policies() { return policies_; }

  // What is known of the domain that its hosts are judged by.
  struct Security {
    std::string site;        // as it was asked for
    std::string domain;      // A-labels; "" = no name: no policies
    std::string expanded;    // where its CNAME chain ended
    bool mx_secure = false;  // the MX answer was signed, or the host is configured
    TransportPolicies::PolicyPtr sts;
    std::uint32_t ttl_seconds = 0;  // of the MX answer
  };
  struct Hosts {
    std::vector<route::PlanHost> hosts;  // in the order of trying; empty: `why`
    route::Cause why = route::Cause::dns_temporary;
    std::string detail;  // for people, where DNS said more
    Security security;
  };
  // site: a domain, an address literal with brackets, or the engine's fixed site.
  env::Awaitable<Hosts> hosts(std::shared_ptr<const Settings> settings, std::string site);

  struct Addresses {
    // One of the hosts is we: neither it nor those of its preference nor worse ones may be asked [rfc5321 5.1].
    // `addresses` is empty then.
    bool ours = false;
    std::vector<HostAddress> addresses;  // in the order of trying, both families, each once
    struct Without {
      std::string host;
      route::Cause why;
    };
    std::vector<Without> without;  // hosts for which DNS gave none
  };
  // equal: hosts of one preference, all of them, so that whether we are among them is known before one is asked. They
  // are looked up at the same time, TLSA records behind the addresses of each [rfc7672 2.2.2].
  env::Awaitable<Addresses> addresses(std::shared_ptr<const Settings> settings, std::vector<route::PlanHost> equal,
                                      Security security);

  // The memory of 521s.
  struct Known {
    route::HostMemory::Heard heard;
    bool proof = false;  // said within null_host_proof_max: a message may be returned on it
  };
  // What the host said within null_host_skip, if anything.
  std::optional<Known> known(const Settings& settings, const std::string& address);
  void heard_null(const std::string& address, std::string_view reply);
  void heard_other(const std::string& address);

 private:
  struct Found;
  // port: for TLSA records; 0 = they are not wanted.
  env::Awaitable<Found> look_up(std::string host, std::uint16_t port, MonoTime deadline);
  env::Awaitable<std::vector<Found>> look_up_all(std::vector<route::PlanHost> hosts, std::uint16_t port,
                                                 MonoTime deadline);
  env::Awaitable<dns::Answer> mx_and_policy(std::shared_ptr<const Settings> settings, std::string domain,
                                            Security& security);
  std::shared_ptr<const HostPolicy> policy_of(std::shared_ptr<const Settings> settings, const std::string& host,
                                              const Found& found, const Security& security) const;

  Services& services_;
  TransportPolicies policies_;
  std::mutex mutex_;
  route::HostMemory memory_;
};

}  // namespace postil::delivery
