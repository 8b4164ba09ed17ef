// Events as JSON lines to a file descriptor, from a thread of its own: who emits never waits. When the reader of the
// log is slower than the server, events below `warning` are dropped and counted; the count is told when there is room.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "env/clock.hpp"
#include "event/event.hpp"

namespace postil::app {

class EventLog : public event::Sink {
 public:
  // fd: open for appending; -1 = nothing is written, events are only counted. Not closed here.
  EventLog(int fd, event::Level least, env::Clock& clock);
  ~EventLog() override;  // writes what waits
  void emit(const event::Event& event) override;
  // Since the start, by declaration index: for the metrics.
  std::uint64_t count(event::Name name) const {
    return counts_[static_cast<std::size_t>(name)].load(std::memory_order_relaxed);
  }
  void set_level(event::Level least) { least_ = least; }

 private:
  void write_out();

  int fd_;
  std::atomic<event::Level> least_;
  env::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string waiting_;
  std::uint64_t dropped_ = 0;
  bool stop_ = false;
  std::array<std::atomic<std::uint64_t>, 128> counts_{};
  std::thread writer_;
};

}  // namespace postil::app
