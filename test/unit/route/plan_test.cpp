#include "route/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace postil::route {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

dns::MxSet hosts(std::vector<dns::Mx> mx) {
  dns::MxSet set;
  set.kind = dns::MxSet::Kind::hosts;
  set.hosts = std::move(mx);
  set.name = "x.example";
  return set;
}
std::vector<std::string> names(const HostPlan& plan) {
  std::vector<std::string> out;
  for (const auto& h : plan.hosts) out.push_back(h.name);
  return out;
}

TEST(Plan, ByPreference) {
  Prng prng(1);
  EXPECT_THAT(names(plan_hosts(hosts({{30, "c"}, {10, "a"}, {20, "b"}}), {}, prng)), ElementsAre("a", "b", "c"));
}

TEST(Plan, EqualPreferencesAreShuffled) {
  std::map<std::string, int> first;
  Prng prng(7);
  for (int i = 0; i < 3000; ++i) {
    const auto plan = names(plan_hosts(hosts({{10, "a"}, {10, "b"}, {10, "c"}, {20, "d"}, {20, "e"}}), {}, prng));
    ASSERT_EQ(std::set<std::string>(plan.begin(), plan.begin() + 3), (std::set<std::string>{"a", "b", "c"}));
    ++first[plan[0]];
    ++first[plan[3]];
  }
  for (const char* host : {"a", "b", "c"}) EXPECT_NEAR(first[host], 1000, 150) << host;
  for (const char* host : {"d", "e"}) EXPECT_NEAR(first[host], 1500, 150) << host;
}

TEST(Plan, WeOurselvesAndWorseAreLeftOut) {
  Prng prng(1);
  const std::vector<std::string> own{"us.example"};
  const auto mx = hosts({{10, "a"}, {20, "us.example"}, {20, "b"}, {30, "c"}});
  EXPECT_THAT(names(plan_hosts(mx, own, prng)), ElementsAre("a"));
  const auto loop = plan_hosts(hosts({{10, "us.example"}, {20, "b"}}), own, prng);
  EXPECT_THAT(loop.hosts, IsEmpty());
  EXPECT_EQ(loop.why, Cause::mail_loop);
  EXPECT_EQ(judge_cause(loop.why).status, (reply::EnhancedCode{5, 4, 6}));
}

TEST(Plan, KindsOfMxSets) {
  Prng prng(1);
  dns::MxSet set;
  set.name = "x.example";
  const std::pair<dns::MxSet::Kind, Cause> kinds[] = {
      {dns::MxSet::Kind::null_mx, Cause::null_mx},
      {dns::MxSet::Kind::only_stray_null, Cause::only_invalid_null_mx},
      {dns::MxSet::Kind::no_domain, Cause::domain_not_found},
      {dns::MxSet::Kind::temporary, Cause::dns_temporary},
  };
  for (const auto& [kind, cause] : kinds) {
    set.kind = kind;
    const auto plan = plan_hosts(set, {}, prng);
    EXPECT_THAT(plan.hosts, IsEmpty());
    EXPECT_EQ(plan.why, cause);
  }
  set.kind = dns::MxSet::Kind::implicit;
  const auto plan = plan_hosts(set, {}, prng);
  EXPECT_TRUE(plan.implicit);
  EXPECT_THAT(plan.hosts, ElementsAre(PlanHost{"x.example", 0}));
  const std::vector<std::string> own{"x.example"};
  EXPECT_EQ(plan_hosts(set, own, prng).why, Cause::mail_loop);
}

// Of too many the best are kept, in whatever order they came; chance decides among equal ones alone.
TEST(Plan, TheBestOfManyAreKept) {
  std::vector<dns::Mx> mx;
  for (int i = 0; i < 60; ++i) mx.push_back({static_cast<std::uint16_t>(10 * (i / 15)), "h" + std::to_string(i)});
  std::set<std::string> of_the_second;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng prng(seed);
    std::ranges::shuffle(mx, prng);
    const auto plan = plan_hosts(hosts(mx), {}, prng);
    ASSERT_EQ(plan.hosts.size(), 20u);
    std::set<std::string> best;
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(plan.hosts[i].preference, i < 15 ? 0 : 10) << seed;
      (i < 15 ? best : of_the_second).insert(plan.hosts[i].name);
    }
    EXPECT_EQ(best.size(), 15u) << seed;
  }
  EXPECT_EQ(of_the_second.size(), 15u) << "each of the equal ones has its turn";
}

TEST(Plan, AThousandRecords) {
  std::vector<dns::Mx> mx;
  for (int i = 0; i < 1000; ++i) mx.push_back({static_cast<std::uint16_t>(i), "h" + std::to_string(i)});
  Prng prng(1);
  const auto plan = plan_hosts(hosts(mx), {}, prng);
  ASSERT_EQ(plan.hosts.size(), 20u);
  EXPECT_EQ(plan.hosts[19].name, "h19");
}

TEST(Plan, FamiliesTakeTurns) {
  Prng prng(1);
  EXPECT_THAT(order_addresses({"2001:db8::1"}, {"192.0.2.1"}, prng, 8), ElementsAre("2001:db8::1", "192.0.2.1"));
  const auto mixed = order_addresses({"6a", "6b", "6c"}, {"4a"}, prng, 8);
  ASSERT_EQ(mixed.size(), 4u);
  EXPECT_EQ(mixed[1], "4a");
  EXPECT_THAT(order_addresses({}, {"4a"}, prng, 8), ElementsAre("4a"));
  EXPECT_EQ(order_addresses({"6a", "6b", "6c"}, {"4a", "4b", "4c"}, prng, 3).size(), 3u);
}

TEST(Plan, Addresses) {
  Prng prng(1);
  const std::vector<HostAddresses> list{{{"a", 10}, {"2001:db8::1"}, {"192.0.2.1"}},
                                        {{"b", 20}, {}, {"192.0.2.2", "192.0.2.1"}},
                                        {{"c", 30}, {}, {"192.0.2.3"}}};
  const auto plan = plan_addresses(list, {}, prng);
  EXPECT_THAT(plan.addresses, ElementsAre(PlanAddress{"a", 10, "2001:db8::1"}, PlanAddress{"a", 10, "192.0.2.1"},
                                          PlanAddress{"b", 20, "192.0.2.2"}, PlanAddress{"c", 30, "192.0.2.3"}));
  const std::vector<std::string> own{"192.0.2.2"};
  EXPECT_EQ(plan_addresses(list, own, prng).addresses.size(), 2u);
  const std::vector<std::string> own_best{"192.0.2.1"};
  EXPECT_THAT(plan_addresses(list, own_best, prng).addresses, IsEmpty());
  EXPECT_EQ(plan_addresses(list, own_best, prng).why, Cause::mail_loop);
  EXPECT_EQ(plan_addresses(std::vector<HostAddresses>{{{"a", 10}, {}, {}}}, {}, prng).why, Cause::no_address);
}

TEST(Plan, AddressLimits) {
  Prng prng(1);
  std::vector<HostAddresses> list;
  for (int h = 0; h < 20; ++h) {
    HostAddresses host{{"h" + std::to_string(h), static_cast<std::uint16_t>(h)}, {}, {}};
    for (int i = 0; i < 50; ++i) host.v4.push_back(std::to_string(h) + "." + std::to_string(i));
    list.push_back(std::move(host));
  }
  const auto plan = plan_addresses(list, {}, prng);
  EXPECT_EQ(plan.addresses.size(), 30u);
  EXPECT_EQ(plan.addresses[8].host, "h1");  // one host cannot use up all tries
}

}  // namespace
}  // namespace postil::route
