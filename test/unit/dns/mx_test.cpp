#include "dns/mx.hpp"

#include <gmock/gmock.h>

namespace postil::dns {
namespace {

using Kind = MxSet::Kind;
using ::testing::ElementsAre;

Answer mx(std::vector<Data> records) {
  Answer answer;
  answer.status = records.empty() ? Status::no_data : Status::ok;
  answer.records = std::move(records);
  answer.canonical_name = "example.com";
  return answer;
}

TEST(ClassifyMx, SortsHostsAndKeepsTiesInTheirOrder) {
  const auto set = classify_mx(mx({Mx{20, "b"}, Mx{10, "z"}, Mx{10, "a"}, Mx{5, "b"}}));
  EXPECT_EQ(set.kind, Kind::hosts);
  EXPECT_THAT(set.hosts, ElementsAre(Mx{5, "b"}, Mx{10, "z"}, Mx{10, "a"}));
  EXPECT_FALSE(set.stray_null);
}

TEST(ClassifyMx, OfThousandsTheBestComesFirst) {
  std::vector<Data> many;
  for (unsigned i = 5000; i > 0; --i)
    many.push_back(Mx{static_cast<std::uint16_t>(i), "mx" + std::to_string(i % 4000)});
  const auto set = classify_mx(mx(std::move(many)));
  ASSERT_EQ(set.hosts.size(), 4000u);
  EXPECT_EQ(set.hosts.front(), (Mx{1, "mx1"}));
}

TEST(ClassifyMx, OnlyOneDotAtPreferenceZeroIsANullMx) {
  EXPECT_EQ(classify_mx(mx({Mx{0, ""}})).kind, Kind::null_mx);
  EXPECT_FALSE(classify_mx(mx({Mx{0, ""}})).stray_null);
  const auto ten = classify_mx(mx({Mx{10, ""}}));
  EXPECT_EQ(ten.kind, Kind::only_stray_null);
  EXPECT_TRUE(ten.stray_null);
  EXPECT_EQ(classify_mx(mx({Mx{0, ""}, Mx{0, ""}})).kind, Kind::only_stray_null);
}

TEST(ClassifyMx, ADotBesideHostsIsDroppedAndFlagged) {
  const auto set = classify_mx(mx({Mx{0, ""}, Mx{10, "a"}}));
  EXPECT_EQ(set.kind, Kind::hosts);
  EXPECT_THAT(set.hosts, ElementsAre(Mx{10, "a"}));
  EXPECT_TRUE(set.stray_null);
}

TEST(ClassifyMx, WithoutRecordsTheNameItselfIsTheHost) {
  const auto set = classify_mx(mx({}));
  EXPECT_EQ(set.kind, Kind::implicit);
  EXPECT_EQ(set.name, "example.com");
}

TEST(ClassifyMx, NoDomainAndNoAnswer) {
  Answer answer;
  answer.status = Status::no_domain;
  EXPECT_EQ(classify_mx(answer).kind, Kind::no_domain);
  for (const auto status : {Status::server_failure, Status::bogus, Status::timed_out, Status::malformed}) {
    answer.status = status;
    EXPECT_EQ(classify_mx(answer).kind, Kind::temporary);
  }
}

}  // namespace
}  // namespace postil::dns
