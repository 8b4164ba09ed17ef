// The real machine under a server: threads, clocks, network, disks. The one place where they are put together.
#pragma once

#include <memory>
#include <string>

#include "app/ports.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/disk.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/https.hpp"
#include "env_asio/network.hpp"
#include "env_asio/pool.hpp"
#include "env_asio/timers.hpp"

namespace postil::app {

class Machine {
 public:
  // io_threads: 0 = one per core.
  explicit Machine(std::size_t io_threads);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Opens (and makes, mode 0700) a folder for the spool or the history.
  static env::DiskResult<std::unique_ptr<env::Disk>> folder(const std::string& path);
  Executors executors();
  // Main: acceptors, control, signals. Runs on the calling thread until stop().
  boost::asio::io_context& main() { return main_; }
  env::Https& https() { return https_; }
  // Ends all threads; nothing runs after it. Objects that wait in the executors are destroyed with this object.
  void stop_threads();

  env_asio::SystemClock clock;
  env_asio::AsioTimers timers;
  env_asio::SystemEntropy entropy;
  env_asio::AsioNetwork network;

 private:
  struct Io;
  boost::asio::io_context main_{1};
  env_asio::Pool engine_{"engine", 1, 1u << 30};
  env_asio::Pool flusher_{"flusher", 1, 1u << 30};
  env_asio::Pool readers_{"readers", 2, 1u << 30};
  env_asio::Pool history_{"history", 1, 1u << 30};
  env_asio::Pool pool_{"pool", 2, 1u << 30};
  std::unique_ptr<env_asio::IoThreads> io_;
  std::unique_ptr<Io> sessions_;
  env_asio::CurlHttps https_;  // its answers go to the executors above: it ends first
};

// Tells systemd (NOTIFY_SOCKET) "READY=1" and the like; nothing where there is no systemd.
void notify_service_manager(const std::string& state);
// Numeric addresses of this machine's interfaces.
std::vector<std::string> own_addresses();

}  // namespace postil::app
