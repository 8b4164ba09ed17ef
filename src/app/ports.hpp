// What a whole server stands on: the ports and the executors. `serve` gives the real ones, the world simulated ones
// (there all executors are one io_context), so that two servers can live in one process.
#pragma once

#include <functional>
#include <memory>

#include "env/clock.hpp"
#include "env/disk.hpp"
#include "env/entropy.hpp"
#include "env/https.hpp"
#include "env/network.hpp"
#include "env/resolver.hpp"
#include "event/event.hpp"
#include "server/acceptor.hpp"
#include "server/services.hpp"

namespace postil::app {

struct Ports {
  env::Clock& clock;
  env::Timers& timers;
  env::Entropy& entropy;
  env::Network& network;
  env::Resolver& resolver;
  env::Disk& spool_disk;
  env::Disk& history_disk;
  event::Sink& events;
  env::Https* https = nullptr;  // null: no MTA-STS
};

struct Executors {
  env::Executor main;            // acceptors, control
  env::Executor engine;          // the queue
  env::Executor flusher;         // the spool's writer
  env::Executor readers;         // blocking reads of bodies
  env::Executor history;         // the history's writer
  env::Executor pool;            // password hashes, users file
  server::SessionExecutors& io;  // sessions and attempts
};

}  // namespace postil::app
