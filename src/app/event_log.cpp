#include "app/event_log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.hpp"

namespace postil::app {
namespace {
constexpr std::size_t waiting_octets_max = 8u << 20;
}

EventLog::EventLog(int fd, event::Level least, env::Clock& clock) : fd_(fd), least_(least), clock_(clock) {
  POSTIL_ASSERT(event::declaration_count() <= counts_.size());
  if (fd_ >= 0) writer_ = std::thread([this] { write_out(); });
}

EventLog::~EventLog() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (writer_.joinable()) writer_.join();
}

void EventLog::emit(const event::Event& event) {
  counts_[static_cast<std::size_t>(event.name)].fetch_add(1, std::memory_order_relaxed);
  const auto level = event::declaration(event.name).level;
  if (fd_ < 0 || level < least_.load(std::memory_order_relaxed)) return;
  std::string line = event::to_json(event, clock_.wall()) + "\n";
  const std::lock_guard lock(mutex_);
  if (waiting_.size() > waiting_octets_max && level < event::Level::warning) {
    ++dropped_;
    return;
  }
  const bool was_empty = waiting_.empty();
  waiting_ += line;
  if (was_empty) wake_.notify_one();
}

void EventLog::write_out() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (waiting_.empty() && stop_) return;
    std::string text = std::exchange(waiting_, {});
    if (dropped_ > 0) text += fmt::format("{{\"event\":\"log.dropped\",\"count\":{}}}\n", std::exchange(dropped_, 0));
    lock.unlock();
    for (std::string_view rest = text; !rest.empty();) {
      const auto n = ::write(fd_, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;  // nobody reads any more: the server goes on without a log
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    lock.lock();
  }
}

}  // namespace postil::app
