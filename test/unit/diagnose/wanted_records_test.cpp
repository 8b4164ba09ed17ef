// The records that a domain should publish, and how what is there compares.
#include "diagnose/wanted_records.hpp"

#include <gmock/gmock.h>

#include "crypto/signature.hpp"
#include "mailauth/dkim_key.hpp"
#include "mailauth/dmarc_record.hpp"
#include "mailauth/spf_record.hpp"
#include "mailauth/tls_rpt_record.hpp"
#include "transport/sts_policy.hpp"

namespace postil::diagnose {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

DomainMail usual() {
  DomainMail mail;
  mail.domain = "example.org";
  mail.mx = {"mx1.example.org", "mx2.example.net"};
  mail.sources = {*address::Ip::parse("198.51.100.7"), *address::Ip::parse("2001:db8::7")};
  mail.dkim = {{"s1._domainkey.example.org", "v=DKIM1; k=ed25519; p=" + std::string(44, 'A')}};
  mail.reports = "postmaster@example.org";
  mail.sts_id = "20261122120000";
  return mail;
}

std::vector<std::string> lines(const DomainMail& mail) {
  std::vector<std::string> out;
  for (const auto& record : wanted_records(mail)) out.push_back(zone_line(record));
  return out;
}

const WantedRecord& of(const std::vector<WantedRecord>& all, RecordPurpose purpose) {
  return *std::ranges::find(all, purpose, &WantedRecord::purpose);
}

dns::Answer answer(std::vector<dns::Data> records) {
  dns::Answer out;
  out.status = records.empty() ? dns::Status::no_data : dns::Status::ok;
  out.records = std::move(records);
  return out;
}

Published state(const WantedRecord& record, std::vector<dns::Data> records, bool parked = false) {
  return compare_record(record, answer(std::move(records)), parked).state;
}

TEST(WantedRecords, AnotherDomainMustWantTheReports) {
  auto mail = usual();
  mail.reports = "dmarc@reports.example.net";
  const auto all = wanted_records(mail);
  const auto& permission = of(all, RecordPurpose::dmarc_reports);
  EXPECT_EQ(zone_line(permission), "example.org._report._dmarc.reports.example.net. IN TXT \"v=DMARC1;\"");
  EXPECT_EQ(state(permission, {}), Published::missing);
  EXPECT_EQ(state(permission, {dns::Text{"v=DMARC1; rua=mailto:all@reports.example.net"}}), Published::good);
  mail.reports = "dmarc@mail.example.org";
  for (const auto& record : wanted_records(mail)) EXPECT_NE(record.purpose, RecordPurpose::dmarc_reports);
}

TEST(WantedRecords, OfADomainWithMail) {
  EXPECT_THAT(lines(usual()),
              ElementsAre("example.org. IN MX 10 mx1.example.org.", "example.org. IN MX 20 mx2.example.net.",
                          "example.org. IN TXT \"v=spf1 ip4:198.51.100.7 ip6:2001:db8::7 -all\"",
                          HasSubstr("s1._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p="),
                          "_dmarc.example.org. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@example.org\"",
                          "_mta-sts.example.org. IN TXT \"v=STSv1; id=20261122120000;\"",
                          "_smtp._tls.example.org. IN TXT \"v=TLSRPTv1; rua=mailto:postmaster@example.org\""));
}

TEST(WantedRecords, OfAParkedDomainAndNoOthers) {
  DomainMail mail = usual();
  mail.parked = true;
  mail.reports.clear();
  EXPECT_THAT(lines(mail), ElementsAre("example.org. IN MX 0 .", "example.org. IN TXT \"v=spf1 -all\"",
                                       "_dmarc.example.org. IN TXT \"v=DMARC1; p=reject\""));
}

TEST(WantedRecords, WithoutHostsNothingAboutThem) {
  DomainMail mail = usual();
  mail.mx.clear();
  mail.sources.clear();
  mail.dkim.clear();
  EXPECT_THAT(lines(mail), ElementsAre(HasSubstr("_dmarc.")));
  mail.source_hosts = {"mail.example.org"};
  EXPECT_THAT(lines(mail).front(), HasSubstr("\"v=spf1 a:mail.example.org -all\""));
}

// Our own readers of the records take each of them.
TEST(WantedRecords, AreReadBack) {
  const auto all = wanted_records(usual());
  EXPECT_TRUE(mailauth::parse_spf_record(of(all, RecordPurpose::spf).value).valid());
  EXPECT_TRUE(mailauth::parse_dmarc_record(of(all, RecordPurpose::dmarc).value).errors.empty());
  EXPECT_TRUE(mailauth::parse_tls_rpt_record(of(all, RecordPurpose::tls_rpt).value).usable());
  const auto sts = answer({dns::Text{of(all, RecordPurpose::mta_sts).value}});
  EXPECT_TRUE(transport::parse_sts_records(sts.records).record);
  const auto policy = transport::parse_sts_policy(wanted_sts_policy(usual()));
  ASSERT_TRUE(policy.policy);
  EXPECT_EQ(policy.policy->mode, transport::StsMode::testing);
  EXPECT_TRUE(transport::sts_allows(*policy.policy, "mx2.example.net"));
  EXPECT_TRUE(policy.faults.empty());
}

TEST(WantedRecords, ALongKeyIsSplit) {
  DomainMail mail = usual();
  const auto key = crypto::PrivateKey::generate(crypto::KeyType::rsa);
  mail.dkim = {{"s1._domainkey.example.org", mailauth::dkim_key_record(key)}};
  const auto all = wanted_records(mail);
  const auto line = zone_line(of(all, RecordPurpose::dkim));
  for (std::size_t at = 0; at < line.size();) {
    const auto end = std::min(line.find('\n', at), line.size());
    EXPECT_LE(end - at, 260u);
    at = end + 1;
  }
}

TEST(WantedRecords, MxCompared) {
  const auto all = wanted_records(usual());
  const auto& mx = of(all, RecordPurpose::mx);
  EXPECT_EQ(state(mx, {dns::Mx{10, "mx1.example.org"}, dns::Mx{20, "other.example"}}), Published::same);
  EXPECT_EQ(state(mx, {dns::Mx{5, "mx1.example.org"}}), Published::good);
  EXPECT_THAT(compare_record(mx, answer({dns::Mx{5, "mx1.example.org"}, dns::Mx{6, "mx2.example.net"}}), false).found,
              ElementsAre("5 mx1.example.org."));
  EXPECT_EQ(state(mx, {dns::Mx{10, "mx.example.net"}}), Published::other);
  EXPECT_EQ(state(mx, {dns::Mx{10, "other-mx1.example.org"}}), Published::other);
  EXPECT_EQ(state(mx, {}), Published::missing);
  dns::Answer none;
  none.status = dns::Status::timed_out;
  EXPECT_EQ(compare_record(mx, none, false).state, Published::unknown);
}

TEST(WantedRecords, ANullMxStandsAlone) {
  DomainMail mail = usual();
  mail.parked = true;
  const auto all = wanted_records(mail);
  EXPECT_EQ(state(all[0], {dns::Mx{0, ""}}, true), Published::same);
  EXPECT_EQ(state(all[0], {dns::Mx{0, ""}, dns::Mx{10, "mx.example.org"}}, true), Published::other);
  EXPECT_EQ(state(all[0], {dns::Mx{10, ""}}, true), Published::other);
  EXPECT_EQ(state(all[2], {dns::Text{"v=DMARC1; p=reject; rua=mailto:a@example.net"}}, true), Published::good);
  EXPECT_EQ(state(all[2], {dns::Text{"v=DMARC1; p=none"}}, true), Published::other);
}

TEST(WantedRecords, TextsCompared) {
  const auto all = wanted_records(usual());
  const auto& spf = of(all, RecordPurpose::spf);
  EXPECT_EQ(state(spf, {dns::Text{spf.value}, dns::Text{"site-verification=1"}}), Published::same);
  EXPECT_EQ(state(spf, {dns::Text{"v=spf1 mx ~all"}}), Published::other);
  EXPECT_EQ(state(spf, {dns::Text{"site-verification=1"}}), Published::missing);
  EXPECT_EQ(state(spf, {dns::Text{spf.value}, dns::Text{spf.value}}), Published::other) << "two count as none";
  const auto& dmarc = of(all, RecordPurpose::dmarc);
  EXPECT_EQ(state(dmarc, {dns::Text{"v=DMARC1; p=reject"}}), Published::good);
  EXPECT_EQ(state(dmarc, {dns::Text{"v=DMARC1; p=perhaps"}}), Published::other);
  const auto& dkim = of(all, RecordPurpose::dkim);
  EXPECT_EQ(state(dkim, {dns::Text{"k=ed25519; p=" + std::string(44, 'A')}}), Published::good);
  EXPECT_EQ(state(dkim, {dns::Text{"v=DKIM1; k=ed25519; p=" + std::string(44, 'B')}}), Published::other);
  const auto& sts = of(all, RecordPurpose::mta_sts);
  EXPECT_EQ(state(sts, {dns::Text{"v=STSv1; id=1"}}), Published::good);
  EXPECT_EQ(state(sts, {dns::Text{"v=STSv1; id=not-good"}}), Published::other);
}

}  // namespace
}  // namespace postil::diagnose
