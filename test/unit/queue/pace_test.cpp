#include "queue/pace.hpp"

#include <gmock/gmock.h>

#include "queue/site_rules.hpp"

namespace postil::queue {
namespace {

class PaceTest : public testing::Test {
 protected:
  Now now{MonoTime(hours(1)), wall_from_microseconds(1'800'000'000'000'000)};
  const Throttle rate{true, "mx.example.net [192.0.2.1]", "421 4.7.28 our systems have detected an unusual rate"};
  const Throttle busy{false, "mx.example.net [192.0.2.1]", "421 too many connections"};

  void pass(Duration d) {
    now.mono += d;
    now.wall += d;
  }
  // As many as may run, all of them well, `rounds` times; gives how many ran at once in the last one.
  std::uint32_t go(Pace& pace, int rounds) {
    std::uint32_t at_once = 0;
    for (int i = 0; i < rounds; ++i) {
      for (at_once = 0; pace.may_start(now.mono); ++at_once) pace.start(now.mono);
      for (std::uint32_t n = 0; n < at_once; ++n) {
        pace.end();
        pace.well(now);
      }
      pass(milliseconds(50));
    }
    return at_once;
  }
  // One attempt that is slowed.
  const PaceChange* refuse(Pace& pace, const Throttle& why) {
    pace.start(now.mono);
    const MonoTime started = now.mono;
    pass(milliseconds(50));
    pace.end();
    return pace.slow(now, started, why);
  }
};

TEST_F(PaceTest, begins_with_a_few_connections_and_grows_to_its_limit) {
  Pace pace({.connections = 20});
  EXPECT_EQ(go(pace, 1), 5u);
  EXPECT_EQ(go(pace, 1), 6u) << "all places were taken only while the first of them ended";
  EXPECT_EQ(go(pace, 40), 20u);
  EXPECT_THAT(pace.changes(), testing::IsEmpty()) << "growing at first is no news";
  EXPECT_FALSE(pace.slowed());
}

TEST_F(PaceTest, does_not_grow_on_what_is_not_used) {
  Pace pace({.connections = 20});
  for (int i = 0; i < 100; ++i) {
    pace.start(now.mono);
    pace.end();
    pace.well(now);
  }
  EXPECT_EQ(pace.connections(), 5u);
}

TEST_F(PaceTest, a_refusal_of_our_rate_halves_both) {
  Pace pace({.connections = 20});
  go(pace, 400);  // 20 s, 400 messages a second
  for (int i = 0; i < 19; ++i) pace.start(now.mono);
  const PaceChange* change = refuse(pace, rate);
  ASSERT_NE(change, nullptr);
  EXPECT_EQ(change->cause, PaceCause::throttled);
  EXPECT_EQ(change->connections_before, 20u);
  EXPECT_EQ(change->connections, 10u);
  EXPECT_EQ(change->rate_before, 0);
  EXPECT_NEAR(change->rate, 200, 25);
  EXPECT_EQ(change->said, rate.said);
  EXPECT_EQ(change->at, now.wall);
  EXPECT_TRUE(pace.slowed());
}

TEST_F(PaceTest, a_site_without_room_gets_fewer_connections_only) {
  Pace pace({.connections = 20});
  go(pace, 40);
  for (int i = 0; i < 9; ++i) pace.start(now.mono);
  const PaceChange* change = refuse(pace, busy);
  ASSERT_NE(change, nullptr);
  EXPECT_EQ(change->connections, 5u) << "half of those that were in use";
  EXPECT_EQ(change->rate, 0);
}

TEST_F(PaceTest, of_one_flock_of_refusals_one_counts) {
  Pace pace({.connections = 16});
  go(pace, 40);
  const MonoTime started = now.mono;
  for (int i = 0; i < 16; ++i) pace.start(started);
  pass(milliseconds(50));
  int counted = 0;
  for (int i = 0; i < 16; ++i) {
    pace.end();
    counted += pace.slow(now, started, rate) != nullptr;
    pass(milliseconds(1));
  }
  EXPECT_EQ(counted, 1);
  EXPECT_EQ(pace.connections(), 8u);
}

TEST_F(PaceTest, the_rate_is_kept) {
  Pace pace({.connections = 20, .messages_per_second = 10});
  int sent = 0;
  for (int ms = 0; ms < 60'000; ms += 5) {
    while (pace.may_start(now.mono)) {
      pace.start(now.mono);
      pace.end();
      ++sent;
    }
    pass(milliseconds(5));
  }
  EXPECT_GE(sent, 599);
  EXPECT_LE(sent, 602);
}

TEST_F(PaceTest, slowness_has_an_end_however_often_a_site_refuses) {
  Pace pace({.connections = 20});
  for (int i = 0; i < 30; ++i) {
    pass(minutes(2));
    ASSERT_TRUE(pace.may_start(now.mono)) << "one a minute is never too much";
    refuse(pace, rate);
  }
  EXPECT_EQ(pace.connections(), 1u);
  EXPECT_DOUBLE_EQ(pace.rate(), Pace::rate_least);
  EXPECT_FALSE(pace.may_start(now.mono));
  EXPECT_EQ(pace.earliest() - now.mono, Duration(minutes(1)));
  EXPECT_EQ(pace.changes().size(), Pace::changes_max);
}

TEST_F(PaceTest, a_site_that_is_busy_for_one_connection_gets_messages_more_rarely) {
  Pace pace({.connections = 1});
  const PaceChange* change = refuse(pace, busy);
  ASSERT_NE(change, nullptr);
  EXPECT_EQ(change->connections, 1u);
  EXPECT_GT(change->rate, 0);
}

TEST_F(PaceTest, success_brings_it_back_step_by_step) {
  Pace pace({.connections = 20});
  go(pace, 400);
  for (int i = 0; i < 19; ++i) pace.start(now.mono);
  refuse(pace, rate);
  for (int i = 0; i < 19; ++i) pace.end();
  go(pace, 100);
  EXPECT_EQ(pace.connections(), 10u) << "not within 30 s";
  double last = pace.rate();
  int steps = 0;
  while (pace.slowed() && steps < 100) {
    const std::uint32_t before = pace.connections();
    pass(Pace::step);
    go(pace, 3);
    EXPECT_LE(pace.connections(), before + 1);
    if (pace.rate() > 0) EXPECT_LT(pace.rate(), last * 1.35);
    last = pace.rate() > 0 ? pace.rate() : last;
    ++steps;
  }
  EXPECT_GE(steps, 10);
  EXPECT_LE(steps, 20);
  EXPECT_EQ(pace.connections(), 20u);
  EXPECT_EQ(pace.rate(), 0);
  const auto changes = pace.changes();
  ASSERT_EQ(changes.size(), 2u) << "the steps up are told as one";
  EXPECT_EQ(changes[1].cause, PaceCause::recovered);
  EXPECT_EQ(changes[1].connections_before, 10u);
  EXPECT_EQ(changes[1].connections, 20u);
}

TEST_F(PaceTest, recovery_ends_at_the_limit_of_a_rule) {
  Pace pace({.connections = 20, .messages_per_second = 50});
  go(pace, 400);
  refuse(pace, rate);
  EXPECT_NEAR(pace.rate(), 25, 3);
  for (int i = 0; i < 60; ++i) {
    pass(Pace::step);
    go(pace, 3);
  }
  EXPECT_DOUBLE_EQ(pace.rate(), 50);
}

TEST_F(PaceTest, new_limits_count_at_once) {
  Pace pace({.connections = 20});
  go(pace, 40);
  pace.set_limits({.connections = 4, .messages_per_second = 2});
  EXPECT_EQ(pace.connections(), 4u);
  EXPECT_EQ(pace.rate(), 2);
  pace.set_limits({.connections = 1});
  pace.set_limits({.connections = 10});
  EXPECT_EQ(pace.connections(), 5u);
  EXPECT_EQ(pace.rate(), 0);
  refuse(pace, rate);
  const double slowed = pace.rate();
  pace.set_limits({.connections = 10, .messages_per_second = 1000});
  EXPECT_EQ(pace.rate(), slowed) << "what the site said stands";
}

TEST(SiteRules, names) {
  EXPECT_TRUE(matches_name("example.net", "example.net"));
  EXPECT_FALSE(matches_name("example.net", "mx.example.net"));
  EXPECT_TRUE(matches_name("*.example.net", "mx.example.net"));
  EXPECT_FALSE(matches_name("*.example.net", "example.net"));
  EXPECT_FALSE(matches_name("*.example.net", "badexample.net"));
  EXPECT_TRUE(matches_name("*", "anything.example"));
}

TEST(SiteRules, the_first_that_sets_a_limit_decides_it) {
  const std::vector<SiteRule> rules = {
      {.name = "one", .domains = {"a.example"}, .hosts = {}, .connections = 2},
      {.name = "two", .domains = {}, .hosts = {"*.big.example"}, .connections = 50, .messages_per_second = 10.0},
      {.name = "three", .domains = {"*"}, .hosts = {}, .messages_per_connection = 7}};
  const PaceLimits defaults{.connections = 20, .messages_per_connection = 1000};
  const std::vector<std::string> big = {"mx1.other.example", "mx.big.example"};
  const SiteLimits both = limits_for(rules, defaults, "a.example", big);
  EXPECT_EQ(both.limits, (PaceLimits{2, 7, 10.0}));
  EXPECT_EQ(both.rule, "one");
  EXPECT_EQ(limits_for(rules, defaults, "b.example", big).limits, (PaceLimits{50, 7, 10.0}));
  const SiteLimits rest = limits_for(rules, defaults, "b.example", {});
  EXPECT_EQ(rest.limits, (PaceLimits{20, 7, 0}));
  EXPECT_EQ(rest.rule, "three");
}

}  // namespace
}  // namespace postil::queue
