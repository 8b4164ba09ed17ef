// What senders ask for: to leave later, to be delivered by a time, to go before or behind other mail.
#include "engine_harness.hpp"

namespace postil::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Envelope held_mail(Duration hold) {
  Envelope envelope = mail(1, "a@example.com", {"b@example.org", "c@example.net"});
  envelope.release = wall_start + hold;
  envelope.expires = envelope.release + days(5);
  envelope.hold_request = "for;36000";
  return envelope;
}

TEST(EngineHold, nothing_leaves_before_its_time) {
  Harness h;
  h.arrive(held_mail(hours(10)));
  EXPECT_THAT(h.running, IsEmpty());
  ASSERT_THAT(h.engine.by_reason(h.now), SizeIs(1));
  EXPECT_EQ(h.engine.by_reason(h.now)[0].reason, Reason::held_by_sender);
  EXPECT_EQ(h.engine.by_reason(h.now)[0].next_in, Duration(hours(10)));
  // Nobody makes it leave earlier.
  h.admin(Admin::Action::retry, {{1}});
  EXPECT_THAT(h.engine.changed_by(Admin::Action::retry, {{1}}), IsEmpty());
  EXPECT_EQ(h.engine.leave_later({{1}, {2}}), 1u);
  h.admin(Admin::Action::hold, {{1}});
  EXPECT_EQ(h.engine.leave_later({{1}}), 0u) << "it is counted as held";
  h.admin(Admin::Action::release, {{1}});
  h.advance(hours(10) - seconds(1));
  EXPECT_THAT(h.started, IsEmpty());
  h.advance(seconds(1));
  EXPECT_THAT(h.running, SizeIs(2));
  h.end(Outcome::delivered);
  EXPECT_TRUE(h.end(Outcome::delivered).finished);
}

// What one login has waiting for its time, whatever becomes of it.
TEST(EngineHold, an_accounts_messages_are_counted_until_they_leave) {
  Harness h;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    Envelope envelope = held_mail(hours(static_cast<int>(id)));
    envelope.id = {id};
    envelope.login = "anna";
    h.arrive(envelope);
  }
  EXPECT_EQ(h.engine.leave_later_of("anna"), 4u);
  EXPECT_EQ(h.engine.leave_later_of("bert"), 0u);
  h.advance(hours(1));
  EXPECT_EQ(h.engine.leave_later_of("anna"), 3u) << "the time of one has come";
  h.admin(Admin::Action::release, {{2}});
  EXPECT_EQ(h.engine.leave_later_of("anna"), 2u) << "one was let go";
  h.admin(Admin::Action::drop, {{3}});
  EXPECT_EQ(h.engine.leave_later_of("anna"), 1u);
  h.admin(Admin::Action::hold, {{4}});
  h.advance(hours(10));
  h.admin(Admin::Action::release, {{4}});
  EXPECT_EQ(h.engine.leave_later_of("anna"), 0u);
}

// An admin's own hold comes off first.
TEST(EngineHold, an_admin_lets_it_go) {
  Harness h;
  Envelope envelope = held_mail(hours(10));
  h.arrive(envelope);
  h.admin(Admin::Action::hold, {{1}});
  h.admin(Admin::Action::release, {{1}});
  EXPECT_THAT(h.running, IsEmpty());
  h.admin(Admin::Action::release, {{1}});
  EXPECT_THAT(h.running, SizeIs(2));
  MessageState state = h.end(Outcome::deferred).changes;
  h.end(Outcome::delivered);
  // What was tried once is not held again by a restart.
  Harness again;
  envelope.recipients.resize(1);
  again.arrive(envelope, &state);
  EXPECT_LT(again.until_next_attempt(), Duration(hours(1)));
}

TEST(EngineHold, a_restart_holds_it_too) {
  const MessageState none{{1}, false, {}};
  Harness h;
  h.pass(hours(4));
  h.arrive(held_mail(hours(10)), &none);
  EXPECT_EQ(h.until_next_attempt(), Duration(hours(6)));
  Harness late;
  late.pass(hours(11));
  late.arrive(held_mail(hours(10)), &none);
  EXPECT_THAT(late.running, SizeIs(2));
}

TEST(EngineHold, delay_and_end_count_from_its_release) {
  Harness h;
  Envelope envelope = held_mail(hours(10));
  envelope.recipients.resize(1);
  h.arrive(envelope);
  h.advance(hours(10));
  std::vector<Duration> notices;
  for (;;) {
    const Persist p = h.end(Outcome::deferred);
    if (!p.delayed.empty()) notices.push_back(h.now.wall - wall_start);
    if (p.finished) break;
    h.until_next_attempt();
  }
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_GE(notices[0], Duration(hours(14)));
  EXPECT_LE(notices[0], Duration(hours(18)));
  EXPECT_GE(h.now.wall, wall_start + hours(10) + days(5));
}

Envelope mail_by(By by, Duration time, std::uint8_t notify = notify_unset) {
  Envelope envelope = mail(1, "a@example.com", {"b@example.org"}, notify);
  envelope.by = by;
  envelope.deliver_by = wall_start + time;
  return envelope;
}

TEST(EngineBy, what_is_late_goes_back_at_its_time) {
  Harness h;
  h.arrive(mail_by(By::give_back, hours(1)));
  EXPECT_THAT(h.end(Outcome::deferred, Reason::greylisted, SiteHealth::good, {4, 7, 1}).delayed, IsEmpty());
  h.until_next_attempt();
  h.end(Outcome::deferred, Reason::recipient_deferred, SiteHealth::good, {4, 2, 1});
  const std::size_t before = h.persisted.size();
  h.advance(hours(1) - (h.now.wall - wall_start) - seconds(1));
  while (!h.running.empty()) h.end(Outcome::deferred, Reason::recipient_deferred, SiteHealth::good, {4, 2, 1});
  const std::size_t tries = h.started.size();
  EXPECT_FALSE(h.persisted.back().finished);
  h.advance(seconds(1));
  ASSERT_GT(h.persisted.size(), before);
  const Persist& p = h.persisted.back();
  EXPECT_TRUE(p.finished);
  EXPECT_THAT(p.failed, ElementsAre(0));
  EXPECT_EQ(h.now.wall, wall_start + hours(1)) << "to the second";
  const auto& state = p.changes.recipients.at(0);
  EXPECT_EQ(state.status, RecipientStatus::expired);
  EXPECT_EQ(state.reason, Reason::deliver_by_over);
  EXPECT_EQ(state.last_reason, Reason::recipient_deferred);
  EXPECT_EQ(state.code, (reply::EnhancedCode{5, 4, 7}));
  h.advance(days(6));
  EXPECT_EQ(h.started.size(), tries);
  EXPECT_EQ(h.engine.totals().messages, 0u);
}

TEST(EngineBy, an_attempt_that_runs_then_decides) {
  for (const bool taken : {true, false}) {
    Harness h;
    h.arrive(mail_by(By::give_back, minutes(2)));
    h.advance(minutes(3));
    EXPECT_THAT(h.persisted, IsEmpty());
    const Persist p = h.end(taken ? Outcome::delivered : Outcome::deferred);
    EXPECT_TRUE(p.finished);
    EXPECT_EQ(p.changes.recipients.at(0).status, taken ? RecipientStatus::delivered : RecipientStatus::expired);
    EXPECT_EQ(p.failed.size(), taken ? 0u : 1u);
  }
}

TEST(EngineBy, it_goes_back_in_time_from_a_site_that_rests_and_after_a_restart) {
  Harness h;
  h.arrive(2, "z@example.com", {"y@example.org"});
  h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down, {4, 4, 1});
  h.arrive(mail_by(By::give_back, minutes(1)));
  h.admin(Admin::Action::hold, {{2}});
  h.advance(minutes(1));
  ASSERT_THAT(h.persisted.back().failed, ElementsAre(0));
  EXPECT_EQ(h.persisted.back().changes.recipients.at(0).last_reason, Reason::connect_failed);
  EXPECT_EQ(h.persisted.back().changes.recipients[0].diagnostic, "450 not now");
  const MessageState none{{1}, false, {}};
  Harness again;
  again.pass(hours(1));
  again.arrive(mail_by(By::give_back, minutes(1)), &none);
  EXPECT_THAT(again.started, IsEmpty());
  ASSERT_THAT(again.persisted, SizeIs(1));
  EXPECT_TRUE(again.persisted[0].finished);
}

TEST(EngineBy, who_wants_to_be_told_is_told_at_its_time_and_once) {
  for (std::uint8_t notify : {std::uint8_t(notify_unset), std::uint8_t(notify_delay), std::uint8_t(notify_failure)}) {
    Harness h;
    h.arrive(mail_by(By::notify, hours(7), notify));
    std::vector<Duration> notices;
    std::size_t seen = 0;
    const auto look = [&] {
      for (; seen < h.persisted.size(); ++seen) {
        const auto& p = h.persisted[seen];
        if (p.delayed.empty()) continue;
        notices.push_back(h.now.wall - wall_start);
        EXPECT_EQ(p.changes.recipients.at(0).code, (reply::EnhancedCode{4, 4, 7}));
        EXPECT_TRUE(p.changes.recipients[0].delay_notified);
        EXPECT_GT(p.changes.recipients[0].next_attempt, h.now.wall);
      }
    };
    bool finished = false;
    while (!finished) {
      if (h.running.empty()) h.advance(h.wake - h.now.mono);
      look();
      if (!h.running.empty()) finished = h.end(Outcome::deferred).finished;
      look();
    }
    EXPECT_GE(h.now.wall, wall_start + days(5)) << "it is tried on";
    if (notify == notify_failure) {
      EXPECT_THAT(notices, IsEmpty());
    } else {
      EXPECT_THAT(notices, ElementsAre(Duration(hours(7))));
    }
  }
}

TEST(EngineBy, what_was_late_when_it_came_is_told_of_after_its_first_attempt) {
  Harness h;
  h.arrive(mail_by(By::notify, -hours(1)));
  EXPECT_THAT(h.persisted, IsEmpty());
  EXPECT_THAT(h.end(Outcome::deferred).delayed, ElementsAre(0));
}

TEST(EngineBy, that_it_was_passed_on_is_told_unless_nobody_wants_to_know) {
  for (std::uint8_t notify : {std::uint8_t(notify_unset), std::uint8_t(notify_failure), std::uint8_t(notify_never)}) {
    Harness h;
    h.arrive(mail_by(By::notify, hours(1), notify));
    AttemptDone done{.attempt = h.running.at(0).attempt,
                     .results = {{.index = 0, .outcome = Outcome::delivered, .tell_relayed = true}},
                     .site = SiteHealth::good};
    EXPECT_EQ(h.end(std::move(done)).relayed.size(), notify == notify_never ? 0u : 1u);
  }
}

Envelope with_priority(std::uint64_t id, int priority, std::string sender = "a@example.com") {
  Envelope envelope = mail(id, std::move(sender), {"b" + std::to_string(id) + "@example.org"});
  envelope.priority = static_cast<std::int8_t>(priority);
  return envelope;
}

EngineSettings one_at_a_time() {
  EngineSettings settings = no_jitter();
  settings.attempts_per_site_max = 1;
  return settings;
}

TEST(EnginePriority, goes_before_what_waits_already) {
  Harness h(one_at_a_time());
  for (std::uint64_t id = 1; id <= 4; ++id) h.arrive(with_priority(id, 0));
  h.arrive(with_priority(11, -2));
  h.arrive(with_priority(12, 3));
  h.arrive(with_priority(13, 9));
  h.arrive(with_priority(5, 0));
  while (!h.running.empty()) h.end(Outcome::delivered);
  EXPECT_THAT(h.started_ids(), ElementsAre(1, 12, 13, 2, 3, 11, 4, 5));
}

TEST(EnginePriority, starves_nobody) {
  Harness h(one_at_a_time());
  std::uint64_t id = 100;
  for (int i = 0; i < 3; ++i) h.arrive(with_priority(++id, 5));
  h.arrive(with_priority(1, 0));
  h.arrive(with_priority(2, -9));
  for (int i = 0; i < 30; ++i) {
    h.end(Outcome::delivered);
    h.arrive(with_priority(++id, 5));
  }
  const auto ids = h.started_ids();
  const auto place = [&](std::uint64_t one) { return std::ranges::find(ids, one) - ids.begin(); };
  EXPECT_LE(place(1), 8);
  EXPECT_LE(place(2), 10);
}

TEST(EnginePriority, one_sender_does_not_hold_up_another_one) {
  Harness h(one_at_a_time());
  for (std::uint64_t id = 100; id < 200; ++id) h.arrive(with_priority(id, 9));
  h.arrive(with_priority(1, 0, "z@example.com"));
  for (int i = 0; i < 3; ++i) h.end(Outcome::delivered);
  EXPECT_THAT(h.started_ids(), testing::Contains(1));
}

}  // namespace
}  // namespace postil::queue
