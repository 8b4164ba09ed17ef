#include "mailauth/dmarc.hpp"

#include <gmock/gmock.h>

#include "names.hpp"

namespace postil::mailauth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Place = DmarcOutcome::Place;
using Verdict = DmarcDestination::Verdict;

DmarcOutcome check(Names& names, DmarcInput input) {
  names.asked.clear();
  DmarcCheck check(std::move(input));
  names.run(check);
  return check.outcome();
}

DmarcInput spf(const std::string& author, const std::string& domain, SpfResult result = SpfResult::pass) {
  DmarcInput input;
  input.author_domain = author;
  input.spf = result;
  input.spf_domain = domain;
  return input;
}

DmarcInput dkim(const std::string& author, const std::string& domain, bool pass = true) {
  DmarcInput input;
  input.author_domain = author;
  DmarcSignature signature;
  signature.pass = pass;
  signature.domain = domain;
  signature.selector = "s1";
  input.signatures.push_back(signature);
  return input;
}

TEST(DmarcTree, TheWalkOfALongName) {
  EXPECT_THAT(DmarcTree::domains("a.mail.example.com"),
              ElementsAre("a.mail.example.com", "mail.example.com", "example.com", "com"));
  EXPECT_THAT(DmarcTree::domains("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
              ElementsAre("a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
                          "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com"));
  EXPECT_THAT(DmarcTree::domains("1.2.3.4.5.6.7.8"), SizeIs(8));
  EXPECT_THAT(DmarcTree::domains("com"), ElementsAre("com"));
}

// The examples at the end of [rfc9989 4.10.2].
TEST(Dmarc, OrganizationalDomains) {
  const auto organization = [](Names names) {
    DmarcInput input;
    input.author_domain = "a.mail.example.com";
    input.find_organizational_domain = true;
    return check(names, input).organizational_domain;
  };
  const std::string record = "v=DMARC1; p=none";
  EXPECT_EQ(organization(Names().txt("_dmarc.mail.example.com", record).txt("_dmarc.example.com", record)),
            "example.com");
  EXPECT_EQ(organization(Names().txt("_dmarc.mail.example.com", record + "; psd=n").txt("_dmarc.example.com", record)),
            "mail.example.com");
  EXPECT_EQ(organization(Names().txt("_dmarc.com", record + "; psd=y")), "example.com");
  EXPECT_EQ(organization(Names().txt("_dmarc.example.com", record + "; psd=y")), "mail.example.com");
  EXPECT_EQ(organization(Names().txt("_dmarc.a.mail.example.com", record + "; psd=y")), "a.mail.example.com");
  EXPECT_EQ(organization(Names()), "a.mail.example.com");
}

TEST(Dmarc, WhereTheRecordIsDecidesWhichTagCounts) {
  Names names;
  names.txt("_dmarc.own.example.com", "v=DMARC1; p=quarantine; sp=none");
  names.txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=quarantine; np=none").exists("sub.example.com");
  names.txt("_dmarc.bank", "v=DMARC1; p=reject; psd=y; np=quarantine").exists("x.bank");
  const auto own = check(names, spf("own.example.com", "other.net"));
  EXPECT_EQ(own.result, DmarcResult::fail);
  EXPECT_EQ(own.reason, DmarcReason::not_aligned);
  EXPECT_EQ(own.place, Place::author);
  EXPECT_EQ(own.policy_tag, "p");
  EXPECT_EQ(own.applied_policy, DmarcPolicy::quarantine);
  EXPECT_THAT(names.asked, ElementsAre("_dmarc.own.example.com TXT"));
  const auto sub = check(names, spf("sub.example.com", "other.net"));
  EXPECT_EQ(sub.place, Place::organizational);
  EXPECT_EQ(sub.policy_tag, "sp");
  EXPECT_EQ(sub.policy, DmarcPolicy::quarantine);
  EXPECT_EQ(sub.policy_record->domain, "example.com");
  const auto gone = check(names, spf("gone.example.com", "other.net"));
  EXPECT_FALSE(gone.author_exists);
  EXPECT_EQ(gone.policy_tag, "np");
  EXPECT_EQ(gone.policy, DmarcPolicy::none);
  const auto suffix = check(names, spf("mail.x.bank", "other.net"));
  EXPECT_EQ(suffix.place, Place::public_suffix);
  EXPECT_EQ(suffix.organizational_domain, "x.bank");
  EXPECT_EQ(suffix.policy, DmarcPolicy::quarantine) << "mail.x.bank does not exist";
  EXPECT_EQ(check(names, spf("x.bank", "other.net")).policy, DmarcPolicy::reject);
}

TEST(Dmarc, TestModeIsOneStepLess) {
  Names names;
  names.txt("_dmarc.example.com", "v=DMARC1; p=reject; t=y");
  const auto outcome = check(names, spf("example.com", "other.net"));
  EXPECT_EQ(outcome.policy, DmarcPolicy::reject);
  EXPECT_EQ(outcome.applied_policy, DmarcPolicy::quarantine);
}

// The table of [rfc9989 4.4].
TEST(Dmarc, Alignment) {
  Names names;
  names.txt("_dmarc.example.com", "v=DMARC1; p=reject").txt("_dmarc.example.net", "v=DMARC1; p=reject");
  EXPECT_EQ(check(names, dkim("news.example.com", "foo.example.com")).result, DmarcResult::pass);
  EXPECT_EQ(check(names, dkim("news.example.com", "NEWS.example.com.")).result, DmarcResult::pass);
  const auto other = check(names, dkim("news.example.com", "foo.example.net"));
  EXPECT_EQ(other.result, DmarcResult::fail);
  EXPECT_EQ(other.identifiers[0].aligned, false);
  EXPECT_EQ(check(names, spf("example.com", "bounce.example.com")).result, DmarcResult::pass);
  const auto failed = check(names, spf("example.com", "example.com", SpfResult::softfail));
  EXPECT_EQ(failed.result, DmarcResult::fail);
  EXPECT_EQ(failed.reason, DmarcReason::no_identifier);
  // One of two is enough.
  auto both = spf("example.com", "other.org");
  both.signatures = dkim("", "mail.example.com").signatures;
  EXPECT_EQ(check(names, both).result, DmarcResult::pass);
}

TEST(Dmarc, StrictAlignmentAsksNothingMore) {
  Names names;
  names.txt("_dmarc.example.com", "v=DMARC1; p=reject; aspf=s; adkim=s");
  EXPECT_EQ(check(names, spf("example.com", "bounce.example.com")).result, DmarcResult::fail);
  EXPECT_EQ(check(names, spf("example.com", "example.com")).result, DmarcResult::pass);
  EXPECT_EQ(check(names, dkim("example.com", "mail.example.com")).result, DmarcResult::fail);
  EXPECT_THAT(names.asked, ElementsAre("_dmarc.example.com TXT"));
}

TEST(Dmarc, SeparateOrganizationsBelowOnePublicSuffix) {
  Names names;
  names.txt("_dmarc.example", "v=DMARC1; p=none; psd=y").txt("_dmarc.a.example", "v=DMARC1; p=reject");
  EXPECT_EQ(check(names, dkim("a.example", "b.example")).result, DmarcResult::fail);
  EXPECT_EQ(check(names, dkim("a.example", "mail.a.example")).result, DmarcResult::pass);
  // psd=n makes the department an organization of its own.
  names.txt("_dmarc.dept.a.example", "v=DMARC1; p=reject; psd=n");
  EXPECT_EQ(check(names, dkim("dept.a.example", "a.example")).result, DmarcResult::fail);
}

TEST(Dmarc, NoneAndItsReasons) {
  Names names;
  names.txt("_dmarc.bad.com", "v=DMARC1; p=nope").txt("_dmarc.two.com", "v=DMARC1; p=none");
  names.txt("_dmarc.two.com", "v=DMARC1; p=reject").txt("_dmarc.typo.com", "v=DMARC1 p=reject");
  EXPECT_EQ(check(names, spf("bad.com", "bad.com")).reason, DmarcReason::unusable_record);
  const auto two = check(names, spf("two.com", "two.com"));
  EXPECT_EQ(two.result, DmarcResult::none);
  EXPECT_EQ(two.reason, DmarcReason::no_record);
  ASSERT_THAT(two.names, SizeIs(2));
  EXPECT_THAT(two.names[1].records, SizeIs(2));
  const auto typo = check(names, spf("typo.com", "typo.com"));
  EXPECT_EQ(typo.reason, DmarcReason::no_record);
  EXPECT_THAT(typo.names[1].lookalikes, ElementsAre("v=DMARC1 p=reject"));
  for (const auto* name : {"", "x..y", "[192.0.2.1]"}) {
    EXPECT_EQ(check(names, spf(name, "two.com")).reason, DmarcReason::malformed_domain) << name;
    EXPECT_THAT(names.asked, IsEmpty());
  }
}

TEST(Dmarc, DnsFailures) {
  Names names;
  names.fails("_dmarc.down.com").txt("_dmarc.example.com", "v=DMARC1; p=reject").fails("_dmarc.sub.example.com");
  EXPECT_EQ(check(names, spf("down.com", "down.com")).result, DmarcResult::temperror);
  EXPECT_EQ(check(names, dkim("example.com", "sub.example.com")).result, DmarcResult::temperror);
  auto both = spf("example.com", "example.com");
  both.signatures = dkim("", "sub.example.com").signatures;
  EXPECT_EQ(check(names, both).result, DmarcResult::pass);
  EXPECT_EQ(check(names, spf("example.com", "mail.example.com", SpfResult::temperror)).result, DmarcResult::temperror);
  EXPECT_EQ(check(names, spf("example.com", "other.net", SpfResult::temperror)).result, DmarcResult::fail);
  auto key = dkim("example.com", "example.com", false);
  key.signatures[0].temporary = true;
  EXPECT_EQ(check(names, key).result, DmarcResult::temperror);
}

TEST(Dmarc, ATopLevelDomainThatDoesNotAnswerIsPassedOver) {
  Names names;
  names.fails("_dmarc.example").txt("_dmarc.a.example", "v=DMARC1; p=reject");
  EXPECT_EQ(check(names, dkim("x.a.example", "mail.a.example")).result, DmarcResult::pass);
  EXPECT_EQ(check(names, dkim("x.b.example", "b.example")).result, DmarcResult::temperror) << "nothing was found below";
}

TEST(Dmarc, NamesOfAnyKindComeToAnEnd) {
  Names names;
  const std::string label(63, 'x');
  for (const std::string& name : {std::string("a b.x\\y.example.com"), std::string("_dmarc._dmarc.example.com"),
                                  label + "." + label + "." + label + ".example.com",
                                  std::string("b\xc3\xbc"
                                              "cher.example")}) {
    auto input = spf(name, "x." + name);
    input.find_organizational_domain = true;
    EXPECT_EQ(check(names, input).reason, DmarcReason::no_record) << name;
    EXPECT_LE(names.asked.size(), 8u);
  }
}

TEST(Dmarc, ManySignaturesAskABoundedNumberOfQuestions) {
  Names names;
  names.txt("_dmarc.example.com", "v=DMARC1; p=reject");
  DmarcInput input;
  input.author_domain = "example.com";
  for (int i = 0; i < 1000; ++i) {
    auto one = dkim("", "a.b.c.d.e.f." + std::to_string(i) + ".other" + std::to_string(i) + ".com").signatures.front();
    input.signatures.push_back(one);
  }
  EXPECT_EQ(check(names, input).result, DmarcResult::fail);
  EXPECT_LE(names.asked.size(), 2 + 8 * dmarc_identifiers_max);
}

std::vector<DmarcDestination> destinations(Names& names, const std::string& domain, std::string_view record) {
  names.asked.clear();
  DmarcReportCheck check(domain, parse_dmarc_record(record).rua);
  names.run(check);
  return check.destinations();
}

TEST(DmarcReports, OtherOrganizationsHaveToAgree) {
  Names names;
  names.txt("_dmarc.blue.example.com", "v=DMARC1; p=none").txt("_dmarc.example.com", "v=DMARC1; p=none");
  names.txt("blue.example.com._report._dmarc.red.example.net", "v=DMARC1");
  names.txt("blue.example.com._report._dmarc.new.example.net", "v=DMARC1; rua=mailto:dmarc@new.example.net");
  names.txt("blue.example.com._report._dmarc.sly.example.net", "v=DMARC1; rua=mailto:x@victim.example");
  names.fails("blue.example.com._report._dmarc.down.example.net");
  const auto found = destinations(names, "blue.example.com",
                                  "v=DMARC1; p=none; rua=mailto:a@blue.example.com,mailto:a@example.com,"
                                  "mailto:a@red.example.net,mailto:a@new.example.net,mailto:a@sly.example.net,"
                                  "mailto:a@down.example.net,mailto:a@other.example.org,ftp:x");
  ASSERT_THAT(found, SizeIs(8));
  EXPECT_EQ(found[0].verdict, Verdict::internal);
  EXPECT_EQ(found[1].verdict, Verdict::internal);
  EXPECT_EQ(found[2].verdict, Verdict::authorized);
  EXPECT_EQ(found[2].asked, "blue.example.com._report._dmarc.red.example.net");
  EXPECT_EQ(found[3].verdict, Verdict::authorized);
  ASSERT_THAT(found[3].overrides, SizeIs(1));
  EXPECT_EQ(found[3].overrides[0].address, "dmarc@new.example.net");
  EXPECT_EQ(found[4].verdict, Verdict::refused);
  EXPECT_THAT(found[4].overrides, IsEmpty());
  EXPECT_EQ(found[5].verdict, Verdict::unknown);
  EXPECT_EQ(found[6].verdict, Verdict::refused);
  EXPECT_EQ(found[7].verdict, Verdict::unsupported);
}

TEST(DmarcReports, OddNamesComeToAnEnd) {
  Names names;
  const auto found =
      destinations(names, "_dmarc.example.com", "v=DMARC1; rua=mailto:a@_dmarc.x.com,mailto:%20@a%20b.com");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].verdict, Verdict::refused);
  EXPECT_EQ(found[1].verdict, Verdict::refused);
}

}  // namespace
}  // namespace postil::mailauth
