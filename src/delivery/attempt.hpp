// One attempt: some recipients of one message at one site. Finds the hosts, connects or takes an idle connection,
// sends, and says what became of each recipient. Never loses one: every recipient has a result, unless the engine has
// put the attempt back.
#pragma once

#include "delivery/connection_pool.hpp"
#include "delivery/host_finder.hpp"
#include "delivery/services.hpp"
#include "queue/engine.hpp"

namespace postil::delivery {

struct AttemptServices {
  Services& services;
  ConnectionPool& pool;
  HostFinder& finder;
  std::shared_ptr<const Settings> settings;
  // Tells the engine the site's MX hosts; false: no connection may be made, the attempt ends without results and is
  // not to be reported. Empty: nobody wants to know.
  std::function<env::Awaitable<bool>(AttemptId, std::vector<std::string>)> found = {};
};

// On the executor of `idle` if one is given, else on any I/O executor.
env::Awaitable<queue::AttemptDone> run_attempt(AttemptServices with, queue::StartAttempt attempt,
                                               std::unique_ptr<Connection> idle);

}  // namespace postil::delivery
