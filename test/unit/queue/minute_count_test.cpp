#include "queue/minute_count.hpp"

#include "engine_harness.hpp"

namespace postil::queue {
namespace {

TEST(MinuteCount, CountsTheLastMinuteOnly) {
  MinuteCount count;
  const MonoTime start{hours(1)};
  EXPECT_EQ(count.within(start), 0u);
  for (int i = 0; i < 300; ++i) count.add(start + Duration(milliseconds(500)) * i);  // two a second, for 150 s
  const MonoTime end = start + seconds(149);
  EXPECT_EQ(count.within(end), 120u);
  EXPECT_EQ(count.within(end + seconds(30)), 60u);
  EXPECT_EQ(count.within(end + seconds(59)), 2u);
  EXPECT_EQ(count.within(end + seconds(60)), 0u);
  count.add(end + days(400));
  EXPECT_EQ(count.within(end + days(400)), 1u);
}

// The engine counts recipients that were delivered, and no others.
TEST(MinuteCount, OfTheEngine) {
  Harness h;
  h.arrive(1, "a@x.example", {"b@one.example", "c@one.example"});
  h.end(Outcome::delivered);
  h.arrive(2, "a@x.example", {"b@two.example"});
  h.end(Outcome::deferred);
  EXPECT_EQ(h.engine.delivered_last_minute(h.now), 2u);
  h.pass(seconds(61));
  EXPECT_EQ(h.engine.delivered_last_minute(h.now), 0u);
}

// An attempt is told when the one before ended; 0 while one of its recipients has had none.
TEST(LastAttempt, IsTheEarliestOfTheRecipients) {
  Harness h;
  h.arrive(1, "a@x.example", {"b@one.example"});
  EXPECT_EQ(h.running.front().last_attempt, WallTime{});
  h.pass(seconds(7));
  const WallTime ended = h.now.wall;
  h.end(Outcome::deferred);
  h.until_next_attempt();
  ASSERT_FALSE(h.running.empty());
  EXPECT_EQ(h.running.front().last_attempt, ended);
}

}  // namespace
}  // namespace postil::queue
