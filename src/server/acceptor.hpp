// The accept loop of one listener: hands each connection to the least loaded I/O thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "reply/reply.hpp"
#include "server/session_driver.hpp"

namespace postil::server {

// Which executor the next session runs on; it counts there as long as `load` lives.
class SessionExecutors {
 public:
  virtual ~SessionExecutors() = default;
  struct Place {
    env::Executor executor;
    std::shared_ptr<void> load;
  };
  virtual Place pick() = 0;
};

// For ListenOptions: what sessions leave to the spool, DNS, deliveries and who asks what is wrong.
inline constexpr int spare_descriptors = 64;

class Acceptor {
 public:
  Acceptor(Services& services, Registry& registry, SessionExecutors& executors, std::unique_ptr<env::Listener> listener,
           std::shared_ptr<const ListenerState> state);
  // Accepts until stop(); on the listener's executor.
  env::Awaitable<void> run();
  // On the listener's executor. Sessions go on.
  void stop();
  // New sessions use this; thread-safe.
  void set_state(std::shared_ptr<const ListenerState> state);
  const env::Endpoint& local() const { return listener_->local(); }

 private:
  void serve(env::StreamPtr stream, SessionExecutors::Place place);
  bool turn_away();
  void tell_failure(const env::NetFailure& failure);

  Services& services_;
  Registry& registry_;
  SessionExecutors& executors_;
  std::unique_ptr<env::Listener> listener_;
  std::atomic<std::shared_ptr<const ListenerState>> state_;
  std::atomic<bool> stopped_ = false;
  MonoTime told_failure_{};  // when accept() failed and it was told
  std::shared_ptr<std::atomic<int>> hellos_awaited_ = std::make_shared<std::atomic<int>>(0);  // of those turned away
};

}  // namespace postil::server
