// Drives an engine as the delivery driver does, with times and results as the test says.
#pragma once

#include <gmock/gmock.h>

#include <map>

#include "queue/engine.hpp"

namespace postil::queue {

inline constexpr WallTime wall_start = wall_from_microseconds(1'800'000'000'000'000);

inline Envelope mail(std::uint64_t id, std::string sender, std::vector<std::string> recipients,
                     std::uint8_t notify = notify_unset) {
  Envelope envelope;
  envelope.id = {id};
  envelope.arrived = wall_start;
  envelope.expires = wall_start + days(5);
  envelope.sender = std::move(sender);
  for (std::string& address : recipients) envelope.recipients.push_back({std::move(address), "", notify});
  return envelope;
}

inline EngineSettings no_jitter() {
  EngineSettings settings;
  settings.retry_jitter = 0;
  settings.probe_new_sites = false;
  return settings;
}

using Outcome = RecipientResult::Outcome;

class Harness {
 public:
  explicit Harness(EngineSettings settings = no_jitter()) : engine(std::move(settings)) {}

  void arrive(Envelope envelope, const MessageState* state = nullptr) {
    take(engine.step(now, Arrived{&envelope, state}));
  }
  // A message that arrives now.
  void arrive_now(Envelope envelope) {
    envelope.arrived = now.wall;
    envelope.expires = now.wall + days(5);
    arrive(std::move(envelope));
  }
  void arrive(std::uint64_t id, std::string sender, std::vector<std::string> recipients) {
    arrive_now(mail(id, std::move(sender), std::move(recipients)));
  }
  // Ends the attempt that was started first, all its recipients alike. Gives what is to be written of it.
  Persist end(Outcome outcome, Reason reason = Reason::recipient_deferred, SiteHealth site = SiteHealth::good,
              reply::EnhancedCode code = {}) {
    EXPECT_FALSE(running.empty());
    return end(running.front(), outcome, reason, site, code);
  }
  Persist end(StartAttempt attempt, Outcome outcome, Reason reason = Reason::recipient_deferred,
              SiteHealth site = SiteHealth::good, reply::EnhancedCode code = {}) {
    AttemptDone done{.attempt = attempt.attempt, .results = {}, .site = site};
    for (std::uint32_t index : attempt.recipients) {
      done.results.push_back({.index = index,
                              .outcome = outcome,
                              .reason = reason,
                              .code = code,
                              .remote = "mx.example.org [192.0.2.1]",
                              .diagnostic = "450 not now",
                              .diagnostic_remote = true});
    }
    return end(std::move(done));
  }
  Persist end(AttemptDone done) {
    std::erase_if(running, [&](const StartAttempt& a) { return a.attempt == done.attempt; });
    const std::size_t before = persisted.size();
    take(engine.step(now, std::move(done)));
    EXPECT_GT(persisted.size(), before);
    return persisted.size() > before ? persisted[before] : Persist{};
  }
  void admin(Admin::Action action, std::vector<MessageId> ids) {
    take(engine.step(now, Admin{action, std::move(ids)}));
  }
  // Time passes without an input.
  void pass(Duration d) {
    now.mono += d;
    now.wall += d;
  }
  // Time passes, with all the wake-ups on the way.
  void advance(Duration d) {
    const MonoTime until = now.mono + d;
    int steps = 0;
    while (wake <= until) {
      pass(std::max(wake - now.mono, Duration(0)));
      take(engine.step(now, TimeCame{}));
      ASSERT_LT(++steps, 1'000'000);
    }
    pass(until - now.mono);
  }
  // To the next wake-up that starts an attempt; how long that took.
  Duration until_next_attempt() {
    const MonoTime begin = now.mono;
    const std::size_t before = running.size();
    for (int i = 0; i < 1000 && running.size() == before && wake != never; ++i) advance(wake - now.mono);
    EXPECT_GT(running.size(), before);
    return now.mono - begin;
  }
  void take(std::vector<Effect> effects) {
    wake = never;
    for (std::size_t i = 0; i < effects.size(); ++i) {
      if (auto* start = std::get_if<StartAttempt>(&effects[i])) {
        started.push_back(*start);
        running.push_back(*start);
      } else if (auto* persist = std::get_if<Persist>(&effects[i])) {
        persisted.push_back(*persist);
      } else if (auto* changed = std::get_if<PaceChanged>(&effects[i])) {
        pace_changes.push_back(*changed);
      } else if (auto* back = std::get_if<PutBack>(&effects[i])) {
        put_back.push_back(back->attempt);
        std::erase_if(running, [&](const StartAttempt& a) { return a.attempt == back->attempt; });
      } else {
        EXPECT_EQ(i, effects.size() - 1) << "WakeAt comes last";
        wake = std::get<WakeAt>(effects[i]).at;
      }
    }
  }
  std::vector<std::uint64_t> started_ids() const {
    std::vector<std::uint64_t> ids;
    for (const StartAttempt& attempt : started) ids.push_back(attempt.message.value);
    return ids;
  }

  Engine engine;
  Now now{MonoTime(hours(1)), wall_start};
  std::vector<StartAttempt> running, started;
  std::vector<Persist> persisted;
  std::vector<PaceChanged> pace_changes;
  std::vector<AttemptId> put_back;
  MonoTime wake = never;
};

}  // namespace postil::queue
