// How callbacks become coroutines here. Every port is an awaitable on the caller's own executor;
// `async` bridges from whatever thread the answer comes on.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

namespace postil::env {

namespace asio = boost::asio;
template <class T = void>
using Awaitable = asio::awaitable<T>;
using Executor = asio::any_io_executor;

// Goes on with a suspended coroutine. Call it once, from any thread; the coroutine goes on on its own
// executor, never inside the call. A Resume that is destroyed without a call ends the coroutine there
// (its frame is destroyed), as when a server is torn down.
template <class T>
using Resume = std::move_only_function<void(T)>;

// Suspends the calling coroutine, hands its Resume to `start`, and gives what the Resume was called with.
//   auto start = [&](env::Resume<Answer> resume) { ask(std::move(resume)); };
//   auto answer = co_await env::async<Answer>(start);
// Give lambdas and aggregates names before a co_await, as here: g++ 12 destroys such temporaries twice, once where
// they were made and once in the coroutine's frame (scripts/check-coroutines.py looks for them).
// `start` runs inside the call. Whatever it captures by reference must live until the coroutine goes on.
template <class T, class Start>
Awaitable<T> async(Start start) {
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(T)>(
      [&start](auto handler) {
        auto executor = asio::get_associated_executor(handler);
        start(Resume<T>([handler = std::move(handler), executor](T value) mutable {
          asio::post(executor, [handler = std::move(handler), value = std::move(value)]() mutable {
            std::move(handler)(std::move(value));
          });
        }));
      },
      asio::use_awaitable);
}

// Runs `work` on `executor` (a pool for blocking calls, another module's thread) and gives its result here.
template <class Work>
auto on(Executor executor, Work work) -> Awaitable<std::invoke_result_t<Work>> {
  using T = std::invoke_result_t<Work>;
  auto start = [&](Resume<T> resume) {
    asio::post(executor, [resume = std::move(resume), work = std::move(work)]() mutable { resume(work()); });
  };
  co_return co_await async<T>(start);
}

}  // namespace postil::env
