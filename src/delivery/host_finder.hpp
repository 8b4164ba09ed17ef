// Where mail for a site goes: MX and address look-ups, what hosts said 521 lately. Thread-safe.
#pragma once

#include <mutex>
#include <optional>
#include <span>

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
  // are looked up at the same time.
  env::Awaitable<Addresses> addresses(std::shared_ptr<const Settings> settings, std::vector<route::PlanHost> equal);

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
  env::Awaitable<Found> look_up(std::string host, MonoTime deadline);
  env::Awaitable<std::vector<Found>> look_up_all(std::vector<route::PlanHost> hosts, MonoTime deadline);

  Services& services_;
  std::mutex mutex_;
  route::HostMemory memory_;
};

}  // namespace postil::delivery
