// Threads: the one place where they are started.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "env/async.hpp"

namespace postil::env_asio {

// Opens the three descriptors that the timers and sockets of `context` work with. Asio opens them at the first use,
// which may come when a flood of connections has taken the last descriptor, and throws then. For start-up: throws
// boost::system::system_error where there are none.
void open_reactor(boost::asio::io_context& context);

// N threads over one queue, for work that blocks (the disk, password hashes). Work of one coroutine that
// must keep its order goes through a strand of executor(). The bound on what waits is the caller's to ask
// for: full() says that `queue_max` pieces of work, given by run(), wait or run.
class Pool {
 public:
  Pool(std::string name, std::size_t threads, std::size_t queue_max);
  ~Pool();  // stop()
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  env::Executor executor() { return context_.get_executor(); }
  bool full() const { return queued_.load(std::memory_order_relaxed) >= queue_max_; }
  std::size_t queued() const { return queued_.load(std::memory_order_relaxed); }
  // Runs `work` on a thread of the pool, unless the queue is full: then false and `work` is dropped.
  bool run(std::move_only_function<void()> work);
  // Lets what is queued end, then joins. After it, nothing runs.
  void stop();

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::size_t queue_max_;
  std::atomic<std::size_t> queued_{0};
  std::vector<std::jthread> threads_;
};

// The I/O threads: one io_context each. Connections are spread by load: whoever gives a connection to a
// thread holds a Load for as long as it lives.
class IoThreads {
 public:
  explicit IoThreads(std::size_t threads);
  ~IoThreads();  // stop()
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  class Load {
   public:
    Load() = default;
    explicit Load(std::shared_ptr<std::atomic<std::size_t>> count) : count_(std::move(count)) { ++*count_; }
    Load(Load&& other) noexcept : count_(std::move(other.count_)) {}
    Load& operator=(Load&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Load() {
      if (count_) --*count_;
    }

   private:
    std::shared_ptr<std::atomic<std::size_t>> count_;
  };
  struct Place {
    env::Executor executor;
    Load load;  // destroy it when the connection ends; any thread
  };

  std::size_t size() const { return threads_.size(); }
  env::Executor at(std::size_t index) { return threads_[index]->context.get_executor(); }
  Place least_loaded();  // any thread
  // Stops the loops where they are and joins; what waits in them is destroyed with this object.
  void stop();

 private:
  struct Thread {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
    std::shared_ptr<std::atomic<std::size_t>> load = std::make_shared<std::atomic<std::size_t>>(0);
    std::jthread thread;
  };
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace postil::env_asio
