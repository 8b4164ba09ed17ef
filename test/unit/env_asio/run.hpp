// Runs coroutines to their end on an io_context of the test, within a limit of real time.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <optional>

#include "env_asio/clock.hpp"
#include "env_asio/network.hpp"

namespace postil::test {

inline MonoTime in(Duration wait) {
  return env_asio::SystemClock::mono_now() + wait;
}

class Loop {
 public:
  env::Executor executor() { return context.get_executor(); }

  template <class T>
  T run(env::Awaitable<T> what, std::chrono::seconds limit = std::chrono::seconds(20)) {
    std::optional<T> result;
    boost::asio::co_spawn(context, std::move(what), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      result.emplace(std::move(value));
    });
    context.restart();
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!result && std::chrono::steady_clock::now() < end && context.run_one_until(end) > 0) {
    }
    if (!result) throw std::runtime_error("the coroutine did not end in time");
    return std::move(*result);
  }

  // Starts one that goes on beside run().
  void spawn(env::Awaitable<void> what) {
    boost::asio::co_spawn(context, std::move(what), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  }

  // Runs `what` a little later, when the coroutine of run() waits already.
  void later(std::move_only_function<void()> what) {
    auto timer = std::make_unique<boost::asio::steady_timer>(context, std::chrono::milliseconds(20));
    auto& started = *timer;
    started.async_wait([timer = std::move(timer), what = std::move(what)](auto) mutable { what(); });
  }

  boost::asio::io_context context{1};
};

// Both ends of a connection over 127.0.0.1.
struct Pair {
  env::StreamPtr client;
  env::StreamPtr server;
};

inline env::Awaitable<Pair> connect_pair(env::Network* network, env::Listener* listener) {
  const auto executor = co_await boost::asio::this_coro::executor;
  Pair pair;
  auto client = co_await network->connect(listener->local(), "", in(seconds(5)));
  if (!client) throw std::runtime_error("connect: " + client.error().detail);
  auto server = co_await listener->accept(executor);
  if (!server) throw std::runtime_error("accept: " + server.error().detail);
  pair.client = std::move(*client);
  pair.server = std::move(*server);
  co_return std::move(pair);
}

}  // namespace postil::test
