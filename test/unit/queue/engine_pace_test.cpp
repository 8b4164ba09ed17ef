// Destinations: domains with the same MX hosts, their limits, what slows them, who waits for whom.
#include "engine_harness.hpp"

namespace postil::queue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class EnginePace : public testing::Test {
 protected:
  static EngineSettings settings() {
    EngineSettings out = no_jitter();
    out.probe_new_sites = true;
    return out;
  }
  void found(Harness& h, const StartAttempt& attempt, std::vector<std::string> hosts) {
    h.take(h.engine.step(h.now, SiteFound{attempt.attempt, std::move(hosts)}));
  }
  void end_throttled(Harness& h, bool rate) {
    const StartAttempt attempt = h.running.front();
    AttemptDone done{.attempt = attempt.attempt,
                     .results = {{.index = attempt.recipients[0], .reason = Reason::rate_limited}},
                     .site = SiteHealth::good,
                     .throttle = Throttle{rate, "mx.example.net [192.0.2.1]", "421 4.7.28 too fast"}};
    h.end(std::move(done));
  }
};

TEST_F(EnginePace, a_new_site_gets_one_attempt_and_then_more) {
  Harness h(settings());
  for (std::uint64_t id = 1; id <= 100; ++id) h.arrive(id, "a@example.com", {"b@one.example"});
  EXPECT_THAT(h.running, SizeIs(1));
  h.end(Outcome::delivered);
  EXPECT_GE(h.running.size(), 5u);
  for (int i = 0; i < 60; ++i) h.end(Outcome::delivered);
  EXPECT_THAT(h.running, SizeIs(20));
}

TEST_F(EnginePace, domains_with_the_same_hosts_share_a_limit_in_any_order) {
  EngineSettings with = settings();
  with.attempts_per_site_max = 3;
  Harness h(with);
  for (std::uint64_t id = 1; id <= 40; ++id) {
    h.arrive(id, "a@example.com", {"b@d" + std::to_string(id % 4) + ".example"});
  }
  ASSERT_THAT(h.running, SizeIs(4)) << "one at each: nothing is known of them";
  const auto first = h.running;
  found(h, first[0], {"mx1.big.example", "mx2.big.example"});
  found(h, first[1], {"MX2.big.example", "mx1.big.example"});
  found(h, first[2], {"mx2.big.example", "mx1.big.example", "mx1.big.example"});
  EXPECT_THAT(h.put_back, IsEmpty());
  found(h, first[3], {"mx1.big.example", "mx2.big.example"});
  EXPECT_THAT(h.put_back, ElementsAre(first[3].attempt)) << "there are three already";
  EXPECT_THAT(h.running, SizeIs(3));
  for (int i = 0; i < 39; ++i) {
    h.end(Outcome::delivered);
    EXPECT_LE(h.running.size(), 3u);
    for (const auto& attempt : h.running) {
      if (attempt.message.value > 4) EXPECT_NE(attempt.hosts, 0u);
    }
  }
  EXPECT_TRUE(h.end(Outcome::delivered).finished);
  EXPECT_EQ(h.engine.totals().messages, 0u);
  EXPECT_EQ(h.persisted.size(), 40u) << "what was put back is no attempt";
}

TEST_F(EnginePace, what_is_known_of_a_site_outlives_its_mail_for_an_hour) {
  Harness h(settings());
  h.arrive(1, "a@example.com", {"b@one.example"});
  found(h, h.running[0], {"mx.big.example"});
  end_throttled(h, true);
  h.admin(Admin::Action::drop, {{1}});
  EXPECT_EQ(h.engine.totals().sites, 0u);
  h.advance(minutes(30));
  h.arrive(2, "a@example.com", {"b@one.example"});
  const auto row = h.engine.pace_of("one.example");
  ASSERT_TRUE(row);
  EXPECT_TRUE(row->slowed);
  EXPECT_THAT(row->hosts, ElementsAre("mx.big.example"));
  h.admin(Admin::Action::drop, {{2}});
  if (!h.running.empty()) h.end(Outcome::delivered);
  h.advance(hours(2));
  h.arrive(3, "a@example.com", {"b@one.example"});
  EXPECT_FALSE(h.engine.pace_of("one.example")->slowed);
}

TEST_F(EnginePace, a_throttled_site_slows_and_says_why) {
  Harness h(settings());
  for (std::uint64_t id = 1; id <= 200; ++id) h.arrive(id, "a@example.com", {"b@one.example"});
  for (int i = 0; i < 60; ++i) h.end(Outcome::delivered);
  ASSERT_THAT(h.running, SizeIs(20));
  h.pass(seconds(1));
  const MessageId message = h.running.front().message;
  end_throttled(h, true);
  ASSERT_THAT(h.pace_changes, SizeIs(1));
  EXPECT_EQ(h.pace_changes[0].message, message);
  EXPECT_EQ(h.pace_changes[0].site, "one.example");
  EXPECT_EQ(h.pace_changes[0].change.connections, 10u);
  for (int i = 0; i < 12; ++i) h.end(Outcome::delivered);
  EXPECT_LT(h.running.size(), 10u) << "none was begun";
  const auto row = h.engine.pace_of("one.example");
  ASSERT_TRUE(row);
  EXPECT_TRUE(row->slowed);
  EXPECT_GT(row->messages_per_second, 0);
  ASSERT_THAT(row->changes, SizeIs(1));
  EXPECT_EQ(row->changes[0].said, "421 4.7.28 too fast");
  EXPECT_NE(h.wake, never) << "it wakes for the next message that the rate allows";
  const std::size_t before = h.started.size();
  h.advance(seconds(10));
  EXPECT_GT(h.started.size(), before);
}

TEST_F(EnginePace, a_message_ends_in_time_though_its_site_has_slowed_us) {
  EngineSettings with = settings();
  with.retry_first = with.retry_max = seconds(2);
  Harness h(with);
  h.arrive(99, "a@example.com", {"b@one.example"});
  for (int i = 0; i < 30 && h.running.size() == 1; ++i) {
    h.end(AttemptDone{.attempt = h.running.front().attempt,
                      .results = {{.index = 0, .reason = Reason::host_deferred}},
                      .site = SiteHealth::down,
                      .throttle = Throttle{false, "mx.example.net [192.0.2.1]", "421 too busy"}});
    const auto pace = h.engine.pace_of("one.example");
    ASSERT_TRUE(pace);
    if (pace->slowed && pace->messages_per_second > 0 && pace->messages_per_second < 0.017) break;
    h.until_next_attempt();
  }
  ASSERT_THAT(h.running, IsEmpty());
  const WallTime slowed = h.now.wall;  // the next attempt is a minute away
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Envelope envelope = mail(id, "a@example.com", {"b@one.example"});
    envelope.arrived = h.now.wall;
    envelope.expires = h.now.wall + seconds(4 + 4 * id);
    h.arrive(std::move(envelope));
  }
  for (std::uint64_t id = 1; id <= 3; ++id) {
    h.advance(slowed + seconds(6 + 4 * id) - h.now.wall);
    ASSERT_THAT(h.running, IsEmpty());
    ASSERT_TRUE(h.persisted.back().finished) << id;
    EXPECT_EQ(h.persisted.back().changes.id, MessageId{id});
    const RecipientState& state = h.persisted.back().changes.recipients.at(0);
    EXPECT_EQ(state.status, RecipientStatus::expired);
    EXPECT_EQ(state.last_reason, Reason::host_deferred);
    EXPECT_EQ(state.diagnostic, "421 too busy");
    EXPECT_EQ(state.remote, "mx.example.net [192.0.2.1]");
  }
  EXPECT_EQ(h.engine.totals().messages, 1u);
  h.advance(seconds(60));
  EXPECT_THAT(h.running, SizeIs(1)) << "what has time left goes on at its pace";
}

TEST_F(EnginePace, a_site_without_room_for_one_more_does_not_rest) {
  Harness h(settings());
  for (std::uint64_t id = 1; id <= 50; ++id) h.arrive(id, "a@example.com", {"b@one.example"});
  for (int i = 0; i < 20; ++i) h.end(Outcome::delivered);
  const std::size_t many = h.running.size();
  ASSERT_GT(many, 5u);
  const StartAttempt attempt = h.running.back();
  h.pass(milliseconds(10));
  h.end({.attempt = attempt.attempt,
         .results = {{.index = 0, .reason = Reason::host_deferred}},
         .site = SiteHealth::down,
         .throttle = Throttle{false, "mx", "421 too many connections"}});
  EXPECT_THAT(h.running, SizeIs(many - 1));
  for (std::size_t i = 0; i < many - 1; ++i) h.end(Outcome::delivered);
  EXPECT_THAT(h.running, testing::Not(IsEmpty())) << "the others go on";
}

TEST_F(EnginePace, rules_set_limits_and_their_names_are_told) {
  EngineSettings with = settings();
  with.site_rules = {
      {.name = "postil.toml:9", .domains = {"one.example"}, .hosts = {}, .connections = 2},
      {.name = "big", .domains = {}, .hosts = {"*.big.example"}, .connections = 3, .messages_per_connection = 10}};
  Harness h(with);
  for (std::uint64_t id = 1; id <= 20; ++id) h.arrive(id, "a@example.com", {"b@one.example", "b@two.example"});
  found(h, h.running[1], {"mx.big.example"});
  EXPECT_EQ(h.engine.pace_of("one.example")->rule, "postil.toml:9");
  EXPECT_EQ(h.engine.pace_of("two.example")->rule, "big");
  for (int i = 0; i < 10; ++i) h.end(Outcome::delivered);
  std::map<std::string, int> at_once;
  for (const auto& attempt : h.running) ++at_once[attempt.site];
  EXPECT_EQ(at_once["one.example"], 2);
  EXPECT_EQ(at_once["two.example"], 3);
  for (const auto& attempt : h.running) {
    EXPECT_EQ(attempt.limits.messages_per_connection, attempt.site == "two.example" ? 10u : 1000u);
  }
  with.site_rules.clear();
  h.take(h.engine.step(h.now, SettingsChanged{with}));
  EXPECT_EQ(h.engine.pace_of("two.example")->rule, "");
  EXPECT_EQ(h.engine.pace_of("two.example")->limits.connections, 20u);
}

TEST_F(EnginePace, one_message_overtakes_a_flood_to_many_domains_of_one_host) {
  EngineSettings with = settings();
  with.attempts_per_site_max = 2;
  Harness h(with);
  constexpr int domains = 200;
  std::uint64_t id = 0;
  for (int d = 0; d < domains; ++d) {
    for (int n = 0; n < 5; ++n) h.arrive(++id, "flood@example.com", {"b@d" + std::to_string(d) + ".example"});
  }
  const auto step = [&] {
    const StartAttempt attempt = h.running.front();
    const std::size_t before = h.put_back.size();
    if (attempt.hosts == 0) found(h, attempt, {"mx.big.example"});
    if (h.put_back.size() == before) h.end(attempt, Outcome::delivered);
  };
  for (int i = 0; i < 300; ++i) step();
  h.arrive(9001, "one@example.com", {"b@d150.example"});
  int waited = 0;
  while (std::ranges::find(h.started, MessageId{9001}, &StartAttempt::message) == h.started.end() && waited < 1000) {
    step();
    ++waited;
  }
  EXPECT_LE(waited, 4);
}

TEST_F(EnginePace, one_message_overtakes_a_flood_that_takes_all_places) {
  EngineSettings with = settings();
  with.attempts_max = 40;
  with.probes_max = 40;
  Harness h(with);
  std::uint64_t id = 0;
  for (int d = 0; d < 1000; ++d) h.arrive(++id, "flood@example.com", {"b@d" + std::to_string(d) + ".example"});
  h.arrive(9001, "one@example.com", {"b@other.example"});
  EXPECT_EQ(h.started.back().message, MessageId{9001}) << "a part of the places is nobody's for long";
}

TEST_F(EnginePace, many_small_senders_do_not_stop_a_big_one) {
  EngineSettings with = settings();
  with.attempts_max = 8;
  with.probe_new_sites = false;
  with.attempts_per_site_max = 1;
  Harness h(with);
  std::uint64_t id = 0;
  for (int n = 0; n < 100; ++n) h.arrive(++id, "big@example.com", {"b@one.example"});
  for (int n = 0; n < 100; ++n) h.arrive(++id, "s" + std::to_string(n) + "@example.com", {"b@one.example"});
  int of_big = 0;
  for (int i = 0; i < 60; ++i) {
    of_big += h.running.front().message.value <= 100;
    h.end(Outcome::delivered);
  }
  EXPECT_GE(of_big, 2);
}

TEST_F(EnginePace, dead_sites_take_no_places_from_live_ones) {
  EngineSettings with = settings();
  with.attempts_max = 10;
  with.probes_max = 100;
  Harness h(with);
  std::uint64_t id = 0;
  for (int d = 0; d < 60; ++d) {
    for (int n = 0; n < 10; ++n) h.arrive(++id, "a@example.com", {"b@dead" + std::to_string(d) + ".example"});
  }
  EXPECT_THAT(h.running, SizeIs(60)) << "one each, all hanging";
  for (int n = 0; n < 100; ++n) h.arrive(++id, "a@example.com", {"b@live.example"});
  int delivered = 0;
  for (int i = 0; i < 100; ++i) {
    const auto live = std::ranges::find(h.running, "live.example", &StartAttempt::site);
    if (live == h.running.end()) break;
    h.end(*live, Outcome::delivered);
    ++delivered;
  }
  EXPECT_EQ(delivered, 100);
}

}  // namespace
}  // namespace postil::queue
