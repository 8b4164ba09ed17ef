#include "env_asio/pool.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>

#include "base/assert.hpp"

namespace postil::env_asio {
namespace {

void name_this_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());  // the kernel takes 15 letters
}

}  // namespace

void open_reactor(boost::asio::io_context& context) {
  const boost::asio::steady_timer timer(context);
}

Pool::Pool(std::string name, std::size_t threads, std::size_t queue_max)
    : work_(context_.get_executor()), queue_max_(queue_max) {
  POSTIL_ASSERT(threads > 0);
  open_reactor(context_);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, thread_name = fmt::format("{}-{}", name, i)] {
      name_this_thread(thread_name);
      context_.run();
    });
  }
}

Pool::~Pool() {
  stop();
}

bool Pool::run(std::move_only_function<void()> work) {
  if (queued_.fetch_add(1) >= queue_max_) {
    --queued_;
    return false;
  }
  boost::asio::post(context_, [this, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it holds goes before the count says so
    --queued_;
  });
  return true;
}

void Pool::stop() {
  work_.reset();
  threads_.clear();  // joins
}

IoThreads::IoThreads(std::size_t threads) {
  POSTIL_ASSERT(threads > 0);
  for (std::size_t i = 0; i < threads; ++i) {
    auto& made = *threads_.emplace_back(std::make_unique<Thread>());
    open_reactor(made.context);
    made.thread = std::jthread([&made, i] {
      name_this_thread(fmt::format("io-{}", i));
      made.context.run();
    });
  }
}

IoThreads::~IoThreads() {
  stop();
}

IoThreads::Place IoThreads::least_loaded() {
  const auto least = std::min_element(threads_.begin(), threads_.end(), [](const auto& a, const auto& b) {
    return a->load->load(std::memory_order_relaxed) < b->load->load(std::memory_order_relaxed);
  });
  return {(*least)->context.get_executor(), Load((*least)->load)};
}

void IoThreads::stop() {
  for (auto& thread : threads_) thread->context.stop();
  for (auto& thread : threads_) {
    if (thread->thread.joinable()) thread->thread.join();
  }
}

}  // namespace postil::env_asio
