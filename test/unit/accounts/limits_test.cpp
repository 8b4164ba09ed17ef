#include "accounts/limits.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace postil::accounts {
namespace {

constexpr MonoTime start = MonoTime(hours(100));

TEST(SlidingCount, ForgetsBitByBit) {
  SlidingCount count;
  count.add(start, minutes(10), 10);
  EXPECT_DOUBLE_EQ(count.estimate(start, minutes(10)), 10);
  EXPECT_DOUBLE_EQ(count.estimate(start + minutes(9), minutes(10)), 10);
  EXPECT_DOUBLE_EQ(count.estimate(start + minutes(15), minutes(10)), 5);
  EXPECT_DOUBLE_EQ(count.estimate(start + minutes(20), minutes(10)), 0);
  count.add(start + minutes(15), minutes(10), 2);
  EXPECT_DOUBLE_EQ(count.estimate(start + minutes(15), minutes(10)), 7);
  EXPECT_DOUBLE_EQ(count.estimate(start + hours(5), minutes(10)), 0);
}

TEST(SlidingCount, SaysWhenThereIsRoom) {
  for (const std::uint32_t limit : {1u, 5u, 10u}) {
    SlidingCount count;
    EXPECT_EQ(count.until_room(start, hours(1), limit), Duration::zero());
    count.add(start, hours(1), 4);
    count.add(start + minutes(70), hours(1), 6);
    const MonoTime now = start + minutes(75);
    const Duration wait = count.until_room(now, hours(1), limit);
    EXPECT_LE(count.estimate(now + wait, hours(1)), limit - 1.0 + 1e-6);
    if (wait > seconds(1)) {
      EXPECT_GT(count.estimate(now + wait - seconds(1), hours(1)), limit - 1.0);
    }
  }
}

TEST(RecentTable, ForgetsWhatWasUsedLongestAgo) {
  RecentTable<int> table(3);
  for (std::uint64_t key = 1; key <= 3; ++key) table.touch(key) = static_cast<int>(key);
  EXPECT_NE(table.find(1), nullptr);
  table.touch(4) = 4;
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.find(2), nullptr);
  EXPECT_EQ(*table.find(1), 1);
  EXPECT_EQ(*table.find(3), 3);
}

class Logins : public testing::Test {
 protected:
  void fail(std::string_view address, std::string_view user, int times, Duration apart = seconds(1)) {
    for (int i = 0; i < times; ++i) {
      limits_.ended(address, user, false, now_);
      now_ += apart;
    }
  }
  bool blocked(std::string_view address, std::string_view user) {
    return limits_.blocked(address, user, now_).has_value();
  }
  LoginLimits limits_{LoginPolicy{}, 1};
  MonoTime now_ = start;
};

TEST_F(Logins, TheTenthFailureLocksTheAddress) {
  for (int i = 0; i < 9; ++i) fail("192.0.2.1", fmt::format("user{}", i), 1);
  EXPECT_FALSE(blocked("192.0.2.1", "anna"));
  fail("192.0.2.1", "user9", 1);
  EXPECT_TRUE(blocked("192.0.2.1", "anna"));
  EXPECT_FALSE(blocked("192.0.2.2", "anna"));
  EXPECT_NEAR(static_cast<double>(limits_.blocked("192.0.2.1", "anna", now_)->count()), 299e6, 1e6);
  now_ += minutes(5);
  EXPECT_FALSE(blocked("192.0.2.1", "anna"));
}

TEST_F(Logins, SlowFailuresDoNotLock) {
  fail("192.0.2.1", "anna", 200, minutes(2));
  EXPECT_FALSE(blocked("192.0.2.1", "anna"));
}

TEST_F(Logins, LocksGrowToAnHourAndAreForgiven) {
  const int expected[] = {5, 10, 20, 40, 60, 60};
  for (const int length : expected) {
    fail("192.0.2.1", "anna", 10, seconds(0));
    const auto left = limits_.blocked("192.0.2.1", "x", now_);
    ASSERT_TRUE(left);
    EXPECT_EQ(*left, minutes(length));
    now_ += *left;
    limits_.ended("192.0.2.9", "anna", true, now_);  // only the address is looked at here
  }
  now_ += hours(25);
  fail("192.0.2.1", "anna", 10, seconds(0));
  EXPECT_EQ(limits_.blocked("192.0.2.1", "x", now_), minutes(5));
}

TEST_F(Logins, ManyAddressesAgainstOneAccount) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(blocked("198.51.100.7", "anna"));
    fail(fmt::format("192.0.2.{}", i), "Anna", 1);
  }
  EXPECT_TRUE(blocked("198.51.100.7", "anna"));
  EXPECT_FALSE(blocked("198.51.100.7", "bob"));
}

TEST_F(Logins, TheOwnerIsNotLockedOutByOthers) {
  limits_.ended("198.51.100.7", "anna", true, now_);
  for (int i = 0; i < 20; ++i) fail(fmt::format("192.0.2.{}", i), "anna", 1);
  EXPECT_TRUE(blocked("192.0.2.200", "anna"));
  EXPECT_FALSE(blocked("198.51.100.7", "anna"));
}

TEST_F(Logins, SuccessClearsTheAccountNotTheAddress) {
  fail("192.0.2.1", "anna", 9);
  limits_.ended("192.0.2.1", "mallory", true, now_);
  fail("192.0.2.1", "anna", 1);
  EXPECT_TRUE(blocked("192.0.2.1", "anna"));
  for (int i = 0; i < 19; ++i) fail(fmt::format("203.0.113.{}", i), "bob", 1);
  limits_.ended("203.0.113.99", "bob", true, now_);
  fail("203.0.113.50", "bob", 1);
  EXPECT_FALSE(blocked("203.0.113.51", "bob"));
}

TEST_F(Logins, AnIpv6NetworkIsOneAddress) {
  for (int i = 0; i < 10; ++i) fail(fmt::format("2001:db8:0:1::{:x}", i), "anna", 1);
  EXPECT_TRUE(blocked("2001:db8:0:1:ffff::1", "bob"));
  EXPECT_FALSE(blocked("2001:db8:0:2::1", "bob"));
}

TEST(LoginLimits, ZeroIsNoLimitAndMemoryIsBounded) {
  LoginLimits open({.per_address = 0, .per_account = 0}, 1);
  for (int i = 0; i < 1000; ++i) open.ended("192.0.2.1", "anna", false, start);
  EXPECT_FALSE(open.blocked("192.0.2.1", "anna", start));
  LoginLimits small({.entries_max = 10}, 1);
  for (int i = 0; i < 10; ++i) small.ended("192.0.2.1", "anna", false, start);
  EXPECT_TRUE(small.blocked("192.0.2.1", "x", start));
  for (int i = 0; i < 10; ++i) small.ended(fmt::format("198.51.100.{}", i), "anna", false, start);
  EXPECT_FALSE(small.blocked("192.0.2.1", "x", start));  // pushed out
}

TEST(RecipientLimits, PerHourAndPerDay) {
  RecipientLimits limits({.per_hour = 100, .per_day = 150}, 1);
  MonoTime now = start;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limits.count("anna", now));
  const auto hour = limits.count("anna", now);
  ASSERT_TRUE(hour);
  EXPECT_EQ(hour->limit, 100u);
  EXPECT_EQ(hour->period, "hour");
  EXPECT_GT(hour->retry_after, minutes(50));
  EXPECT_FALSE(limits.count("bob", now));
  now += hour->retry_after;
  EXPECT_FALSE(limits.count("anna", now));
  now += hours(2);
  for (int i = 0; i < 49; ++i) EXPECT_FALSE(limits.count("anna", now));
  const auto day = limits.count("anna", now);
  ASSERT_TRUE(day);
  EXPECT_EQ(day->period, "day");
  EXPECT_EQ(day->limit, 150u);
  now += day->retry_after;
  EXPECT_FALSE(limits.count("anna", now));
}

TEST(RecipientLimits, Unlimited) {
  RecipientLimits limits({.per_hour = 0, .per_day = 0}, 1);
  for (int i = 0; i < 20'000; ++i) ASSERT_FALSE(limits.count("anna", start));
}

}  // namespace
}  // namespace postil::accounts
