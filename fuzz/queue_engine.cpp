// links: queue
// Any order of arrivals, results, admin actions and times: the engine keeps its accounts.
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/assert.hpp"
#include "queue/engine.hpp"

using namespace postil;
using namespace postil::queue;

namespace {

class Octets {
 public:
  Octets(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool end() const { return left_ == 0; }
  std::uint32_t next(std::uint32_t below) {
    if (left_ == 0) return 0;
    --left_;
    return *data_++ % below;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

struct World {
  explicit World(EngineSettings settings) : engine(std::move(settings)) {}
  Engine engine;
  Now now{MonoTime(hours(1)), wall_from_microseconds(1'800'000'000'000'000)};
  MonoTime wake = never;
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, StartAttempt> running;
  std::set<std::pair<std::uint64_t, std::uint32_t>> open, tried;

  void give(Input input) {
    for (Effect& effect : engine.step(now, std::move(input))) {
      if (auto* start = std::get_if<StartAttempt>(&effect)) {
        for (std::uint32_t index : start->recipients) {
          POSTIL_ASSERT(open.contains({start->message.value, index}));
          POSTIL_ASSERT(tried.insert({start->message.value, index}).second);
        }
        running.emplace(start->attempt.value, *start);
      } else if (auto* persist = std::get_if<Persist>(&effect)) {
        for (const RecipientState& state : persist->changes.recipients) {
          if (state.status == RecipientStatus::waiting) continue;
          POSTIL_ASSERT(open.erase({persist->changes.id.value, state.index}) == 1);
        }
        const auto rest = open.lower_bound({persist->changes.id.value, 0});
        POSTIL_ASSERT(persist->finished == (rest == open.end() || rest->first != persist->changes.id.value));
      } else {
        wake = std::get<WakeAt>(effect).at;
      }
    }
    POSTIL_ASSERT(engine.totals().recipients == open.size());
    POSTIL_ASSERT(engine.totals().attempts_running == running.size());
  }
  void arrive(Octets& in) {
    Envelope envelope;
    envelope.id = {++last_id};
    envelope.arrived = now.wall;
    envelope.expires = now.wall + hours(in.next(200));
    if (in.next(4)) envelope.sender = std::to_string(in.next(3)) + "@s.example";
    MessageState state{.id = envelope.id, .held = in.next(8) == 0, .recipients = {}};
    for (std::uint32_t n = 0, count = 1 + in.next(6); n < count; ++n) {
      const std::uint32_t domain = in.next(4);
      envelope.recipients.push_back(
          {domain ? "r@d" + std::to_string(domain) : "nowhere", "", static_cast<std::uint8_t>(in.next(16))});
      open.insert({last_id, n});
      if (in.next(2)) {
        RecipientState& one = state.recipients.emplace_back();
        one.index = n;
        one.attempts = static_cast<std::uint16_t>(in.next(256) * 257);
        one.next_attempt = now.wall + hours(in.next(255)) - hours(100);
        one.refused_since = now.wall - hours(in.next(255));
      }
    }
    give(Arrived{&envelope, in.next(2) ? &state : nullptr});
  }
  void end_one(Octets& in) {
    if (running.empty()) return;
    auto at = running.begin();
    std::advance(at, in.next(static_cast<std::uint32_t>(running.size())));
    const StartAttempt attempt = at->second;
    running.erase(at);
    AttemptDone done{.attempt = attempt.attempt, .results = {}, .site = static_cast<SiteHealth>(in.next(4))};
    for (std::uint32_t index : attempt.recipients) {
      tried.erase({attempt.message.value, index});
      done.results.push_back({.index = index,
                              .outcome = static_cast<RecipientResult::Outcome>(in.next(3)),
                              .reason = static_cast<Reason>(in.next(36)),
                              .diagnostic = "x"});
    }
    give(std::move(done));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Octets in(data, size);
  EngineSettings settings;
  settings.attempts_per_site_max = in.next(4);
  settings.attempts_max = in.next(8);
  settings.recipients_per_attempt_max = in.next(4);
  World world(settings);
  while (!in.end()) {
    switch (in.next(8)) {
      case 0:
      case 1:
        world.arrive(in);
        break;
      case 2:
      case 3:
        world.end_one(in);
        break;
      case 4: {
        Admin admin{static_cast<Admin::Action>(in.next(5)), {}};
        for (std::uint32_t n = in.next(4); n > 0; --n) admin.ids.push_back({in.next(32)});
        world.give(std::move(admin));
        break;
      }
      case 5:
        world.now.wall += hours(in.next(255)) - hours(127);
        break;
      case 6:
        settings.fixed_site = in.next(2) ? "smart" : "";
        world.give(SettingsChanged{settings});
        break;
      default:
        if (world.wake != never && in.next(2)) {
          world.now.mono = std::max(world.wake, world.now.mono);
        } else {
          world.now.mono += minutes(in.next(255));
        }
        world.give(TimeCame{});
    }
  }
  return 0;
}
