// Coroutines side by side on the executor of the caller.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "env/async.hpp"

namespace postil::check {

// Runs one of them and counts it out.
inline env::Awaitable<void> counted(env::Awaitable<void> work, std::shared_ptr<std::size_t> left,
                                    std::shared_ptr<env::Resume<bool>> resume) {
  co_await std::move(work);
  if (--*left == 0 && *resume) (*resume)(true);
}

// Ends when all have ended. Each has its own deadline; nothing is given up here. All run on one executor, which one
// thread at a time runs.
inline env::Awaitable<void> side_by_side(std::vector<env::Awaitable<void>> works) {
  if (works.empty()) co_return;
  const auto executor = co_await env::asio::this_coro::executor;
  auto left = std::make_shared<std::size_t>(works.size());
  auto resume = std::make_shared<env::Resume<bool>>();
  auto start = [&](env::Resume<bool> done) {
    *resume = std::move(done);
    for (auto& work : works) {
      // What it throws comes out of the loop that runs it: nothing is expected to.
      env::asio::co_spawn(executor, counted(std::move(work), left, resume), [](std::exception_ptr thrown) {
        if (thrown) std::rethrow_exception(thrown);
      });
    }
  };
  co_await env::async<bool>(start);
}

}  // namespace postil::check
