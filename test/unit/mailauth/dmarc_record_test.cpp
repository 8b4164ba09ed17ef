#include "mailauth/dmarc_record.hpp"

#include <gmock/gmock.h>

#include "mailauth/bimi_record.hpp"
#include "mailauth/tls_rpt_record.hpp"

namespace postil::mailauth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class Record>
std::vector<std::string> errors_of(const Record& record) {
  std::vector<std::string> out;
  for (const auto& error : record.errors) {
    out.push_back(std::string(to_string(error.problem)) + "@" + std::to_string(error.where.position) + "+" +
                  std::to_string(error.where.length));
  }
  return out;
}
std::vector<std::string> errors(std::string_view text) {
  return errors_of(parse_dmarc_record(text));
}
std::vector<std::string> remarks(std::string_view text) {
  std::vector<std::string> out;
  const auto record = parse_dmarc_record(text);
  for (const auto& remark : record.remarks) {
    out.push_back(std::string(to_string(remark.remark)) + ":" + std::string(record.text(remark.where)));
  }
  return out;
}

TEST(DmarcRecord, VersionComesFirst) {
  EXPECT_TRUE(is_dmarc_record("v=DMARC1"));
  EXPECT_TRUE(is_dmarc_record("v = DMARC1 ; p=none"));
  for (const auto* text : {"v=dmarc1; p=none", "p=none; v=DMARC1", "\"v=DMARC1; p=none\"", "v=DMARC10; p=none"}) {
    EXPECT_FALSE(is_dmarc_record(text)) << text;
    EXPECT_TRUE(resembles_dmarc_record(text)) << text;
  }
  EXPECT_FALSE(is_dmarc_record(""));
  EXPECT_FALSE(resembles_dmarc_record("v=spf1 -all"));
}

TEST(DmarcRecord, ReadsEveryTag) {
  const auto record = parse_dmarc_record(
      "v=DMARC1; p=quarantine; sp=Reject; np=none; adkim=s; aspf=r; psd=n; t=y; fo=1:d:s; "
      "rua=mailto:a@x.example,mailto:b%2Cc@Y.example?x=1 , https://z.example/r; ruf=mailto:f@x.example;");
  EXPECT_THAT(record.errors, IsEmpty());
  EXPECT_EQ(record.p, DmarcPolicy::quarantine);
  EXPECT_EQ(record.sp, DmarcPolicy::reject);
  EXPECT_EQ(record.np, DmarcPolicy::none);
  EXPECT_EQ(record.adkim, DmarcAlignment::strict);
  EXPECT_EQ(record.aspf, DmarcAlignment::relaxed);
  EXPECT_EQ(record.psd, DmarcPsd::no);
  EXPECT_TRUE(record.testing);
  EXPECT_EQ(record.failure_options, "1ds");
  ASSERT_THAT(record.rua, SizeIs(3));
  EXPECT_EQ(record.rua[0].address, "a@x.example");
  EXPECT_EQ(record.rua[1].address, "b,c@Y.example");
  EXPECT_EQ(record.rua[1].host, "y.example");
  EXPECT_EQ(record.rua[2].scheme, "https");
  EXPECT_EQ(record.rua[2].host, "z.example");
  EXPECT_EQ(record.text(record.rua[2].where), "https://z.example/r");
  EXPECT_THAT(record.ruf, SizeIs(1));
}

TEST(DmarcRecord, PoliciesBelowFallBack) {
  const auto full = parse_dmarc_record("v=DMARC1; p=reject; sp=quarantine; np=none");
  EXPECT_EQ(full.policy(), DmarcPolicy::reject);
  EXPECT_EQ(full.policy_below(true), DmarcPolicy::quarantine);
  EXPECT_EQ(full.policy_below(false), DmarcPolicy::none);
  const auto without_np = parse_dmarc_record("v=DMARC1; p=reject; sp=quarantine");
  EXPECT_EQ(without_np.policy_below(false), DmarcPolicy::quarantine);
  const auto only_p = parse_dmarc_record("v=DMARC1; p=reject");
  EXPECT_EQ(only_p.policy_below(true), DmarcPolicy::reject);
  EXPECT_EQ(only_p.policy_below(false), DmarcPolicy::reject);
  EXPECT_EQ(parse_dmarc_record("v=DMARC1").policy(), DmarcPolicy::none);
  EXPECT_EQ(one_step_less(DmarcPolicy::reject), DmarcPolicy::quarantine);
  EXPECT_EQ(one_step_less(DmarcPolicy::quarantine), DmarcPolicy::none);
  EXPECT_EQ(one_step_less(DmarcPolicy::none), DmarcPolicy::none);
}

TEST(DmarcRecord, TellsEveryErrorAndWhereItIs) {
  EXPECT_THAT(errors("v=DMARC1; p=none; rua=mailto:a@x.example"), IsEmpty());
  EXPECT_THAT(errors("v=DMARC1; p=nope; sp=; np=x"),
              ElementsAre("policy_value@10+6", "tag_value_empty@18+3", "policy_value@23+4"));
  EXPECT_THAT(errors("v=DMARC1; p; =x; p1=x; p=none"),
              ElementsAre("tag_without_equals@10+1", "tag_name@13+2", "tag_name@17+4"));
  EXPECT_THAT(errors("v=DMARC1; p=none; p=reject;; t=n"), ElementsAre("repeated_tag@18+8", "tag_without_equals@27+0"));
  EXPECT_THAT(errors("v=DMARC1; p=none; adkim=x; aspf=relaxed; psd=1; t=yes; fo=0:1"),
              ElementsAre("alignment_value@18+7", "alignment_value@27+12", "psd_value@41+5", "test_value@48+5",
                          "failure_options@55+6"));
  EXPECT_THAT(errors("v=DMARC1; p=none; fo=d:d"), ElementsAre("failure_options@18+6"));
  EXPECT_THAT(
      errors("v=DMARC1; p=none; rua=a@x.example,,mailto:x,mailto:a@b!c.example,https:/x"),
      ElementsAre("uri_scheme@22+11", "uri_empty@34+0", "uri_mailbox@35+8", "uri_character@44+20", "uri_host@65+8"));
  EXPECT_THAT(errors("v=DMARC1; p=r\xc3\xa9ject"), ElementsAre("tag_character@10+9"));
  EXPECT_EQ(parse_dmarc_record("v=DMARC1; p=none; p=reject").p, DmarcPolicy::none);
}

TEST(DmarcRecord, AnUnreadablePolicyCountsOnlyWithReports) {
  EXPECT_FALSE(parse_dmarc_record("v=DMARC1; p=nope").usable());
  EXPECT_FALSE(parse_dmarc_record("v=DMARC1; p=reject; sp=nope; rua=x").usable());
  const auto record = parse_dmarc_record("v=DMARC1; p=reject; sp=nope; rua=mailto:a@x.example");
  EXPECT_TRUE(record.usable());
  EXPECT_EQ(record.policy(), DmarcPolicy::none);
  EXPECT_EQ(record.policy_below(true), DmarcPolicy::none);
  EXPECT_TRUE(parse_dmarc_record("v=DMARC1").usable());
}

TEST(DmarcRecord, Remarks) {
  EXPECT_THAT(remarks("v=DMARC1; p=reject; rua=mailto:a@x.example"), IsEmpty());
  EXPECT_THAT(remarks("V = DMARC1; p=reject; rua=mailto:a@x.example"), ElementsAre("version_spacing:V = DMARC1"));
  EXPECT_THAT(
      remarks("v=DMARC1; pct=50; p=none; xx=1; rua=mailto:a@x.example!10m; fo=1; t=y"),
      ElementsAre("removed_tag:pct=50", "p_not_second:p=none", "unknown_tag:xx=1",
                  "uri_size_limit:mailto:a@x.example!10m", "testing:t=y", "monitoring_only:", "fo_without_ruf:fo=1"));
  EXPECT_THAT(remarks("v=DMARC1;"), ElementsAre("policy_missing:", "no_reports:"));
}

TEST(DmarcRecord, FindingsAreBounded) {
  std::string text = "v=DMARC1";
  for (int i = 0; i < 10000; ++i) text += ";x";
  EXPECT_LE(parse_dmarc_record(text).errors.size(), dmarc_findings_max);
  text = "v=DMARC1; p=none; rua=";
  for (int i = 0; i < 10000; ++i) text += "mailto:a@x.example,";
  EXPECT_LE(parse_dmarc_record(text).rua.size(), report_uris_max);
}

TEST(TlsRptRecord, Reads) {
  EXPECT_TRUE(is_tls_rpt_record("v=TLSRPTv1; rua=mailto:a@x.example"));
  for (const auto* text : {"v=TLSRPTv1", "v=tlsrptv1; rua=mailto:a@x.example", " v=TLSRPTv1;", "v=TLSRPTv10;"}) {
    EXPECT_FALSE(is_tls_rpt_record(text)) << text;
    EXPECT_TRUE(resembles_tls_rpt_record(text)) << text;
  }
  const auto record = parse_tls_rpt_record("v=TLSRPTv1;rua=mailto:a@x.example , https://r.example/v1;new=1;");
  EXPECT_THAT(record.errors, IsEmpty());
  ASSERT_THAT(record.rua, SizeIs(2));
  EXPECT_EQ(record.rua[0].address, "a@x.example");
  EXPECT_EQ(record.rua[1].raw, "https://r.example/v1");
  EXPECT_THAT(record.extensions, ElementsAre("new"));
}

TEST(TlsRptRecord, Errors) {
  const auto found = [](std::string_view text) { return errors_of(parse_tls_rpt_record(text)); };
  EXPECT_THAT(found("v=TLSRPTv1;"), ElementsAre("rua_missing@11+0"));
  EXPECT_THAT(found("v=TLSRPTv1; rua=mailto:a@x.example; rua=mailto:b@x.example"), ElementsAre("repeated_rua@36+22"));
  EXPECT_THAT(found("v=TLSRPTv1; rua=ftp://x.example,a@x.example,mailto:a@x.example!1m"),
              ElementsAre("uri_scheme@16+15", "uri_scheme@32+11", "uri_character@44+21"));
  EXPECT_THAT(found("v=TLSRPTv1; a b=c; rua=mailto:a@x.example; x=; y"),
              ElementsAre("field_form@12+5", "field_form@43+2", "field_form@47+1"));
  EXPECT_FALSE(parse_tls_rpt_record("v=TLSRPTv1; rua=x").usable());
}

TEST(BimiRecord, ReadsAndDeclines) {
  EXPECT_TRUE(is_bimi_record("v=BIMI1; l=https://x.example/l.svg"));
  EXPECT_FALSE(is_bimi_record("l=https://x.example/l.svg; v=BIMI1"));
  const auto record = parse_bimi_record("v=BIMI1; l=https://x.example/l.svg; a=https://x.example/c.pem");
  EXPECT_EQ(record.location, "https://x.example/l.svg");
  EXPECT_EQ(record.evidence, "https://x.example/c.pem");
  EXPECT_THAT(record.errors, IsEmpty());
  EXPECT_FALSE(record.declined);
  EXPECT_TRUE(parse_bimi_record("v=BIMI1; l=; a=").declined);
  EXPECT_THAT(errors_of(parse_bimi_record("v=BIMI1; l=http://x.example/l; a=x; z")),
              ElementsAre("location_value@9+20", "evidence_value@31+3", "tag_form@36+1"));
  EXPECT_THAT(errors_of(parse_bimi_record("v=BIMI1")), ElementsAre("location_missing@7+0"));
}

}  // namespace
}  // namespace postil::mailauth
