// The queue engine's executor: feeds it, carries out its effects, keeps the order of what is written.
//
//   arrived() ─► Engine::step ─► StartAttempt ─► run_attempt on an I/O thread ─► AttemptDone ─► Engine::step
//                            └─► Persist ─► one batch: states, reports, deletion ─► store
//
// Batches of one message are written one after the other, in the engine's order. A batch that the disk refuses is
// tried again until it is written: the engine has gone on, and a restart would repeat the attempt.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "delivery/attempt.hpp"
#include "delivery/reports.hpp"
#include "queue/engine.hpp"

namespace postil::delivery {

class PostOffice {
 public:
  // executor: the engine's own; one thread. All other members are called from any thread unless said.
  PostOffice(Services& services, std::shared_ptr<const Settings> settings, queue::EngineSettings engine,
             ReportWriter& reports, env::Executor executor);
  ~PostOffice();

  // Takes what waits in the store. Awaited before the server listens; gives the number of messages.
  env::Awaitable<env::StoreResult<std::uint64_t>> open();
  void arrived(queue::Envelope envelope);
  void set_settings(std::shared_ptr<const Settings> settings, queue::EngineSettings engine);

  // No new attempts; running ones get `grace`, then their connections are cut (their recipients wait for the next
  // start). Returns when all results are written or the disk refuses.
  env::Awaitable<void> stop(Duration grace);

  // Durable when it returns. Gives the messages that were changed.
  env::Awaitable<std::vector<MessageId>> act(queue::Admin::Action action, queue::Filter filter);
  // Runs `read` on the engine's executor: for the views of the engine.
  template <class Read>
  auto ask(Read read) -> env::Awaitable<std::invoke_result_t<Read, const queue::Engine&, queue::Now>> {
    auto* state = state_.get();
    auto work = [this, state, read = std::move(read)] { return read(engine_of(state), now()); };
    co_return co_await env::on(executor_, std::move(work));
  }
  queue::Now now() const;

 private:
  struct State;
  static const queue::Engine& engine_of(State* state);
  env::Executor executor_;
  Services& services_;
  std::unique_ptr<State> state_;
};

}  // namespace postil::delivery
