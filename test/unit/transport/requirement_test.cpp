#include "transport/requirement.hpp"

#include <gmock/gmock.h>

namespace postil::transport {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Tls = Requirement::Tls;

const dns::Tlsa ee{3, 1, 1, std::string(32, '\x11')};
const dns::Tlsa other_ee{3, 1, 1, std::string(32, '\x22')};
const dns::Tlsa ta{2, 0, 1, std::string(32, '\x33')};

DaneResult dane(std::vector<dns::Tlsa> usable) {
  DaneResult result;
  result.kind = DaneResult::Kind::authenticate;
  result.base = "mx.example.net";
  result.records.usable = std::move(usable);
  return result;
}
DaneResult dane_of(DaneResult::Kind kind, DaneResult::Why why = DaneResult::Why::found) {
  DaneResult result;
  result.kind = kind;
  result.why = why;
  result.base = "mx.example.net";
  return result;
}
StsPolicy sts(StsMode mode, std::vector<std::string> mx = {"*.example.net"}) {
  return {mode, 86400, std::move(mx)};
}
HostCase host() {
  HostCase out;
  out.domain = "example.net";
  out.expanded = "example.net";
  out.host = "mx.example.net";
  return out;
}
crypto::TlsFacts facts(bool authority, const std::optional<dns::Tlsa>& match = {}) {
  crypto::TlsFacts out;
  out.peer_verified = authority;
  if (match) {
    out.dane_match = {static_cast<char>(match->usage), static_cast<char>(match->selector),
                      static_cast<char>(match->matching)};
    out.dane_match += match->data;
  }
  return out;
}

TEST(Precedence, NothingKnownIsOpportunistic) {
  const auto ruling = rule_on_host(host());
  EXPECT_EQ(ruling.obstacle, Obstacle::none);
  EXPECT_EQ(ruling.requirement.tls, Tls::may);
  EXPECT_EQ(ruling.requirement.basis, Basis::opportunistic);
  EXPECT_FALSE(ruling.requirement.webpki);
  EXPECT_EQ(ruling.requirement.sni, "mx.example.net");
}

TEST(Precedence, DaneNeedsASignedMx) {
  const auto result = dane({ee});
  auto one = host();
  one.dane = &result;
  EXPECT_EQ(rule_on_host(one).requirement.basis, Basis::opportunistic);
  EXPECT_THAT(rule_on_host(one).requirement.tlsa, IsEmpty());
  one.mx_secure = true;
  const auto ruling = rule_on_host(one);
  EXPECT_EQ(ruling.requirement.basis, Basis::dane);
  EXPECT_EQ(ruling.requirement.tls, Tls::must);
  EXPECT_THAT(ruling.requirement.tlsa, ElementsAre(ee));
  EXPECT_THAT(ruling.requirement.dane_names, ElementsAre("mx.example.net", "example.net"));
  EXPECT_FALSE(ruling.requirement.webpki);
}

TEST(Precedence, UnusableRecordsWantTlsAndNoAuthentication) {
  const auto result = dane_of(DaneResult::Kind::encrypt);
  auto one = host();
  one.dane = &result;
  one.mx_secure = true;
  const auto ruling = rule_on_host(one);
  EXPECT_EQ(ruling.requirement.tls, Tls::must);
  EXPECT_THAT(ruling.requirement.tlsa, IsEmpty());
  EXPECT_FALSE(ruling.requirement.webpki);
}

TEST(Precedence, AFailedLookUpStopsTheHostWhateverElseHolds) {
  for (const auto status : {dns::Status::bogus, dns::Status::server_failure, dns::Status::timed_out}) {
    auto result = dane_of(DaneResult::Kind::trouble);
    result.failed = status;
    const auto policy = sts(StsMode::enforce);
    auto one = host();
    one.dane = &result;
    one.sts = &policy;
    one.mx_secure = true;
    const auto ruling = rule_on_host(one);
    EXPECT_EQ(ruling.obstacle, status == dns::Status::bogus ? Obstacle::dane_bogus : Obstacle::dane_lookup);
  }
}

TEST(Precedence, AnEnforcedPolicyWantsAnAuthority) {
  const auto policy = sts(StsMode::enforce);
  auto one = host();
  one.sts = &policy;
  const auto ruling = rule_on_host(one);
  EXPECT_EQ(ruling.requirement.tls, Tls::must);
  EXPECT_TRUE(ruling.requirement.webpki);
  EXPECT_THAT(ruling.requirement.names, ElementsAre("mx.example.net"));
  EXPECT_EQ(ruling.requirement.basis, Basis::sts);
  EXPECT_TRUE(ruling.name_proven);
}

TEST(Precedence, AHostThatThePolicyDoesNotNameGetsNothing) {
  const auto policy = sts(StsMode::enforce, {"mail.example.org"});
  auto one = host();
  one.sts = &policy;
  EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::sts_not_listed);
  EXPECT_THAT(rule_on_host(one).detail, HasSubstr("mail.example.org"));
  // TLSA records do not make up for it.
  const auto result = dane({ee});
  one.dane = &result;
  one.mx_secure = true;
  EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::sts_not_listed);
}

// [rfc8461 2]: neither overrides the other.
TEST(Precedence, DaneAndAnEnforcedPolicyAddUp) {
  const auto policy = sts(StsMode::enforce);
  const auto result = dane({ee});
  auto one = host();
  one.sts = &policy;
  one.dane = &result;
  one.mx_secure = true;
  const auto ruling = rule_on_host(one);
  EXPECT_EQ(ruling.requirement.basis, Basis::dane_and_sts);
  EXPECT_TRUE(ruling.requirement.webpki);
  EXPECT_THAT(ruling.requirement.tlsa, ElementsAre(ee));
}

TEST(Precedence, TestingDeliversAndTells) {
  const auto policy = sts(StsMode::testing, {"mail.example.org"});
  auto one = host();
  one.sts = &policy;
  const auto ruling = rule_on_host(one);
  EXPECT_EQ(ruling.obstacle, Obstacle::none);
  EXPECT_EQ(ruling.requirement.tls, Tls::may);
  EXPECT_TRUE(ruling.sts_fails_in_testing);
  EXPECT_FALSE(ruling.name_proven);
}

TEST(Precedence, ModeNoneIsNoPolicy) {
  const auto policy = sts(StsMode::none);
  auto one = host();
  one.sts = &policy;
  EXPECT_EQ(rule_on_host(one).requirement.basis, Basis::opportunistic);
  EXPECT_FALSE(rule_on_host(one).name_proven);
}

TEST(Precedence, AConfiguredPolicyDecidesAlone) {
  const auto policy = sts(StsMode::enforce, {"mail.example.org"});
  auto trouble = dane_of(DaneResult::Kind::trouble);
  ConfiguredPolicy configured{"example.net", Level::opportunistic, {}, ""};
  auto one = host();
  one.sts = &policy;
  one.dane = &trouble;
  one.mx_secure = true;
  one.configured = &configured;
  EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::none);
  EXPECT_EQ(rule_on_host(one).requirement.tls, Tls::may);
  EXPECT_EQ(rule_on_host(one).requirement.basis, Basis::configured);
  configured.level = Level::never;
  EXPECT_EQ(rule_on_host(one).requirement.tls, Tls::never);
  configured.level = Level::required;
  EXPECT_EQ(rule_on_host(one).requirement.tls, Tls::must);
  EXPECT_FALSE(rule_on_host(one).requirement.webpki);
  configured.level = Level::verified;
  configured.names = {"mail.example.com"};
  EXPECT_TRUE(rule_on_host(one).requirement.webpki);
  EXPECT_THAT(rule_on_host(one).requirement.names, ElementsAre("mail.example.com"));
}

TEST(Precedence, ConfiguredDaneWantsUsableRecords) {
  const ConfiguredPolicy configured{"example.net", Level::dane, {}, ""};
  auto one = host();
  one.configured = &configured;
  EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::dane_missing);
  one.mx_secure = true;
  for (const auto& result :
       {dane_of(DaneResult::Kind::none, DaneResult::Why::no_records), dane_of(DaneResult::Kind::encrypt)}) {
    one.dane = &result;
    EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::dane_missing);
  }
  const auto good = dane({ee});
  one.dane = &good;
  EXPECT_EQ(rule_on_host(one).obstacle, Obstacle::none);
  EXPECT_THAT(rule_on_host(one).requirement.tlsa, ElementsAre(ee));
}

TEST(Precedence, TheLeastOfAllHostsIsRaisedNeverLowered) {
  auto one = host();
  one.least = Level::required;
  EXPECT_EQ(rule_on_host(one).requirement.tls, Tls::must);
  const auto policy = sts(StsMode::enforce);
  one.sts = &policy;
  EXPECT_TRUE(rule_on_host(one).requirement.webpki);
  one.least = Level::never;
  EXPECT_EQ(rule_on_host(one).requirement.tls, Tls::never);
}

TEST(Precedence, TheNearestConfiguredPolicyCounts) {
  const std::vector<ConfiguredPolicy> policies{{".example.net", Level::required, {}, ""},
                                               {".b.example.net", Level::verified, {}, ""},
                                               {"a.b.example.net", Level::never, {}, ""}};
  EXPECT_EQ(policy_for(policies, "example.net"), nullptr);
  EXPECT_EQ(policy_for(policies, "x.example.net")->level, Level::required);
  EXPECT_EQ(policy_for(policies, "x.b.example.net")->level, Level::verified);
  EXPECT_EQ(policy_for(policies, "a.b.example.net")->level, Level::never);
  EXPECT_EQ(policy_for(policies, "badexample.net"), nullptr);
}

// ---- the message ----

TEST(Messages, TlsRequiredNoPutsTheReceiversPoliciesAside) {
  const auto policy = sts(StsMode::enforce, {"mail.example.org"});
  auto trouble = dane_of(DaneResult::Kind::trouble);
  auto one = host();
  one.sts = &policy;
  MessageNeeds needs;
  needs.tls_optional = true;
  auto ruling = rule_on_message(rule_on_host(one), needs, one.host);
  EXPECT_EQ(ruling.ruling.obstacle, Obstacle::none);
  EXPECT_EQ(ruling.ruling.requirement.tls, Tls::may);
  EXPECT_EQ(ruling.ruling.requirement.basis, Basis::tls_not_required);
  one.dane = &trouble;
  one.mx_secure = true;
  EXPECT_EQ(rule_on_message(rule_on_host(one), needs, one.host).ruling.obstacle, Obstacle::none);
  // What the admin has configured stays.
  const ConfiguredPolicy configured{"example.net", Level::verified, {}, ""};
  one.configured = &configured;
  EXPECT_TRUE(rule_on_message(rule_on_host(one), needs, one.host).ruling.requirement.webpki);
}

TEST(Messages, RequiretlsWinsOverTlsRequiredNo) {
  const auto policy = sts(StsMode::enforce);
  auto one = host();
  one.sts = &policy;
  const auto ruling = rule_on_message(rule_on_host(one), {true, true, false}, one.host);
  EXPECT_TRUE(ruling.must_offer_requiretls);
  EXPECT_EQ(ruling.ruling.requirement.tls, Tls::must);
}

TEST(Messages, RequiretlsNeedsAProvenNameAndAnAuthority) {
  auto one = host();
  auto ruling = rule_on_message(rule_on_host(one), {true, false, false}, one.host);
  EXPECT_TRUE(ruling.requiretls_missing) << "nobody vouches for the host's name";
  one.mx_secure = true;
  ruling = rule_on_message(rule_on_host(one), {true, false, false}, one.host);
  EXPECT_FALSE(ruling.requiretls_missing);
  EXPECT_EQ(ruling.ruling.requirement.tls, Tls::must);
  EXPECT_TRUE(ruling.ruling.requirement.webpki);
  EXPECT_EQ(ruling.ruling.requirement.basis, Basis::requiretls);
  // DANE authenticates as well as an authority does.
  const auto result = dane({ee});
  one.dane = &result;
  ruling = rule_on_message(rule_on_host(one), {true, false, false}, one.host);
  EXPECT_FALSE(ruling.ruling.requirement.webpki);
  EXPECT_THAT(ruling.ruling.requirement.tlsa, ElementsAre(ee));
}

TEST(Messages, ABounceIsNotStoppedByRequiretls) {
  const auto ruling = rule_on_message(rule_on_host(host()), {true, false, true}, "mx.example.net");
  EXPECT_FALSE(ruling.must_offer_requiretls);
  EXPECT_FALSE(ruling.requiretls_missing);
}

// ---- reuse ----

Requirement ruled(HostCase one) {
  return rule_on_host(one).requirement;
}

TEST(Reuse, ClearTextServesOnlyWhoWantsNothing) {
  const auto clear = verified_by("mx.example.net", ruled(host()), nullptr);
  EXPECT_TRUE(satisfies(clear, ruled(host())));
  Requirement must;
  must.tls = Tls::must;
  EXPECT_FALSE(satisfies(clear, must));
}

// Two domains at one host, one of them with a policy: a connection that was made for the other has not been verified.
TEST(Reuse, AnOpportunisticConnectionDoesNotServeAPolicy) {
  const auto policy = sts(StsMode::enforce);
  auto one = host();
  const auto seen = facts(true);
  const auto opportunistic = verified_by("mx.example.net", ruled(one), &seen);
  one.sts = &policy;
  EXPECT_FALSE(satisfies(opportunistic, ruled(one)));
  const auto proven = verified_by("mx.example.net", ruled(one), &seen);
  EXPECT_TRUE(satisfies(proven, ruled(one)));
  EXPECT_TRUE(satisfies(proven, ruled(host()))) << "more than is asked for";
}

TEST(Reuse, DaneNeedsARecordThatStillStands) {
  const auto before = dane({ee});
  auto one = host();
  one.mx_secure = true;
  one.dane = &before;
  const auto seen = facts(false, ee);
  const auto proven = verified_by("mx.example.net", ruled(one), &seen);
  EXPECT_TRUE(satisfies(proven, ruled(one)));
  const auto both = dane({other_ee, ee});
  one.dane = &both;
  EXPECT_TRUE(satisfies(proven, ruled(one))) << "in the middle of a rollover";
  const auto after = dane({other_ee});
  one.dane = &after;
  EXPECT_FALSE(satisfies(proven, ruled(one))) << "the old key is withdrawn";
}

TEST(Reuse, ATrustAnchorServesOnlyTheNamesThatWereCompared) {
  const auto result = dane({ta});
  auto one = host();
  one.mx_secure = true;
  one.dane = &result;
  const auto seen = facts(false, ta);
  const auto proven = verified_by("mx.example.net", ruled(one), &seen);
  EXPECT_TRUE(satisfies(proven, ruled(one)));
  // Another domain with the same host and anchor: the certificate may have been for "example.net" only.
  one.domain = one.expanded = "example.org";
  EXPECT_FALSE(satisfies(proven, ruled(one)));
}

TEST(Reuse, OtherAuthoritiesOrNamesDoNotServe) {
  Requirement asked;
  asked.tls = Tls::must;
  asked.webpki = true;
  asked.names = {"mx.example.net"};
  const auto seen = facts(true);
  const auto proven = verified_by("mx.example.net", asked, &seen);
  auto wanted = asked;
  EXPECT_TRUE(satisfies(proven, wanted));
  wanted.ca_file = "/etc/other.pem";
  EXPECT_FALSE(satisfies(proven, wanted));
  wanted = asked;
  wanted.names = {"mx2.example.net"};
  EXPECT_FALSE(satisfies(proven, wanted));
  wanted.names = {"mx.example.net", "mx2.example.net"};
  EXPECT_TRUE(satisfies(proven, wanted));
}

}  // namespace
}  // namespace postil::transport
