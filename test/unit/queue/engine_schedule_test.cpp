// Retries, rests, expiry, clocks.
#include "engine_harness.hpp"
#include "queue/schedule.hpp"

namespace postil::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Schedule, waits_grow_by_the_factor_up_to_the_longest) {
  Prng random(1);
  const EngineSettings settings = no_jitter();
  std::vector<int> waits;
  for (std::uint32_t n = 1; n <= 8; ++n)
    waits.push_back(static_cast<int>(retry_wait(settings, settings.retry_first, n, random) / minutes(1)));
  EXPECT_THAT(waits, ElementsAre(10, 20, 40, 80, 160, 240, 240, 240));
  EXPECT_EQ(retry_wait(settings, settings.retry_first, 65535, random), settings.retry_max);
}

TEST(Schedule, jitter_stays_in_its_part_and_spreads) {
  Prng random(7);
  const EngineSettings settings;
  Duration least = hours(1), most{};
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = retry_wait(settings, minutes(10), 1, random);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, Duration(minutes(10)) * 85 / 100);
  EXPECT_LE(most, Duration(minutes(10)) * 115 / 100);
  EXPECT_LT(least, Duration(minutes(9)));
  EXPECT_GT(most, Duration(minutes(11)));
}

TEST(Schedule, the_first_wait_after_greylisting_is_its_own) {
  Prng random(1);
  const EngineSettings settings = no_jitter();
  const auto wait = [&](Reason reason, Reason before, std::uint32_t n) {
    return recipient_wait(settings, reason, before, n, random) / minutes(1);
  };
  EXPECT_EQ(wait(Reason::greylisted, Reason::new_message, 1), 6);
  EXPECT_EQ(wait(Reason::greylisted, Reason::connect_failed, 3), 6);
  EXPECT_EQ(wait(Reason::greylisted, Reason::greylisted, 2), 20);
  EXPECT_EQ(wait(Reason::recipient_deferred, Reason::greylisted, 2), 20);
}

TEST(Schedule, notify_decides_who_is_told) {
  struct Row {
    std::uint8_t notify;
    bool failure, delay, success;
  };
  for (const Row& row : {Row{notify_unset, true, true, false}, Row{notify_never, false, false, false},
                         Row{notify_success, false, false, true}, Row{notify_failure, true, false, false},
                         Row{notify_delay, false, true, false}, Row{notify_success | notify_failure, true, false, true},
                         Row{notify_success | notify_failure | notify_delay, true, true, true}}) {
    const Told told = told_of(Kind::mail, false, row.notify);
    EXPECT_EQ(told.failure, row.failure) << int{row.notify};
    EXPECT_EQ(told.delay, row.delay) << int{row.notify};
    EXPECT_EQ(told.success, row.success) << int{row.notify};
    for (const Told& nobody : {told_of(Kind::mail, true, row.notify), told_of(Kind::bounce, true, row.notify),
                               told_of(Kind::delay_notice, false, row.notify)})
      EXPECT_FALSE(nobody.failure || nobody.delay || nobody.success);
  }
}

TEST(Engine, delivers_and_is_done) {
  Harness h;
  h.arrive(1, "a@example.com", {"bob@Example.org"});
  ASSERT_THAT(h.running, SizeIs(1));
  EXPECT_EQ(h.running[0].site, "example.org");
  EXPECT_THAT(h.running[0].recipients, ElementsAre(0));
  const Persist done = h.end(Outcome::delivered);
  EXPECT_TRUE(done.finished);
  ASSERT_THAT(done.changes.recipients, SizeIs(1));
  EXPECT_EQ(done.changes.recipients[0].status, RecipientStatus::delivered);
  EXPECT_EQ(done.changes.recipients[0].reason, Reason::delivered);
  EXPECT_EQ(done.changes.recipients[0].attempts, 1);
  EXPECT_THAT(done.relayed, IsEmpty());
  EXPECT_EQ(h.engine.totals().messages, 0u);
  EXPECT_EQ(h.engine.totals().sites, 0u);
  EXPECT_EQ(h.wake, never);
}

TEST(Engine, retries_by_the_schedule_and_returns_after_the_lifetime) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@example.org"});
  std::vector<long> waits;
  Persist last;
  for (;;) {
    last = h.end(Outcome::deferred, Reason::recipient_deferred, SiteHealth::good, {4, 2, 1});
    if (last.finished) break;
    const RecipientState& state = last.changes.recipients.at(0);
    EXPECT_EQ(state.status, RecipientStatus::waiting);
    EXPECT_LT(h.now.wall, wall_start + days(5)) << "after its end a failed attempt returns it";
    const Duration wait = h.until_next_attempt();
    EXPECT_EQ(state.next_attempt, h.now.wall);
    if (waits.size() < 6) waits.push_back(wait / minutes(1));
  }
  EXPECT_THAT(waits, ElementsAre(10, 20, 40, 80, 160, 240));
  EXPECT_GE(h.now.wall, wall_start + days(5));
  EXPECT_LT(h.now.wall, wall_start + days(5) + hours(4));
  const RecipientState& state = last.changes.recipients.at(0);
  EXPECT_EQ(state.status, RecipientStatus::expired);
  EXPECT_EQ(state.reason, Reason::expired);
  EXPECT_EQ(state.code, (reply::EnhancedCode{5, 4, 7}));
  EXPECT_EQ(state.diagnostic, "450 not now");
  EXPECT_THAT(last.failed, ElementsAre(0));
}

TEST(Engine, a_jump_of_the_wall_clock_returns_nothing_and_starts_nothing) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@example.org"});
  h.end(Outcome::deferred);
  h.now.wall += days(30);
  h.take(h.engine.step(h.now, TimeCame{}));
  EXPECT_THAT(h.running, IsEmpty());
  EXPECT_EQ(h.wake, h.now.mono + minutes(10));
  h.until_next_attempt();
  EXPECT_FALSE(h.end(Outcome::deferred).finished) << "ten minutes are no five days";
  h.now.wall -= days(60);
  h.take(h.engine.step(h.now, TimeCame{}));
  EXPECT_THAT(h.running, IsEmpty());
  EXPECT_EQ(h.until_next_attempt(), Duration(minutes(20)));
  for (int i = 0; i < 100; ++i) {
    if (h.end(Outcome::deferred).finished) break;
    h.until_next_attempt();
  }
  EXPECT_EQ(h.engine.totals().messages, 0u) << "with the clock put back for good, its age on the other one counts";
  EXPECT_GE(h.now.mono, MonoTime(hours(1)) + days(5));
}

TEST(Engine, goes_on_after_a_restart_where_it_was) {
  Harness h;
  MessageState state{.id = {1},
                     .held = false,
                     .recipients = {{.index = 0, .status = RecipientStatus::delivered},
                                    {.index = 1, .reason = Reason::greylisted, .attempts = 3}}};
  state.recipients[1].next_attempt = wall_start + minutes(7);
  state.recipients[1].last_attempt = wall_start - minutes(3);
  h.arrive(mail(1, "a@example.com", {"a@example.org", "b@example.org", "c@example.org"}), &state);
  ASSERT_THAT(h.running, SizeIs(1));
  EXPECT_THAT(h.running[0].recipients, ElementsAre(2)) << "it has no state yet: due at once";
  h.end(Outcome::delivered);
  EXPECT_EQ(h.until_next_attempt(), Duration(minutes(7)));
  EXPECT_THAT(h.running[0].recipients, ElementsAre(1));
  EXPECT_EQ(h.end(Outcome::deferred).changes.recipients.at(0).attempts, 4);
}

TEST(Engine, after_a_restart_no_wait_is_longer_than_the_longest_and_old_mail_has_its_age) {
  Harness h;
  MessageState state{.id = {1}, .held = false, .recipients = {{.index = 0, .attempts = 3}}};
  state.recipients[0].next_attempt = wall_start + days(300);  // written by a clock that was wrong
  Envelope old = mail(1, "a@example.com", {"a@example.org"});
  old.arrived -= days(6);
  old.expires -= days(6);
  h.arrive(old, &state);
  EXPECT_LE(h.until_next_attempt(), Duration(hours(8)));
  EXPECT_TRUE(h.end(Outcome::deferred).finished);
}

TEST(Engine, a_message_whose_end_was_written_is_only_deleted) {
  Harness h;
  MessageState state{.id = {1}, .held = false, .recipients = {{.index = 0, .status = RecipientStatus::failed}}};
  h.arrive(mail(1, "a@example.com", {"a@example.org"}), &state);
  ASSERT_THAT(h.persisted, SizeIs(1));
  EXPECT_TRUE(h.persisted[0].finished);
  EXPECT_THAT(h.persisted[0].failed, IsEmpty());
  EXPECT_EQ(h.engine.totals().messages, 0u);
}

TEST(Engine, a_stop_counts_no_attempt) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@example.org"});
  h.engine.stop_starting();
  const Persist p = h.end(Outcome::deferred, Reason::shut_down, SiteHealth::unknown);
  EXPECT_FALSE(p.finished);
  EXPECT_EQ(p.changes.recipients.at(0).attempts, 0);
  EXPECT_EQ(p.changes.recipients.at(0).next_attempt, h.now.wall);
  h.advance(days(1));
  EXPECT_THAT(h.running, IsEmpty());
}

TEST(Engine, a_site_that_is_down_rests_and_its_mail_moves_together) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@down.example"});
  h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  for (std::uint64_t id = 2; id <= 30; ++id) h.arrive(id, "a@example.com", {"b@down.example"});
  h.arrive(31, "a@example.com", {"b@up.example"});
  ASSERT_THAT(h.running, SizeIs(1)) << "another site is not concerned";
  h.end(Outcome::delivered);
  const auto rows = h.engine.rows({2}, h.now);
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].reason, Reason::connect_failed) << "it waits for the site's reason";
  EXPECT_EQ(rows[0].attempts, 0);
  EXPECT_EQ(rows[0].next_in, Duration(minutes(2)));
  std::vector<long> rests;
  for (int i = 0; i < 4; ++i) {
    rests.push_back(h.until_next_attempt() / minutes(1));
    EXPECT_THAT(h.running, SizeIs(1)) << "one probe";
    h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  }
  EXPECT_THAT(rests, ElementsAre(2, 4, 8, 16));
  h.until_next_attempt();
  ASSERT_THAT(h.running, SizeIs(1));
  h.end(Outcome::delivered);
  EXPECT_THAT(h.running, SizeIs(Pace::connections_first)) << "all flow, as at a new site";
}

TEST(Engine, failures_of_one_wave_make_one_rest) {
  Harness h;
  for (std::uint64_t id = 1; id <= 10; ++id) h.arrive(id, "a@example.com", {"b@down.example"});
  ASSERT_THAT(h.running, SizeIs(5));
  for (int i = 0; i < 4; ++i) h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  h.arrive(11, "a@example.com", {"b@down.example"});
  EXPECT_EQ(h.until_next_attempt(), Duration(minutes(2)));
  EXPECT_THAT(h.running, SizeIs(2)) << "the probe need not wait for an attempt that hangs";
}

TEST(Engine, mail_that_waits_with_its_site_is_returned_by_the_first_failed_probe_after_its_end_and_not_before) {
  EngineSettings settings = no_jitter();
  settings.delay_notice_after = Duration(0);
  Harness h(settings);
  for (std::uint64_t id = 1; id <= 500; ++id) h.arrive(id, "a@example.com", {"b@down.example"});
  while (!h.running.empty()) h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  int probes = 0;
  while (h.engine.totals().messages > 0 && probes < 200) {
    h.until_next_attempt();
    h.pass(minutes(1));
    EXPECT_THAT(h.running, SizeIs(1));
    const WallTime began = h.now.wall - minutes(1);
    const std::size_t before = h.persisted.size();
    h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
    h.advance(Duration(0));
    ++probes;
    for (std::size_t i = before; i < h.persisted.size(); ++i) {
      if (h.persisted[i].finished) EXPECT_GE(began + minutes(1), wall_start + days(5));
    }
  }
  EXPECT_LT(probes, 60);
  EXPECT_LT(h.now.wall, wall_start + days(5) + hours(9));
  std::map<std::uint64_t, int> ended;
  for (const Persist& p : h.persisted) {
    if (!p.finished) continue;
    ++ended[p.changes.id.value];
    EXPECT_EQ(p.changes.recipients.at(0).status, RecipientStatus::expired);
    EXPECT_EQ(p.changes.recipients.at(0).diagnostic, "450 not now");
    EXPECT_THAT(p.failed, ElementsAre(0));
  }
  EXPECT_EQ(ended.size(), 500u);
}

TEST(Engine, mail_that_waits_with_its_site_gets_its_delay_notice) {
  Harness h;
  for (std::uint64_t id = 1; id <= 100; ++id) h.arrive(id, "a@example.com", {"b@down.example"});
  while (!h.running.empty()) h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
  std::map<std::uint64_t, int> notices;
  while (h.now.wall < wall_start + days(1)) {
    h.until_next_attempt();
    h.end(Outcome::deferred, Reason::connect_failed, SiteHealth::down);
    h.advance(Duration(0));
  }
  for (const Persist& p : h.persisted) notices[p.changes.id.value] += static_cast<int>(p.delayed.size());
  EXPECT_EQ(notices.size(), 100u);
  for (const auto& [id, count] : notices) EXPECT_EQ(count, 1) << id;
}

TEST(Engine, hosts_that_refuse_us_are_told_at_once_and_returned_after_a_day) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@block.example"});
  Persist p = h.end(Outcome::deferred, Reason::refused_us, SiteHealth::refused_us, {5, 7, 1});
  EXPECT_THAT(p.delayed, ElementsAre(0));
  EXPECT_EQ(p.changes.recipients.at(0).refused_since, h.now.wall);
  while (!p.finished) {
    EXPECT_LT(h.now.wall, wall_start + days(1));
    h.until_next_attempt();
    p = h.end(Outcome::deferred, Reason::refused_us, SiteHealth::refused_us, {5, 7, 1});
    EXPECT_THAT(p.delayed, IsEmpty());
  }
  EXPECT_LT(h.now.wall, wall_start + days(1) + hours(5));
  EXPECT_EQ(p.changes.recipients.at(0).status, RecipientStatus::failed);
  EXPECT_EQ(p.changes.recipients.at(0).reason, Reason::refused_us);
  EXPECT_EQ(p.changes.recipients.at(0).code, (reply::EnhancedCode{5, 7, 1}));
  EXPECT_THAT(p.failed, ElementsAre(0));
}

TEST(Engine, a_smarthost_that_refuses_us_is_waited_for) {
  Harness h;
  h.arrive(1, "a@example.com", {"b@example.org"});
  Persist p = h.end(Outcome::deferred, Reason::smarthost_refused, SiteHealth::refused_us);
  EXPECT_THAT(p.delayed, IsEmpty());
  while (!p.finished) {
    h.until_next_attempt();
    p = h.end(Outcome::deferred, Reason::smarthost_refused, SiteHealth::refused_us);
  }
  EXPECT_GE(h.now.wall, wall_start + days(5));
  EXPECT_EQ(p.changes.recipients.at(0).status, RecipientStatus::expired);
}

TEST(Engine, a_delay_is_told_once) {
  for (std::uint8_t notify : {std::uint8_t(notify_unset), std::uint8_t(notify_delay), std::uint8_t(notify_failure)}) {
    Harness h;
    h.arrive(mail(1, "a@example.com", {"b@example.org"}, notify));
    std::vector<Duration> notices;
    while (!h.end(Outcome::deferred).finished) {
      if (!h.persisted.back().delayed.empty()) notices.push_back(h.now.mono - MonoTime(hours(1)));
      h.until_next_attempt();
    }
    if (notify == notify_failure) {
      EXPECT_THAT(notices, IsEmpty());
    } else {
      ASSERT_THAT(notices, SizeIs(1));
      EXPECT_GE(notices[0], Duration(hours(4)));
      EXPECT_LE(notices[0], Duration(hours(8)));
    }
  }
}

TEST(Engine, success_is_told_where_it_was_asked_for) {
  for (bool relayed : {false, true}) {
    Harness h;
    h.arrive(mail(1, "a@example.com", {"b@example.org"}, notify_success));
    AttemptDone done{.attempt = h.running.at(0).attempt,
                     .results = {{.index = 0, .outcome = Outcome::delivered, .relayed_without_dsn = relayed}},
                     .site = SiteHealth::good};
    const Persist p = h.end(std::move(done));
    // A host that knows DSN tells it itself.
    EXPECT_EQ(p.relayed.size(), relayed ? 1u : 0u);
  }
}

TEST(Engine, nobody_is_told_of_a_bounce) {
  Harness h;
  Envelope bounce = mail(1, "", {"b@example.org"});
  bounce.kind = Kind::bounce;
  h.arrive(bounce);
  Persist p = h.end(Outcome::failed, Reason::recipient_refused);
  EXPECT_TRUE(p.finished);
  EXPECT_THAT(p.failed, IsEmpty());
  EXPECT_THAT(p.unreported, ElementsAre(0));
  h.arrive(mail(2, "a@example.com", {"b@example.org"}, notify_never));
  p = h.end(Outcome::failed, Reason::recipient_refused);
  EXPECT_THAT(p.failed, IsEmpty());
  EXPECT_THAT(p.unreported, ElementsAre(0));
}

}  // namespace
}  // namespace postil::queue
