// links: queue
// The queue engine with a million waiting messages at ten thousand sites: memory a message, time a step.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/prng.hpp"
#include "queue/engine.hpp"

namespace {

using namespace postil;
using namespace postil::queue;

double seconds_of_this_process() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Run {
 public:
  Run(std::uint64_t messages, std::uint64_t sites) : messages_(messages), sites_(sites), engine_(EngineSettings{}) {}

  void all() {
    const std::size_t heap_before = mallinfo2().uordblks;
    timed("arrivals", messages_, [&] { arrive(); });
    const auto memory = [&](const char* when) {
      std::printf("%-28s %6.1f octets a message by memory_octets(), %6.1f by malloc\n", when,
                  static_cast<double>(engine_.memory_octets()) / static_cast<double>(messages_),
                  static_cast<double>(mallinfo2().uordblks - heap_before) / static_cast<double>(messages_));
    };
    memory("all are ready");
    timed("first attempts, deferred", messages_, [&] { try_all(RecipientResult::Outcome::deferred, messages_); });
    memory("all wait for their time");
    timed("one look by reason", 1, [&] { std::printf("%zu reasons\n", engine_.by_reason(now_).size()); });
    timed("one look by site", 1, [&] { std::printf("%zu sites\n", engine_.by_site(now_).size()); });
    timed("second attempts, delivered", messages_, [&] { try_all(RecipientResult::Outcome::delivered, messages_); });
    std::printf("longest step %.2f ms; %zu octets when empty\n", longest_ * 1e3, engine_.memory_octets());
  }

 private:
  template <class Work>
  void timed(const char* what, std::uint64_t count, Work work) {
    const double begin = seconds_of_this_process();
    work();
    const double took = seconds_of_this_process() - begin;
    std::printf("%-28s %8.2f s, %8.2f us each\n", what, took, took * 1e6 / static_cast<double>(count));
  }
  void step(Input input) {
    const double begin = seconds_of_this_process();
    std::vector<Effect> effects = engine_.step(now_, std::move(input));
    longest_ = std::max(longest_, seconds_of_this_process() - begin);
    for (Effect& effect : effects) {
      if (auto* start = std::get_if<StartAttempt>(&effect)) running_.push_back(std::move(*start));
      if (auto* wake = std::get_if<WakeAt>(&effect)) wake_ = wake->at;
    }
  }
  void arrive() {
    Prng random(1);
    Envelope envelope;
    envelope.recipients.resize(1);
    for (std::uint64_t id = 1; id <= messages_; ++id) {
      envelope.id = {id};
      envelope.arrived = now_.wall;
      envelope.expires = now_.wall + days(5);
      envelope.sender = "sender" + std::to_string(random.below(1000)) + "@shop.example";
      envelope.recipients[0].address = "someone@host" + std::to_string(random.below(sites_)) + ".example.net";
      step(Arrived{&envelope, nullptr});
    }
  }
  void try_all(RecipientResult::Outcome outcome, std::uint64_t count) {
    std::size_t at = 0;
    const std::size_t done_before = done_;
    while (done_ - done_before < count) {
      if (at == running_.size()) {
        running_.clear();
        at = 0;
        if (wake_ == never) break;
        now_.wall += wake_ - now_.mono;
        now_.mono = wake_;
        step(TimeCame{});
        continue;
      }
      const StartAttempt attempt = std::move(running_[at++]);
      ++done_;
      AttemptDone done{.attempt = attempt.attempt, .results = {}, .site = SiteHealth::good};
      done.results.push_back(
          {.index = 0, .outcome = outcome, .diagnostic = "450 4.2.1 try again later", .diagnostic_remote = true});
      step(std::move(done));
    }
    running_.erase(running_.begin(), running_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  std::uint64_t messages_, sites_;
  Engine engine_;
  Now now_{MonoTime(hours(1)), wall_from_microseconds(1'800'000'000'000'000)};
  MonoTime wake_ = never;
  std::vector<StartAttempt> running_;
  std::uint64_t done_ = 0;
  double longest_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000,
      argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 10'000)
      .all();
}
