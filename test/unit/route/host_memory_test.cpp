#include "route/host_memory.hpp"

#include <gtest/gtest.h>

namespace postil::route {
namespace {

TEST(HostMemory, SkipsForAWhile) {
  HostMemory memory;
  const MonoTime t{hours(1)};
  EXPECT_FALSE(memory.skip("192.0.2.1", t));
  memory.heard_null("192.0.2.1", t);
  EXPECT_TRUE(memory.skip("192.0.2.1", t));
  EXPECT_TRUE(memory.heard_within("192.0.2.1", t + minutes(9)));
  EXPECT_FALSE(memory.heard_within("192.0.2.1", t + minutes(10)));
  EXPECT_TRUE(memory.skip("192.0.2.1", t + hours(4) - seconds(1)));
  EXPECT_FALSE(memory.skip("192.0.2.1", t + hours(4)));
  EXPECT_FALSE(memory.skip("192.0.2.2", t));
}

TEST(HostMemory, HeardAgainAndHeardOther) {
  HostMemory memory;
  MonoTime t{hours(1)};
  memory.heard_null("192.0.2.1", t);
  t += hours(3);
  memory.heard_null("192.0.2.1", t);
  EXPECT_EQ(memory.size(), 1u);
  EXPECT_TRUE(memory.skip("192.0.2.1", t + hours(3)));
  memory.heard_other("192.0.2.1");
  EXPECT_FALSE(memory.skip("192.0.2.1", t));
  memory.heard_other("192.0.2.1");
  EXPECT_EQ(memory.size(), 0u);
}

TEST(HostMemory, ForgetsTheOldestWhenFull) {
  HostMemory memory({.skip = hours(4), .hosts_max = 3});
  MonoTime t{};
  for (const char* host : {"a", "b", "c"}) memory.heard_null(host, t += seconds(1));
  memory.heard_null("a", t += seconds(1));
  memory.heard_null("d", t += seconds(1));
  EXPECT_EQ(memory.size(), 3u);
  EXPECT_FALSE(memory.skip("b", t));
  for (const char* host : {"a", "c", "d"}) EXPECT_TRUE(memory.skip(host, t)) << host;
  for (int i = 0; i < 1000; ++i) memory.heard_null("host-with-a-long-name-" + std::to_string(i), t += seconds(1));
  EXPECT_EQ(memory.size(), 3u);
}

}  // namespace
}  // namespace postil::route
