// links: queue
// A million messages to ten thousand sites, of which some are dead: how much later do the messages to the live ones
// leave than without the dead? Simulated: the engine runs in virtual time against sites that take a message in so many
// milliseconds, or against silence until a time-out.
//   sites_bench [MESSAGES] [SITES] [DEAD: one in so many] [MILLISECONDS a message] [SECONDS of a time-out]
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <queue>
#include <string>
#include <unordered_map>

#include "base/prng.hpp"
#include "queue/engine.hpp"

namespace {

using namespace postil;
using namespace postil::queue;

struct Load {
  std::uint64_t messages = 1'000'000, sites = 10'000, dead_one_in = 10;
  Duration each = milliseconds(200), silence = seconds(30);
};

class Run {
 public:
  Run(Load load, bool with_dead) : load_(load), with_dead_(with_dead), engine_(EngineSettings{}) {}

  // Virtual seconds until 99 % of the messages to live sites have left, and until all have.
  std::pair<double, double> go() {
    const std::size_t heap_before = mallinfo2().uordblks;
    arrive();
    if (with_dead_) {
      std::printf("memory: %.1f octets a message by memory_octets(), %.1f by malloc\n",
                  static_cast<double>(engine_.memory_octets()) / static_cast<double>(arrived_),
                  static_cast<double>(mallinfo2().uordblks - heap_before) / static_cast<double>(arrived_));
    }
    const MonoTime begun = now_.mono;
    double most = 0;
    while (delivered_ < live_ && !events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      to(event.at);
      if (event.attempt == 0) {
        if (event.at == wake_) {
          wake_ = never;
          take(engine_.step(now_, TimeCame{}));
        }
        continue;
      }
      end(event.attempt);
      if (delivered_ * 100 >= live_ * 99 && most == 0) most = since(begun);
    }
    return {most, since(begun)};
  }

 private:
  struct Event {
    MonoTime at;
    std::uint64_t attempt = 0;  // 0: the engine wants to be asked
    bool operator<(const Event& other) const { return at > other.at; }
  };
  double since(MonoTime begun) const { return static_cast<double>((now_.mono - begun).count()) / 1e6; }
  void to(MonoTime at) {
    if (at <= now_.mono) return;
    now_.wall += at - now_.mono;
    now_.mono = at;
  }
  bool dead(std::uint64_t site) const { return site % load_.dead_one_in == 0; }

  void arrive() {
    Prng random(1);
    Envelope envelope;
    envelope.recipients.resize(1);
    for (std::uint64_t id = 1; id <= load_.messages; ++id) {
      const std::uint64_t site = random.below(load_.sites);
      const std::uint64_t sender = random.below(1000);
      if (dead(site) && !with_dead_) continue;
      live_ += !dead(site);
      ++arrived_;
      envelope.id = {id};
      envelope.arrived = now_.wall;
      envelope.expires = now_.wall + days(5);
      envelope.sender = "sender" + std::to_string(sender) + "@shop.example";
      envelope.recipients[0].address = "someone@host" + std::to_string(site) + ".example.net";
      take(engine_.step(now_, Arrived{&envelope, nullptr}));
    }
  }
  void take(std::vector<Effect> effects) {
    for (Effect& effect : effects) {
      if (auto* start = std::get_if<StartAttempt>(&effect)) {
        const std::uint64_t site = std::strtoull(start->site.c_str() + 4, nullptr, 10);
        events_.push({now_.mono + (dead(site) ? load_.silence : load_.each), start->attempt.value});
        running_.emplace(start->attempt.value, dead(site));
      } else if (const auto* wake = std::get_if<WakeAt>(&effect); wake && wake->at != never && wake->at != wake_) {
        wake_ = wake->at;
        events_.push({wake_, 0});
      }
    }
  }
  void end(std::uint64_t attempt) {
    const auto found = running_.find(attempt);
    AttemptDone done{.attempt = {attempt}, .results = {}, .site = found->second ? SiteHealth::down : SiteHealth::good};
    RecipientResult result{.index = 0, .outcome = RecipientResult::Outcome::delivered};
    if (found->second) {
      result.outcome = RecipientResult::Outcome::deferred;
      result.reason = Reason::connect_failed;
    } else {
      ++delivered_;
    }
    done.results.push_back(std::move(result));
    running_.erase(found);
    take(engine_.step(now_, std::move(done)));
  }

  Load load_;
  bool with_dead_;
  Engine engine_;
  Now now_{MonoTime(hours(1)), wall_from_microseconds(1'800'000'000'000'000)};
  MonoTime wake_ = never;
  std::priority_queue<Event> events_;
  std::unordered_map<std::uint64_t, bool> running_;
  std::uint64_t arrived_ = 0, live_ = 0, delivered_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Load load;
  const auto number = [&](int at, std::uint64_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  load.messages = number(1, load.messages);
  load.sites = number(2, load.sites);
  load.dead_one_in = std::max<std::uint64_t>(number(3, load.dead_one_in), 2);
  load.each = milliseconds(number(4, 200));
  load.silence = seconds(number(5, 30));
  double before[2] = {};
  for (const bool with_dead : {false, true}) {
    const auto [most, all] = Run(load, with_dead).go();
    std::printf("%s: 99 %% of the live ones' messages after %.1f s, all after %.1f s\n",
                with_dead ? "with dead sites   " : "without dead sites", most, all);
    if (with_dead) {
      std::printf("slower by %.1f %% (99 %%) and %.1f %% (all)\n", 100 * (most / before[0] - 1),
                  100 * (all / before[1] - 1));
    }
    before[0] = most;
    before[1] = all;
  }
}
