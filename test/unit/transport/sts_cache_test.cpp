#include "transport/sts_cache.hpp"

#include <gmock/gmock.h>

namespace postil::transport {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Seen = StsSeen::Kind;

const WallTime start = wall_from_microseconds(1'793'000'000'000'000);
const StsPolicy enforced{StsMode::enforce, 604800, {"*.example.net", "mail.example.org"}};
const std::string domain = "example.net";

TEST(StsCache, ARecordWithoutAPolicyIsFetchedOnceAndKept) {
  StsCache cache;
  EXPECT_TRUE(cache.advise(domain, {Seen::record, "a"}, start).fetch);
  cache.fetched(domain, "a", enforced, start);
  const auto advice = cache.advise(domain, {Seen::record, "a"}, start + hours(1));
  EXPECT_FALSE(advice.fetch);
  ASSERT_TRUE(advice.entry);
  EXPECT_EQ(advice.entry->policy, enforced);
}

TEST(StsCache, ANewIdIsFetchedAndTheOldPolicyHoldsUntilThen) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start);
  auto advice = cache.advise(domain, {Seen::record, "b"}, start + hours(1));
  EXPECT_TRUE(advice.fetch);
  EXPECT_TRUE(advice.entry);
  cache.fetch_failed(domain, "b", "no answer", start + hours(1));
  advice = cache.advise(domain, {Seen::record, "b"}, start + hours(1) + minutes(1));
  EXPECT_FALSE(advice.fetch) << "not again within five minutes";
  EXPECT_EQ(advice.failure, "no answer");
  EXPECT_TRUE(advice.entry);
  EXPECT_TRUE(cache.advise(domain, {Seen::record, "c"}, start + hours(1) + minutes(1)).fetch) << "another version";
  EXPECT_TRUE(cache.advise(domain, {Seen::record, "b"}, start + hours(1) + minutes(5)).fetch);
}

// An attacker who keeps DNS or HTTPS from us gains nothing until max_age is over.
TEST(StsCache, NeitherDnsNorADeletedRecordTakesAPolicyAway) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start);
  for (const auto kind : {Seen::unknown, Seen::none}) {
    const auto advice = cache.advise(domain, {kind, ""}, start + days(6));
    EXPECT_FALSE(advice.fetch);
    EXPECT_TRUE(advice.entry);
  }
  EXPECT_FALSE(cache.advise(domain, {Seen::unknown, ""}, start + days(7)).entry) << "its time is over";
}

TEST(StsCache, RefreshesWhatIsADayOldAndInUse) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start);
  cache.fetched("short.example", "a", {StsMode::enforce, 7200, {"a.b"}}, start);
  EXPECT_THAT(cache.to_refresh(start + minutes(59), 10), IsEmpty());
  EXPECT_THAT(cache.to_refresh(start + hours(1), 10), ElementsAre("short.example")) << "before it expires";
  EXPECT_THAT(cache.to_refresh(start + hours(24), 10), ElementsAre(domain));
  cache.fetched(domain, "a", enforced, start + hours(24));
  EXPECT_THAT(cache.to_refresh(start + hours(25), 10), IsEmpty());
  // Policies that live long and that nobody asks for are let go in the end.
  cache.fetched("unused.example", "a", {StsMode::enforce, 31557600, {"a.b"}}, start);
  EXPECT_THAT(cache.to_refresh(start + days(31), 10), IsEmpty());
}

TEST(StsCache, AFailedRefreshIsTriedAgainLater) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start);
  cache.fetch_failed(domain, "a", "no answer", start + hours(24));
  EXPECT_THAT(cache.to_refresh(start + hours(24) + minutes(30), 10), IsEmpty());
  EXPECT_THAT(cache.to_refresh(start + hours(25), 10), ElementsAre(domain));
}

TEST(StsCache, SurvivesARestart) {
  StsCache cache;
  cache.fetched(domain, "20260101T000000", enforced, start);
  cache.fetched("none.example", "b", {StsMode::none, 86400, {}}, start);
  StsCache again;
  ASSERT_TRUE(again.decode(cache.encode(), start + hours(2)));
  EXPECT_EQ(again.size(), 2u);
  const auto advice = again.advise(domain, {Seen::unknown, ""}, start + hours(2));
  ASSERT_TRUE(advice.entry);
  EXPECT_EQ(advice.entry->policy, enforced);
  EXPECT_EQ(advice.entry->id, "20260101T000000");
  EXPECT_EQ(advice.entry->fetched, start);
  EXPECT_EQ(again.encode().size(), cache.encode().size());
}

TEST(StsCache, ADamagedFileIsToldAndNothingOfItTaken) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start);
  const auto file = cache.encode();
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto broken = file;
    broken[i] ^= 1;
    StsCache again;
    EXPECT_FALSE(again.decode(broken, start)) << i;
    EXPECT_EQ(again.size(), 0u);
    EXPECT_FALSE(StsCache().decode(file.substr(0, i), start)) << i;
  }
}

TEST(StsCache, AClockThatWasSetBackMakesNothingLiveLonger) {
  StsCache cache;
  cache.fetched(domain, "a", enforced, start + days(100));
  StsCache again;
  ASSERT_TRUE(again.decode(cache.encode(), start));
  EXPECT_TRUE(again.find(domain, start + days(6)));
  EXPECT_FALSE(again.find(domain, start + days(8)));
}

TEST(StsCache, IsBounded) {
  StsCache cache(10);
  for (int i = 0; i < 100; ++i) cache.fetched("d" + std::to_string(i) + ".example", "a", enforced, start + seconds(i));
  EXPECT_EQ(cache.size(), 10u);
  EXPECT_TRUE(cache.find("d99.example", start + seconds(100)));
}

TEST(StsSeen, SaysWhatTheAnswerMeans) {
  dns::Answer answer;
  answer.status = dns::Status::server_failure;
  EXPECT_EQ(sts_seen(answer).kind, Seen::unknown);
  answer.status = dns::Status::no_domain;
  EXPECT_EQ(sts_seen(answer).kind, Seen::none);
  answer.status = dns::Status::ok;
  answer.records = {dns::Text{"v=STSv1; id=x1"}};
  EXPECT_EQ(sts_seen(answer).kind, Seen::record);
  EXPECT_EQ(sts_seen(answer).id, "x1");
}

}  // namespace
}  // namespace postil::transport
