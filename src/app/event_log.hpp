// Events as JSON lines to a file descriptor, from a thread of its own: who emits never waits. When the reader of the
// log is slower than the server, lines are dropped and counted (those below `warning` first); the count is told when
// there is room.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
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
  ~EventLog() override;  // as finish(2 s)
  void emit(const event::Event& event) override;
  // Writes what waits; what nobody has read by then is dropped. Later events are only counted. Once, or not at all.
  void finish(Duration patience);
  // Since the start, by declaration index: for the metrics.
  std::uint64_t count(event::Name name) const {
    return counts_[static_cast<std::size_t>(name)].load(std::memory_order_relaxed);
  }
  // Lines that were not written because nobody read them, since the start.
  std::uint64_t dropped() const { return dropped_all_.load(std::memory_order_relaxed); }
  void set_level(event::Level least) { least_ = least; }

 private:
  void write_out();
  bool write_all(std::string_view text);
  bool wait_writable() const;
  void drop(std::uint64_t lines);

  int fd_;
  enum class Kind : std::uint8_t { file, socket, other } kind_ = Kind::other;
  std::atomic<event::Level> least_;
  env::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::string waiting_;
  std::uint64_t dropped_ = 0;  // since the last line that told of it
  std::atomic<std::uint64_t> dropped_all_ = 0;
  bool stop_ = false;
  std::atomic<std::chrono::steady_clock::time_point> write_until_ = std::chrono::steady_clock::time_point::max();
  std::array<std::atomic<std::uint64_t>, 128> counts_{};
  std::thread writer_;
};

}  // namespace postil::app
