#include "app/event_log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/assert.hpp"

namespace postil::app {
namespace {

constexpr std::size_t waiting_octets_max = 8u << 20;
constexpr std::size_t loud_octets_max = 16u << 20;  // warnings and errors have room of their own
constexpr int look_again_milliseconds = 100;
constexpr std::size_t piece_octets_max = PIPE_BUF;  // what poll() promises not to block for

}  // namespace

EventLog::EventLog(int fd, event::Level least, env::Clock& clock) : fd_(fd), least_(least), clock_(clock) {
  POSTIL_ASSERT(event::declaration_count() <= counts_.size());
  if (fd_ < 0) return;
  struct stat what{};
  if (::fstat(fd_, &what) == 0) {
    kind_ = S_ISREG(what.st_mode) ? Kind::file : S_ISSOCK(what.st_mode) ? Kind::socket : Kind::other;
  }
  writer_ = std::thread([this] { write_out(); });
}

EventLog::~EventLog() {
  finish(seconds(2));
}

void EventLog::finish(Duration patience) {
  if (!writer_.joinable()) return;
  write_until_ = std::chrono::steady_clock::now() + patience;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

void EventLog::emit(const event::Event& event) {
  counts_[static_cast<std::size_t>(event.name)].fetch_add(1, std::memory_order_relaxed);
  const auto level = event::declaration(event.name).level;
  if (fd_ < 0 || level < least_.load(std::memory_order_relaxed)) return;
  std::string line = event::to_json(event, clock_.wall()) + "\n";
  const std::lock_guard lock(mutex_);
  if (stop_) return;
  if (waiting_.size() > (level < event::Level::warning ? waiting_octets_max : loud_octets_max)) return drop(1);
  const bool was_empty = waiting_.empty();
  waiting_ += line;
  if (was_empty) wake_.notify_one();
}

void EventLog::drop(std::uint64_t lines) {
  dropped_ += lines;
  dropped_all_.fetch_add(lines, std::memory_order_relaxed);
}

// False: nobody has read by the end of our patience.
bool EventLog::wait_writable() const {
  for (;;) {
    pollfd one{fd_, POLLOUT, 0};
    const int ready = ::poll(&one, 1, look_again_milliseconds);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;  // an error is write()'s to tell
    if (std::chrono::steady_clock::now() >= write_until_.load()) return false;
  }
}

// False: given up. Never blocks in write(), so that a reader who stands still cannot keep the server from ending.
bool EventLog::write_all(std::string_view text) {
  while (!text.empty()) {
    if (kind_ != Kind::file && !wait_writable()) {
      const std::lock_guard lock(mutex_);
      drop(static_cast<std::uint64_t>(std::ranges::count(text, '\n')));
      return false;
    }
    const auto octets = kind_ == Kind::file ? text.size() : std::min(text.size(), piece_octets_max);
    const auto n = kind_ == Kind::socket ? ::send(fd_, text.data(), octets, MSG_DONTWAIT | MSG_NOSIGNAL)
                                         : ::write(fd_, text.data(), octets);
    if (n < 0 && errno == EAGAIN) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return true;  // nobody reads any more: the server goes on without a log
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void EventLog::write_out() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty() && stop_) return;
    std::string text = std::exchange(waiting_, {});
    if (dropped_ > 0) text += fmt::format("{{\"event\":\"log.dropped\",\"count\":{}}}\n", std::exchange(dropped_, 0));
    lock.unlock();
    const bool written = write_all(text);
    lock.lock();
    if (written) continue;
    drop(static_cast<std::uint64_t>(std::ranges::count(waiting_, '\n')));
    return;
  }
}

}  // namespace postil::app
