#include "route/host_memory.hpp"

#include <gtest/gtest.h>

namespace postil::route {
namespace {

constexpr WallTime noon{hours(12)};

TEST(HostMemory, KnowsWhatWasSaidAndWhen) {
  HostMemory memory;
  const MonoTime t{hours(1)};
  EXPECT_EQ(memory.heard_within("192.0.2.1", t, minutes(10)), nullptr);
  memory.heard_null("192.0.2.1", "521 5.3.2 no mail", t, noon);
  const auto* heard = memory.heard_within("192.0.2.1", t + minutes(9), minutes(10));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->reply, "521 5.3.2 no mail");
  EXPECT_EQ(heard->said, noon);
  EXPECT_FALSE(memory.heard_within("192.0.2.1", t + minutes(10), minutes(10)));
  EXPECT_TRUE(memory.heard_within("192.0.2.1", t + hours(3), hours(4)));
  EXPECT_FALSE(memory.heard_within("192.0.2.2", t, hours(4)));
}

TEST(HostMemory, HeardAgainAndHeardOther) {
  HostMemory memory;
  MonoTime t{hours(1)};
  memory.heard_null("192.0.2.1", "521 one", t, noon);
  t += hours(3);
  memory.heard_null("192.0.2.1", "521 two", t, noon + hours(3));
  EXPECT_EQ(memory.size(), 1u);
  const auto* heard = memory.heard_within("192.0.2.1", t + hours(3), hours(4));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->reply, "521 two");
  EXPECT_EQ(heard->said, noon + hours(3));
  memory.heard_other("192.0.2.1");
  EXPECT_FALSE(memory.heard_within("192.0.2.1", t, hours(4)));
  memory.heard_other("192.0.2.1");
  EXPECT_EQ(memory.size(), 0u);
}

TEST(HostMemory, AReplyIsKeptInBoundsAndPrintable) {
  HostMemory memory;
  memory.heard_null("192.0.2.1", "521 " + std::string(100'000, 'x') + "\r\n\x1b[2J", MonoTime{}, noon);
  const auto* heard = memory.heard_within("192.0.2.1", MonoTime{}, hours(4));
  ASSERT_TRUE(heard);
  EXPECT_LE(heard->reply.size(), HostMemory::reply_octets_max);
  memory.heard_null("192.0.2.1", "521 a\r\nX: b\x1b", MonoTime{}, noon);
  EXPECT_EQ(memory.heard_within("192.0.2.1", MonoTime{}, hours(4))->reply.find_first_of("\r\n\x1b"), std::string::npos);
}

TEST(HostMemory, ForgetsTheOldestWhenFull) {
  HostMemory memory(3);
  MonoTime t{};
  for (const char* host : {"a", "b", "c"}) memory.heard_null(host, "521", t += seconds(1), noon);
  memory.heard_null("a", "521", t += seconds(1), noon);
  memory.heard_null("d", "521", t += seconds(1), noon);
  EXPECT_EQ(memory.size(), 3u);
  EXPECT_FALSE(memory.heard_within("b", t, hours(4)));
  for (const char* host : {"a", "c", "d"}) EXPECT_TRUE(memory.heard_within(host, t, hours(4))) << host;
  for (int i = 0; i < 1000; ++i)
    memory.heard_null("host-with-a-long-name-" + std::to_string(i), "521", t += seconds(1), noon);
  EXPECT_EQ(memory.size(), 3u);
}

}  // namespace
}  // namespace postil::route
