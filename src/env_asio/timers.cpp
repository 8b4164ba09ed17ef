#include "env_asio/timers.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/assert.hpp"
#include "env_asio/clock.hpp"

namespace postil::env_asio {
namespace {

namespace asio = boost::asio;

class AsioTimer : public env::Timer {
 public:
  explicit AsioTimer(const env::Executor& executor) : timer_(executor) {}
  ~AsioTimer() override {
    if (wait_ != nullptr) wait_->timer = nullptr;
  }

  env::Awaitable<bool> wait_until(MonoTime deadline) override {
    POSTIL_ASSERT(wait_ == nullptr);
    Wait wait{this};  // outlives the timer when that is destroyed under the waiter
    wait_ = &wait;
    timer_.expires_at(steady(deadline));
    auto [error] = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (wait.timer == nullptr) co_return false;
    // A cancel() that came after the expiry, before we ran, still counts: the waiter was told to stop.
    co_return !error && !wait.cancelled;
  }

  void cancel() override {
    if (wait_ == nullptr) return;
    wait_->cancelled = true;
    timer_.cancel();
  }

 private:
  struct Wait {
    AsioTimer* timer;
    bool cancelled = false;
    ~Wait() {  // also when the coroutine is destroyed where it waits
      if (timer != nullptr) timer->wait_ = nullptr;
    }
  };
  asio::steady_timer timer_;
  Wait* wait_ = nullptr;
};

}  // namespace

std::unique_ptr<env::Timer> AsioTimers::make(env::Executor executor) {
  return std::make_unique<AsioTimer>(executor);
}

}  // namespace postil::env_asio
