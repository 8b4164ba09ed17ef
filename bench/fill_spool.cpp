// links: spool env_asio
// Fills a spool with messages that wait, as after some hours without the next hop: each was accepted, tried once, and
// is due again in an hour. Through the real log on the real disk, but with no server.
//   fill_spool FOLDER MESSAGES [octets a message] [crash]
// crash: the log is not stopped in order, so that the next start must read what came after the last checkpoint.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/prng.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/disk.hpp"
#include "env_asio/entropy.hpp"
#include "env_asio/pool.hpp"
#include "env_asio/timers.hpp"
#include "spool/log.hpp"

namespace {

using namespace postil;

struct Quiet : event::Sink {
  void emit(const event::Event& event) override {
    if (event::declaration(event.name).level >= event::Level::warning) fmt::print("{}\n", event::to_json(event, {}));
  }
};

class Fill {
 public:
  Fill(const std::string& folder, std::uint64_t messages, std::size_t octets)
      : folder_(folder), disk_(*env_asio::FolderDisk::open_folder(folder)), messages_(messages) {
    body_.reserve(octets);
    while (body_.size() + 78 <= octets) body_ += std::string(76, 'x') + "\r\n";
  }

  int run(bool crash) {
    boost::asio::io_context io;
    int failures = 0;
    boost::asio::co_spawn(
        io,
        [](Fill* self, boost::asio::io_context* on, bool in_order) -> env::Awaitable<void> {
          co_await self->all(on->get_executor(), in_order);
          on->stop();
        }(this, &io, !crash),
        [&](const std::exception_ptr& error) { failures += error != nullptr; });
    const auto guard = boost::asio::make_work_guard(io);
    io.run();
    return failures + failures_;
  }

 private:
  env::Awaitable<void> all(env::Executor here, bool stop_in_order) {
    spool::Options options;
    options.folder = folder_;
    auto opened =
        co_await spool::Log::open(options, *disk_, flusher_.executor(), readers_.executor(), clock_, entropy_, sink_);
    if (!opened) {
      fmt::print("{}\n", opened.error().sentence);
      ++failures_;
      co_return;
    }
    log_ = std::move(*opened);
    int left = 200;
    auto one = [](Fill* self, int* open) -> env::Awaitable<void> {
      while (self->next_ < self->messages_ && self->failures_ == 0) co_await self->add(self->next_++);
      --*open;
    };
    for (int i = 0; i < 200; ++i) boost::asio::co_spawn(here, one(this, &left), boost::asio::detached);
    auto pause = timers_.make(here);
    while (left > 0) co_await pause->wait_until(clock_.now() + milliseconds(20));
    if (stop_in_order) co_await log_->stop();
  }

  queue::Envelope envelope(std::uint64_t number) {
    queue::Envelope made;
    made.arrived = clock_.wall();
    made.id = ids_.make(made.arrived);
    made.expires = made.arrived + days(5);
    made.sender = fmt::format("sender{}@shop.example", number % 1000);
    made.recipients.push_back({fmt::format("someone{}@host{}.example.net", number, number % 10000), "", 0});
    made.size_octets = body_.size();
    made.client = "192.0.2.1";
    return made;
  }

  env::Awaitable<void> add(std::uint64_t number) {
    const auto made = envelope(number);
    auto body = co_await log_->begin_body();
    const auto appended = co_await (*body)->append(body_);
    env::Batch batch;
    batch.push_back(env::AddMessage{made, std::move(*body), {}});
    const auto added = co_await log_->commit(std::move(batch));
    env::Batch tried;
    queue::RecipientState state;
    state.reason = queue::Reason::connect_failed;
    state.code = {4, 4, 1};
    state.attempts = 1;
    state.last_attempt = made.arrived;
    state.next_attempt = made.arrived + hours(1);
    state.diagnostic = "connection refused";
    tried.push_back(env::UpdateState{{made.id, false, {std::move(state)}}});
    const auto deferred = co_await log_->commit(std::move(tried));
    if (!appended || !added || !deferred) ++failures_;
  }

  std::string folder_;
  env_asio::SystemClock clock_;
  env_asio::AsioTimers timers_;
  env_asio::SystemEntropy entropy_;
  Quiet sink_;
  std::unique_ptr<env_asio::FolderDisk> disk_;
  env_asio::Pool flusher_{"flusher", 1, 1000};
  env_asio::Pool readers_{"readers", 2, 1000};
  std::unique_ptr<spool::Log> log_;
  MessageIdMaker ids_{0};
  std::string body_;
  std::uint64_t messages_;
  std::uint64_t next_ = 0;
  int failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print("fill_spool FOLDER MESSAGES [octets a message] [crash]\n");
    return 64;
  }
  std::filesystem::create_directories(argv[1]);
  const std::size_t octets = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 4096;
  const bool crash = argc > 4 && std::strcmp(argv[4], "crash") == 0;
  Fill fill(argv[1], std::strtoull(argv[2], nullptr, 10), octets);
  const int failures = fill.run(crash);
  std::_Exit(failures == 0 ? 0 : 1);  // what waits in the threads is of no interest, least of all after a "crash"
}
