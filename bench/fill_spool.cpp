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
#include "env_asio/timers.hpp"
#include "spool_place.hpp"

namespace {

using namespace postil;

class Fill : bench::SpoolPlace {
 public:
  Fill(const std::string& where, std::uint64_t messages, std::size_t octets) : SpoolPlace(where), messages_(messages) {
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
    auto opened = co_await open(options);
    if (!opened) {
      fmt::print("{}\n", opened.error().sentence);
      ++failures_;
      co_return;
    }
    log = std::move(*opened);
    int left = 200;
    auto one = [](Fill* self, int* running) -> env::Awaitable<void> {
      while (self->next_ < self->messages_ && self->failures_ == 0) co_await self->add(self->next_++);
      --*running;
    };
    for (int i = 0; i < 200; ++i) boost::asio::co_spawn(here, one(this, &left), boost::asio::detached);
    auto pause = timers_.make(here);
    while (left > 0) co_await pause->wait_until(clock.now() + milliseconds(20));
    if (stop_in_order) co_await log->stop();
  }

  queue::Envelope envelope(std::uint64_t number) {
    queue::Envelope made;
    made.arrived = clock.wall();
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
    auto body = co_await log->begin_body();
    const auto appended = co_await (*body)->append(body_);
    env::Batch batch;
    batch.push_back(env::AddMessage{made, std::move(*body), {}});
    const auto added = co_await log->commit(std::move(batch));
    env::Batch tried;
    queue::RecipientState state;
    state.reason = queue::Reason::connect_failed;
    state.code = {4, 4, 1};
    state.attempts = 1;
    state.last_attempt = made.arrived;
    state.next_attempt = made.arrived + hours(1);
    state.diagnostic = "connection refused";
    tried.push_back(env::UpdateState{{made.id, false, {std::move(state)}}});
    const auto deferred = co_await log->commit(std::move(tried));
    if (!appended || !added || !deferred) ++failures_;
  }

  env_asio::AsioTimers timers_;
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
