// DANE, MTA-STS, configured policies, REQUIRETLS and what connections may be used again, in the simulated world.
#include "delivery/reports.hpp"
#include "rig.hpp"

namespace postil::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Signed zones, and hosts whose certificates match what stands in them.
struct TransportRig : DeliveryRig {
  void sign(const std::string& domain, const std::string& host) {
    world.zone().secure(domain);
    world.zone().secure(host);
    world.zone().secure("_25._tcp." + host);
  }
  void tlsa(const std::string& host, std::uint8_t usage, char letter, std::uint8_t selector = 1,
            std::uint8_t matching = 1) {
    world.zone().add("_25._tcp." + host, dns::Type::tlsa,
                     dns::Tlsa{usage, selector, matching, std::string(32, letter)});
  }
  void announce(const std::string& domain, const std::string& id) {
    world.zone().remove("_mta-sts." + domain);
    world.zone().add("_mta-sts." + domain, dns::Type::txt, dns::Text{"v=STSv1; id=" + id});
    world.zone().remove("mta-sts." + domain);
    world.zone().address("mta-sts." + domain, "203.0.113.250");
  }
  void policy(const std::string& domain, const std::string& mode, const std::string& mx, const std::string& id = "a",
              int max_age = 604800) {
    announce(domain, id);
    world.web().page("mta-sts." + domain,
                     "version: STSv1\nmode: " + mode + "\nmx: " + mx + "\nmax_age: " + std::to_string(max_age) + "\n");
  }
  RemoteMta& tls_domain(const std::string& name, int n, std::string more = "", bool requiretls = false) {
    RemoteOptions options;
    options.certificate = "world:mx1." + name + more;
    options.requiretls = requiretls;
    return domain(name, n, options);
  }
  std::string opened() { return events.last[event::Name::connection_opened]; }
};

// ---- DANE ----

TEST(DaneDelivery, AMatchingKeyIsEnoughWhateverTheCertificateSays) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted;expired;key=x");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'x');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_TRUE(host.taken().at(0).tls);
  EXPECT_THAT(rig.opened(), HasSubstr("\"policy\":\"dane\""));
  EXPECT_THAT(rig.opened(), HasSubstr("\"proven\":\"dane\""));
}

TEST(DaneDelivery, AnotherKeyGetsNothingAndNeverInClear) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";key=y");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'x');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dane_failed 4.7.5");
  EXPECT_THAT(host.taken(), IsEmpty());
  EXPECT_THAT(rig.events.last[event::Name::tls_policy_failed], HasSubstr("validation-failure"));
}

TEST(DaneDelivery, StrippedStarttlsIsNoWayToClearText) {
  TransportRig rig;
  auto& host = rig.domain("d.example", 1);  // offers none
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'k');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dane_failed 4.7.4");
  EXPECT_THAT(host.taken(), IsEmpty());
  EXPECT_THAT(rig.events.last[event::Name::tls_policy_failed], HasSubstr("starttls-not-supported"));
}

TEST(DaneDelivery, AFailedLookUpWaitsAndTheNextHostIsTried) {
  for (const auto how : {dns::Status::bogus, dns::Status::server_failure, dns::Status::timed_out}) {
    TransportRig rig;
    auto& first = rig.tls_domain("d.example", 1);
    rig.sign("d.example", "mx1.d.example");
    rig.world.zone().fail("_25._tcp.mx1.d.example", how);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dane_lookup_failed 4.7.5") << to_string(how);
    EXPECT_THAT(first.taken(), IsEmpty());
    rig.world.zone().mx("d.example", 20, "mx2.d.example");
    rig.world.zone().secure("mx2.d.example");
    rig.world.zone().secure("_25._tcp.mx2.d.example");
    auto& second = rig.host("mx2.d.example", 2);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
    EXPECT_THAT(first.taken(), IsEmpty());
    EXPECT_EQ(second.taken().size(), 1u);
  }
}

TEST(DaneDelivery, RolloverWithBothKeysPublishedAlwaysDelivers) {
  TransportRig rig;
  rig.tls_domain("d.example", 1, ";key=o");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'n');
  rig.tlsa("mx1.d.example", 3, 'o');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
}

TEST(DaneDelivery, AConnectionIsNotUsedAgainWhenItsKeyIsWithdrawn) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";key=o");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'o');
  rig.settings.idle_connection_max = hours(2);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(host.counts().sessions, 1u) << "used again while the answer of DNS holds";
  rig.world.zone().remove("_25._tcp.mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'n');
  rig.world.run_for(minutes(6));  // past the TTL
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dane_failed 4.7.5");
}

TEST(DaneDelivery, ATrustAnchorIsForTheHostOrTheDomain) {
  for (const auto& [names, result] : {std::pair{"mx1.d.example", "delivered"},
                                      {"d.example", "delivered"},
                                      {"other.example", "deferred dane_failed 4.7.5"}}) {
    TransportRig rig;
    RemoteOptions options;
    options.certificate = "world:" + std::string(names) + ";untrusted;issuer=i";
    rig.domain("d.example", 1, options);
    rig.sign("d.example", "mx1.d.example");
    rig.tlsa("mx1.d.example", 2, 'i', 0);
    EXPECT_EQ(shown(rig.one("bob@d.example")), result) << names;
  }
}

TEST(DaneDelivery, OnlyUnusableRecordsWantTlsAndNoMore) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 1, 'k');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_TRUE(host.taken().at(0).tls);

  TransportRig clear;
  clear.domain("d.example", 1);
  clear.sign("d.example", "mx1.d.example");
  clear.tlsa("mx1.d.example", 1, 'k');
  EXPECT_EQ(shown(clear.one("bob@d.example")), "deferred dane_failed 4.7.4");
}

TEST(DaneDelivery, NothingIsAskedWhereNothingIsSigned) {
  TransportRig rig;
  auto& host = rig.domain("d.example", 1);
  rig.settings.mta_sts = false;
  rig.tlsa("mx1.d.example", 3, 'x');  // without signatures it counts for nothing
  const auto before = rig.world.zone().questions;
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(rig.world.zone().questions - before, 3u) << "MX, AAAA and A";
  EXPECT_FALSE(host.taken().at(0).tls);
}

TEST(DaneDelivery, CanBeTurnedOff) {
  TransportRig rig;
  rig.settings.dane = false;
  rig.tls_domain("d.example", 1, ";key=y");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'x');
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
}

// ---- MTA-STS ----

TEST(StsDelivery, AnEnforcedPolicyWantsAHostThatItNamesAndATrustedCertificate) {
  const struct {
    const char *certificate, *mx, *result;
  } cases[] = {{"world:mx1.d.example", "mx1.d.example", "delivered"},
               {"world:mx1.d.example", "*.d.example", "delivered"},
               {"world:mx1.d.example", "other.example", "deferred sts_not_listed 4.7.4"},
               {"world:mx1.d.example;untrusted", "mx1.d.example", "deferred sts_failed 4.7.5"},
               {"world:mx1.d.example;expired", "mx1.d.example", "deferred sts_failed 4.7.5"},
               {"world:d.example", "mx1.d.example", "deferred sts_failed 4.7.5"},
               {"", "mx1.d.example", "deferred sts_failed 4.7.4"}};
  for (const auto& one : cases) {
    TransportRig rig;
    RemoteOptions options;
    options.certificate = one.certificate;
    auto& host = rig.domain("d.example", 1, options);
    rig.policy("d.example", "enforce", one.mx);
    EXPECT_EQ(shown(rig.one("bob@d.example")), one.result) << one.certificate << " " << one.mx;
    if (std::string(one.result) != "delivered") {
      EXPECT_THAT(host.taken(), IsEmpty());
    }
  }
}

TEST(StsDelivery, TestingDeliversAndTells) {
  for (const char* certificate : {"world:mx1.d.example;untrusted", ""}) {
    TransportRig rig;
    std::vector<transport::TlsSession> told;
    rig.services.tls_session = [&](const transport::TlsSession& session) { told.push_back(session); };
    RemoteOptions options;
    options.certificate = certificate;
    auto& host = rig.domain("d.example", 1, options);
    rig.policy("d.example", "testing", "mx1.d.example");
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
    EXPECT_EQ(host.taken().size(), 1u);
    EXPECT_THAT(rig.events.last[event::Name::tls_policy_failed], HasSubstr("\"delivered\":true"));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].policy, transport::ReportPolicy::sts);
    EXPECT_EQ(told[0].result, *certificate ? transport::TlsResult::certificate_not_trusted
                                           : transport::TlsResult::starttls_not_supported);
  }
}

TEST(StsDelivery, APolicyThatCannotBeHadIsNone) {
  for (const auto error : {env::HttpsError::certificate, env::HttpsError::timed_out, env::HttpsError::too_large}) {
    TransportRig rig;
    rig.domain("d.example", 1);
    rig.announce("d.example", "a");
    rig.world.web().fails("mta-sts.d.example", error);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered") << to_string(error);
    EXPECT_EQ(rig.events.counts[event::Name::sts_fetch_failed], 1);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
    EXPECT_EQ(rig.world.web().requests, 1u) << "not again within five minutes";
  }
  for (const auto& [body, type, status] :
       {std::tuple{"<html>", "text/html", 200},
        {"version: STSv1\nmode: enforce\nmx: x.example\nmax_age: 86400\n", "text/html", 200},
        {"version: STSv1\nmode: enforce\nmx: x.example\nmax_age: 86400\n", "text/plain", 301},
        {"mode: bogus\n", "text/plain", 200}}) {
    TransportRig rig;
    rig.domain("d.example", 1);
    rig.announce("d.example", "a");
    rig.world.web().page("mta-sts.d.example", body, type, status);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered") << body << type << status;
  }
}

TEST(StsDelivery, AKeptPolicyHoldsWhenEverythingAboutItIsTakenAway) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted");
  rig.policy("d.example", "enforce", "mx1.d.example");
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred sts_failed 4.7.5");
  rig.world.web().remove("mta-sts.d.example");
  rig.world.zone().remove("_mta-sts.d.example");
  rig.world.run_for(hours(1));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred sts_failed 4.7.5");
  rig.world.zone().fail("_mta-sts.d.example", dns::Status::server_failure);
  rig.world.run_for(hours(1));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred sts_failed 4.7.5");
  // A restart takes it from the disk.
  rig.finder = std::make_unique<delivery::HostFinder>(rig.services);
  auto load = [](delivery::HostFinder* finder) -> env::Awaitable<bool> {
    co_await finder->policies().load();
    co_return true;
  };
  rig.world.run(*rig.us, load(rig.finder.get()));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred sts_failed 4.7.5");
  EXPECT_THAT(host.taken(), IsEmpty());
}

TEST(StsDelivery, ANewIdBringsTheNewPolicyBeforeMailIsReturned) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted");
  rig.policy("d.example", "enforce", "mx1.d.example", "a");
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred sts_failed 4.7.5");
  rig.policy("d.example", "none", "mx1.d.example", "b");
  rig.world.run_for(minutes(10));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
}

TEST(StsDelivery, IsRefreshedWithinADay) {
  TransportRig rig;
  rig.tls_domain("d.example", 1);
  rig.policy("d.example", "enforce", "mx1.d.example");
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(rig.world.web().requests, 1u);
  const auto settings = std::make_shared<const delivery::Settings>(rig.settings);
  auto refresh = [](delivery::HostFinder* finder,
                    std::shared_ptr<const delivery::Settings> with) -> env::Awaitable<bool> {
    co_await finder->policies().refresh(std::move(with));
    co_return true;
  };
  rig.world.run_for(hours(23));
  rig.world.run(*rig.us, refresh(rig.finder.get(), settings));
  EXPECT_EQ(rig.world.web().requests, 1u);
  rig.world.run_for(hours(1));
  rig.world.run(*rig.us, refresh(rig.finder.get(), settings));
  EXPECT_EQ(rig.world.web().requests, 2u);
}

// Two domains at one host, one with a policy: neither gets what was decided for the other.
TEST(StsDelivery, DomainsAtOneHostDoNotShareAPolicy) {
  TransportRig rig;
  RemoteOptions options;
  options.certificate = "world:mx1.a.example;untrusted";
  auto& host = rig.domain("a.example", 1, options);
  rig.world.zone().mx("b.example", 10, "mx1.a.example");
  rig.policy("b.example", "enforce", "mx1.a.example");
  EXPECT_EQ(shown(rig.one("bob@a.example")), "delivered");
  EXPECT_EQ(shown(rig.one("bob@b.example")), "deferred sts_failed 4.7.5");
  EXPECT_EQ(shown(rig.one("bob@a.example")), "delivered");
  for (const auto& message : host.taken()) EXPECT_EQ(message.recipients.at(0), "bob@a.example");
}

TEST(StsDelivery, DaneAndAPolicyMustBothHold) {
  for (const auto& [more, result] : {std::pair{";key=x", "delivered"},
                                     {";key=x;untrusted", "deferred sts_failed 4.7.5"},
                                     {";key=y", "deferred dane_failed 4.7.5"}}) {
    TransportRig rig;
    rig.tls_domain("d.example", 1, more);
    rig.sign("d.example", "mx1.d.example");
    rig.tlsa("mx1.d.example", 3, 'x');
    rig.policy("d.example", "enforce", "mx1.d.example");
    EXPECT_EQ(shown(rig.one("bob@d.example")), result) << more;
  }
}

// ---- configured ----

TEST(ConfiguredPolicies, DecideAlone) {
  TransportRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted");
  rig.policy("d.example", "enforce", "other.example");
  rig.settings.tls_policies = {{"d.example", transport::Level::required, {}, ""}};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(rig.world.web().requests, 0u);
  rig.settings.tls_policies = {{"d.example", transport::Level::verified, {}, ""}};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred tls_failed 4.7.5");
  rig.settings.tls_policies = {{"d.example", transport::Level::dane, {}, ""}};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dane_missing 4.7.4");
  rig.settings.tls_policies = {{"d.example", transport::Level::never, {}, ""}};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_FALSE(host.taken().back().tls);
}

// ---- REQUIRETLS ----

struct RequiretlsRig : TransportRig {
  std::string send(bool requiretls, bool optional, std::string sender = "alice@home.example") {
    auto& envelope = put({"bob@d.example"}, "Subject: x\r\n\r\ntext\r\n", std::move(sender));
    envelope.requiretls = requiretls;
    envelope.tls_optional = optional;
    return shown(attempt(envelope).at(0));
  }
};

TEST(Requiretls, GoesToAProvenHostThatOffersItAndTellsIt) {
  RequiretlsRig rig;
  auto& host = rig.tls_domain("d.example", 1, "", true);
  rig.world.zone().secure("d.example");
  EXPECT_EQ(rig.send(true, false), "delivered");
  EXPECT_THAT(host.taken().at(0).mail_line, HasSubstr(" REQUIRETLS"));
  EXPECT_EQ(rig.send(false, false), "delivered");
  EXPECT_THAT(host.taken().at(1).mail_line, Not(HasSubstr("REQUIRETLS")));
  EXPECT_EQ(host.counts().sessions, 1u);
}

TEST(Requiretls, IsReturnedWhereItCannotBeKept) {
  RequiretlsRig unproven;
  unproven.tls_domain("d.example", 1, "", true);
  EXPECT_EQ(unproven.send(true, false), "failed requiretls_unsupported 5.7.30");
  RequiretlsRig not_offered;
  auto& host = not_offered.tls_domain("d.example", 1);
  not_offered.world.zone().secure("d.example");
  EXPECT_EQ(not_offered.send(true, false), "failed requiretls_unsupported 5.7.30");
  EXPECT_EQ(not_offered.send(false, false), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
  RequiretlsRig untrusted;
  untrusted.tls_domain("d.example", 1, ";untrusted", true);
  untrusted.world.zone().secure("d.example");
  EXPECT_EQ(untrusted.send(true, false), "failed requiretls_unsupported 5.7.10");
  RequiretlsRig clear;
  clear.domain("d.example", 1);
  clear.world.zone().secure("d.example");
  EXPECT_EQ(clear.send(true, false), "failed requiretls_unsupported 5.7.10");
}

TEST(Requiretls, AConnectionWithoutProofIsNotUsedAgain) {
  RequiretlsRig rig;
  auto& host = rig.tls_domain("d.example", 1, "", true);
  rig.world.zone().secure("d.example");
  EXPECT_EQ(rig.send(false, false), "delivered");
  EXPECT_EQ(rig.send(true, false), "delivered");
  EXPECT_EQ(host.counts().sessions, 2u);
  EXPECT_THAT(host.taken().at(1).mail_line, HasSubstr("REQUIRETLS"));
}

TEST(Requiretls, ABounceGoesOnWithoutIt) {
  RequiretlsRig rig;
  auto& host = rig.domain("d.example", 1);
  EXPECT_EQ(rig.send(true, false, ""), "delivered");
  EXPECT_THAT(host.taken().at(0).mail_line, Not(HasSubstr("REQUIRETLS")));
}

TEST(Requiretls, ABounceKeepsItWhereItCan) {
  RequiretlsRig rig;
  auto& host = rig.tls_domain("d.example", 1, "", true);
  rig.world.zone().secure("d.example");
  EXPECT_EQ(rig.send(true, false, ""), "delivered");
  EXPECT_THAT(host.taken().at(0).mail_line, HasSubstr(" REQUIRETLS"));
}

// [rfc8689 5]: protected alike, and without the body whatever RET says.
TEST(Requiretls, WhatIsToldOfItIsProtectedAlike) {
  RequiretlsRig rig;
  delivery::ReportWriter writer(rig.services);
  for (const bool requiretls : {true, false}) {
    auto envelope = rig.put({"bob@d.example"}, "Subject: x\r\n\r\nthe secret\r\n");
    envelope.requiretls = requiretls;
    envelope.ret = queue::Return::full;
    queue::RecipientState failed;
    failed.status = queue::RecipientStatus::failed;
    failed.reason = queue::Reason::requiretls_unsupported;
    failed.code = {5, 7, 30};
    auto made = rig.world.run(*rig.us, writer.write(std::make_shared<const delivery::Settings>(rig.settings), envelope,
                                                    {delivery::ReportKind::failed, {failed}}));
    ASSERT_TRUE(made);
    EXPECT_EQ(made->envelope.requiretls, requiretls);
    const auto& text = static_cast<ModelStore::Body&>(*made->body).octets;
    EXPECT_EQ(text.find("the secret") == std::string::npos, requiretls);
    EXPECT_THAT(text, HasSubstr("Status: 5.7.30"));
  }
}

TEST(TlsRequiredNo, PutsPoliciesAsideForThisMessageOnly) {
  RequiretlsRig rig;
  auto& host = rig.tls_domain("d.example", 1, ";untrusted;key=y");
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'x');
  rig.policy("d.example", "enforce", "other.example");
  EXPECT_EQ(rig.send(false, true), "delivered");
  EXPECT_TRUE(host.taken().at(0).tls) << "TLS is still taken where it is to be had";
  EXPECT_THAT(rig.opened(), HasSubstr("tls-required-no"));
  // The connection that it leaves behind proves nothing.
  EXPECT_NE(rig.send(false, false), "delivered");
}

// ---- hosts that the configuration names ----

TEST(SmarthostPolicy, DaneIsForItsNameAndMtaStsIsNotAsked) {
  TransportRig rig;
  auto& smart = rig.tls_domain("d.example", 1, ";untrusted;key=x");
  rig.settings.smarthost = delivery::Smarthost{"mx1.d.example", 25};
  rig.policy("a.example", "enforce", "mx.a.example");  // of a recipient: about hosts that are not asked
  rig.sign("d.example", "mx1.d.example");
  rig.tlsa("mx1.d.example", 3, 'x');
  EXPECT_EQ(shown(rig.attempt(rig.put({"bob@a.example"}), "smarthost").at(0)), "delivered");
  EXPECT_TRUE(smart.taken().at(0).tls);
  EXPECT_THAT(rig.opened(), HasSubstr("\"policy\":\"dane\""));
  TransportRig other;
  auto& wrong = other.tls_domain("d.example", 1, ";key=y");
  other.settings.smarthost = delivery::Smarthost{"mx1.d.example", 25};
  other.sign("d.example", "mx1.d.example");
  other.tlsa("mx1.d.example", 3, 'x');
  EXPECT_EQ(shown(other.attempt(other.put({"bob@a.example"}), "smarthost").at(0)), "deferred dane_failed 4.7.5");
  EXPECT_THAT(wrong.taken(), IsEmpty());
}

TEST(SmarthostPolicy, APolicyOfItsNameDecidesAndOneOfTheRecipientsDoesNot) {
  TransportRig rig;
  auto& smart = rig.tls_domain("d.example", 1, ";untrusted");
  rig.settings.smarthost = delivery::Smarthost{"mx1.d.example", 25};
  rig.settings.tls_policies = {{"a.example", transport::Level::verified, {}, ""}};
  EXPECT_EQ(shown(rig.attempt(rig.put({"bob@a.example"}), "smarthost").at(0)), "delivered");
  EXPECT_TRUE(smart.taken().at(0).tls);
  rig.settings.tls_policies = {{"mx1.d.example", transport::Level::verified, {}, ""}};
  EXPECT_THAT(shown(rig.attempt(rig.put({"bob@a.example"}), "smarthost").at(0)),
              testing::StartsWith("deferred tls_failed"));
  EXPECT_EQ(smart.taken().size(), 1u);
}

}  // namespace
}  // namespace postil::test
