// One attempt: some recipients of one message at one site. Finds the hosts, connects or takes an idle connection,
// sends, and says what became of each recipient. Never loses one: every recipient has a result.
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
};

// On the executor of `idle` if one is given, else on any I/O executor.
env::Awaitable<queue::AttemptDone> run_attempt(AttemptServices with, queue::StartAttempt attempt,
                                               std::unique_ptr<Connection> idle);

}  // namespace postil::delivery
