#include "transport/sts_policy.hpp"

#include <gmock/gmock.h>

namespace postil::transport {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<dns::Data> texts(std::vector<std::string> values) {
  std::vector<dns::Data> out;
  for (auto& value : values) out.push_back(dns::Text{std::move(value)});
  return out;
}
StsRecordParse record(std::string value) {
  return parse_sts_records(texts({std::move(value)}));
}
std::vector<StsFaultKind> kinds(const std::vector<StsFault>& faults, bool fatal) {
  std::vector<StsFaultKind> out;
  for (const auto& fault : faults) {
    if (fault.fatal == fatal) out.push_back(fault.kind);
  }
  return out;
}

TEST(StsRecords, TheOneOfTheStandardIsRead) {
  const auto parsed = record("v=STSv1; id=20160831085700Z;");
  ASSERT_TRUE(parsed.record);
  EXPECT_EQ(parsed.record->id, "20160831085700Z");
  EXPECT_THAT(parsed.faults, IsEmpty());
}

TEST(StsRecords, OthersAreNone) {
  for (const char* text :
       {"v=spf1 -all", "", "v=STSv2; id=1", "V=STSv1; id=1", "id=1; v=STSv1", " v=STSv1; id=1", "v=STSv10;id=1"}) {
    const auto parsed = record(text);
    EXPECT_FALSE(parsed.present) << text;
    EXPECT_FALSE(parsed.record) << text;
  }
}

TEST(StsRecords, OneAmongOthersCountsAndTwoDoNot) {
  EXPECT_TRUE(parse_sts_records(texts({"v=spf1 -all", "v=STSv1; id=a"})).record);
  const auto two = parse_sts_records(texts({"v=STSv1; id=a", "v=STSv1; id=a"}));
  EXPECT_FALSE(two.record);
  EXPECT_TRUE(two.present);
  EXPECT_THAT(kinds(two.faults, true), ElementsAre(StsFaultKind::several_records));
}

TEST(StsRecords, FaultsHaveTheirPlace) {
  const struct {
    const char* text;
    StsFaultKind kind;
    std::size_t column;
  } cases[] = {{"v=STSv1", StsFaultKind::no_id, 8},
               {"v=STSv1;", StsFaultKind::no_id, 9},
               {"v=STSv1; id=", StsFaultKind::bad_id, 13},
               {"v=STSv1; id=2026-01-01", StsFaultKind::bad_id, 13},
               {"v=STSv1; id=123456789012345678901234567890123", StsFaultKind::bad_id, 13},
               {"v=STSv1; id", StsFaultKind::bad_field, 10},
               {"v=STSv1;; id=1", StsFaultKind::bad_field, 9},
               {"v=STSv1; id=1; x y=1", StsFaultKind::bad_field, 16},
               {"v=STSv1; id=1; x=", StsFaultKind::bad_field, 16}};
  for (const auto& one : cases) {
    const auto parsed = record(one.text);
    EXPECT_FALSE(parsed.record) << one.text;
    EXPECT_TRUE(parsed.present) << one.text;
    ASSERT_FALSE(parsed.faults.empty()) << one.text;
    EXPECT_EQ(parsed.faults[0].kind, one.kind) << one.text;
    EXPECT_EQ(parsed.faults[0].column, one.column) << one.text;
  }
}

TEST(StsRecords, UnknownFieldsAndASecondIdDoNotMatter) {
  const auto parsed = record("v=STSv1;future=1 ; id=a;id=b");
  ASSERT_TRUE(parsed.record);
  EXPECT_EQ(parsed.record->id, "a");
  EXPECT_THAT(kinds(parsed.faults, false), ElementsAre(StsFaultKind::unknown_field, StsFaultKind::duplicate));
}

TEST(StsPolicies, TheOneOfTheStandardIsRead) {
  const auto parsed = parse_sts_policy(
      "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
      "mx: backupmx.example.com\r\nmax_age: 604800\r\n");
  ASSERT_TRUE(parsed.policy);
  EXPECT_EQ(parsed.policy->mode, StsMode::enforce);
  EXPECT_EQ(parsed.policy->max_age_seconds, 604800u);
  EXPECT_THAT(parsed.policy->mx, ElementsAre("mail.example.com", "*.example.net", "backupmx.example.com"));
  EXPECT_THAT(parsed.faults, IsEmpty());
  EXPECT_EQ(parse_sts_policy(to_text(*parsed.policy)).policy, parsed.policy);
}

TEST(StsPolicies, OddFormsThatCount) {
  for (const char* text :
       {"version: STSv1\nmode: testing\nmx: MX.example.com\nmax_age: 86400",
        "max_age:86400\nmx:mx.example.com\nmode:\ttesting  \nversion: STSv1\n",
        "version: STSv1\nmode: testing\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\nmax_age: 1\n",
        "version: STSv1\n\nmode: testing\nmx: mx.example.com\nmax_age: 86400\nnew-field: anything at all\n\n"}) {
    const auto parsed = parse_sts_policy(text);
    ASSERT_TRUE(parsed.policy) << text;
    EXPECT_EQ(parsed.policy->mode, StsMode::testing) << text;
    EXPECT_EQ(parsed.policy->max_age_seconds, 86400u) << text;
    EXPECT_THAT(parsed.policy->mx, ElementsAre("mx.example.com")) << text;
  }
}

TEST(StsPolicies, NoneNeedsNoHosts) {
  const auto parsed = parse_sts_policy("version: STSv1\nmode: none\nmax_age: 0\n");
  ASSERT_TRUE(parsed.policy);
  EXPECT_EQ(parsed.policy->mode, StsMode::none);
}

TEST(StsPolicies, FaultsHaveTheirPlace) {
  const std::string head = "version: STSv1\nmode: enforce\nmax_age: 86400\n";
  const struct {
    std::string text;
    StsFaultKind kind;
    std::size_t line, column;
  } cases[] = {{head, StsFaultKind::no_mx, 4, 1},
               {head + "mx: *.*.example.com", StsFaultKind::bad_mx, 4, 5},
               {head + "mx: mail.*.com", StsFaultKind::bad_mx, 4, 5},
               {head + "mx: *", StsFaultKind::bad_mx, 4, 5},
               {head + "mx: ", StsFaultKind::bad_mx, 4, 4},
               {head + "mx: a..b", StsFaultKind::bad_mx, 4, 5},
               {head + "mx: m\xc3\xbcnchen.example", StsFaultKind::bad_mx, 4, 5},
               {head + "mx: a.example\n<html>", StsFaultKind::bad_field, 5, 1},
               {"version: STSv2\nmode: enforce\nmax_age: 86400\nmx: a.b", StsFaultKind::bad_version, 1, 10},
               {"version: STSv1\nmode: Enforce\nmax_age: 86400\nmx: a.b", StsFaultKind::bad_mode, 2, 7},
               {"version: STSv1\nmode: bogus\nmax_age: 86400\nmx: a.b", StsFaultKind::bad_mode, 2, 7},
               {"version: STSv1\nmode: enforce\nmax_age: 1000000000000\nmx: a.b", StsFaultKind::bad_max_age, 3, 10},
               {"version: STSv1\nmode: enforce\nmax_age: -1\nmx: a.b", StsFaultKind::bad_max_age, 3, 10},
               {"version: STSv1\nmode: enforce\nmax_age: 1d\nmx: a.b", StsFaultKind::bad_max_age, 3, 10},
               {"mode: enforce\nmax_age: 86400\nmx: a.b", StsFaultKind::no_version, 4, 1},
               {"version: STSv1\nmax_age: 86400\nmode: none\nmx: a.b", StsFaultKind::bare_line, 0, 0}};
  for (const auto& one : cases) {
    const auto parsed = parse_sts_policy(one.text);
    if (one.line == 0) {
      EXPECT_TRUE(parsed.policy) << one.text;
      continue;
    }
    EXPECT_FALSE(parsed.policy) << one.text;
    ASSERT_EQ(kinds(parsed.faults, true).size(), 1u) << one.text;
    EXPECT_EQ(parsed.faults[0].kind, one.kind) << one.text << to_string(parsed.faults[0].kind);
    if (one.kind != StsFaultKind::no_mx && one.kind != StsFaultKind::no_version) {
      EXPECT_EQ(parsed.faults[0].line, one.line) << one.text;
      EXPECT_EQ(parsed.faults[0].column, one.column) << one.text;
    }
  }
  EXPECT_EQ(parse_sts_policy("").faults.size(), 3u);
}

TEST(StsPolicies, LongLifeIsClipped) {
  const auto parsed = parse_sts_policy("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 4000000000\n");
  ASSERT_TRUE(parsed.policy);
  EXPECT_EQ(parsed.policy->max_age_seconds, 31557600u);
  EXPECT_THAT(kinds(parsed.faults, false), ElementsAre(StsFaultKind::max_age_clipped));
}

TEST(StsPolicies, AreBounded) {
  EXPECT_FALSE(parse_sts_policy(std::string(65 * 1024, 'x')).policy);
  std::string many = "version: STSv1\nmode: enforce\nmax_age: 86400\n";
  for (int i = 0; i < 501; ++i) many += "mx: h" + std::to_string(i) + ".example.com\n";
  const auto parsed = parse_sts_policy(many);
  EXPECT_FALSE(parsed.policy);
  EXPECT_LE(parse_sts_policy(std::string(60000, '\n')).faults.size(), 60u);
}

TEST(StsPolicies, WildcardsMatchOneLabel) {
  const struct {
    const char *pattern, *host;
    bool matches;
  } cases[] = {{"mail.example.com", "mail.example.com", true},   {"mail.example.com", "MAIL.Example.com.", true},
               {"*.example.com", "mail.example.com", true},      {"*.example.com", "example.com", false},
               {"*.example.com", "foo.bar.example.com", false},  {"*.example.com", "badexample.com", false},
               {"mail.example.com", "xmail.example.com", false}, {"*.example.com", ".example.com", false},
               {"example.com", "mail.example.com", false}};
  for (const auto& one : cases)
    EXPECT_EQ(sts_pattern_matches(one.pattern, one.host), one.matches) << one.pattern << " " << one.host;
}

TEST(StsPolicies, MediaType) {
  EXPECT_TRUE(sts_media_type("text/plain"));
  EXPECT_TRUE(sts_media_type("Text/Plain; charset=utf-8"));
  EXPECT_FALSE(sts_media_type("text/html"));
  EXPECT_FALSE(sts_media_type(""));
  EXPECT_FALSE(sts_media_type("text/plainly"));
}

}  // namespace
}  // namespace postil::transport
