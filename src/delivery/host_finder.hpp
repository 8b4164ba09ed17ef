// Where mail for a site goes: MX and address look-ups, what hosts said 521 lately. Thread-safe.
#pragma once

#include <mutex>

#include "delivery/connection.hpp"
#include "route/host_memory.hpp"
#include "route/plan.hpp"

namespace postil::delivery {

class HostFinder {
 public:
  explicit HostFinder(Services& services) : services_(services) {}

  struct Hosts {
    std::vector<route::PlanHost> hosts;  // in the order of trying; empty: `why`
    route::Cause why = route::Cause::dns_temporary;
    std::string detail;  // for people, where DNS said more
  };
  // site: a domain, an address literal with brackets, or the engine's fixed site.
  env::Awaitable<Hosts> hosts(std::shared_ptr<const Settings> settings, std::string site);

  struct Addresses {
    std::vector<HostAddress> addresses;  // both families; empty: `why`
    route::Cause why = route::Cause::no_address;
  };
  env::Awaitable<Addresses> addresses(std::shared_ptr<const Settings> settings, std::string host);

  // The memory of 521s.
  enum class Known : std::uint8_t {
    nothing,
    null_lately,
    null_before
  };  // within null_host_proof_max; within null_host_skip
  Known known(const Settings& settings, const std::string& address);
  void heard_null(const Settings& settings, const std::string& address);
  void heard_other(const std::string& address);

 private:
  Services& services_;
  std::mutex mutex_;
  route::HostMemory memory_;
};

}  // namespace postil::delivery
