// TLS reports over days of the simulated world: by mail and by HTTPS, tried again, kept over a restart.
#include "delivery/tls_reporter.hpp"

#include "mailauth/dkim_verify.hpp"
#include "mime/gzip.hpp"
#include "rig.hpp"
#include "tlsrpt/received.hpp"

namespace postil::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct ReportRig : DeliveryRig {
  ReportRig() {
    settings.tls_reports = {"tls@home.example", "Home", hours(4)};
    std::vector<mailauth::DkimKey> keys;
    keys.push_back({"home.example", "s1", crypto::PrivateKey::generate(crypto::KeyType::ed25519), {}, true, {}, {}});
    settings.dkim = std::make_shared<const mailauth::DkimKeys>(std::move(keys));
    world.zone().address("web.example", "203.0.113.200");
  }
  ~ReportRig() {
    if (reporter) stop();
  }
  void start() {
    auto arrived = [this](queue::Envelope envelope) { mails.push_back(std::move(envelope)); };
    reporter = std::make_unique<delivery::TlsReporter>(services, std::make_shared<const delivery::Settings>(settings),
                                                       us->executor(), arrived);
    services.tls_session = [this](const transport::TlsSession& session) { reporter->count(session); };
    auto open = [](delivery::TlsReporter* one) -> env::Awaitable<bool> {
      co_await one->open();
      co_return true;
    };
    world.run(*us, open(reporter.get()));
  }
  void stop() {
    auto whole = [](delivery::TlsReporter* one) -> env::Awaitable<bool> {
      co_await one->stop(seconds(5));
      co_return true;
    };
    world.run(*us, whole(reporter.get()));
    services.tls_session = {};
    reporter.reset();
  }
  void wants(const std::string& domain, const std::string& rua) {
    world.zone().add("_smtp._tls." + domain, dns::Type::txt, dns::Text{"v=TLSRPTv1; rua=" + rua});
  }
  RemoteMta& tls_domain(const std::string& name, int n) {
    RemoteOptions options;
    options.certificate = "world:mx1." + name;
    return domain(name, n, options);
  }
  // The report in a POST.
  tlsrpt::Report posted(std::size_t i) {
    const auto received = tlsrpt::read(world.web().posted.at(i).post->body);
    EXPECT_TRUE(received.has_value());
    return received ? received->report : tlsrpt::Report{};
  }

  std::vector<queue::Envelope> mails;
  std::unique_ptr<delivery::TlsReporter> reporter;
};

TEST(TlsReporter, SendsADayByHttpsToThoseWhoWantIt) {
  ReportRig rig;
  rig.start();
  rig.tls_domain("d.example", 1);
  rig.domain("clear.example", 2);
  rig.domain("silent.example", 3);
  rig.wants("d.example", "https://web.example:8443/in?d=1#x");
  rig.wants("clear.example", "https://web.example");
  rig.world.web().page("web.example", "", "text/plain", 200);
  for (const auto* to : {"a@d.example", "b@d.example", "c@clear.example", "d@silent.example"}) {
    EXPECT_EQ(shown(rig.one(to)), "delivered");
  }
  EXPECT_EQ(rig.reporter->summary().domains, 3u);
  rig.world.run_for(days(2));
  ASSERT_THAT(rig.world.web().posted, SizeIs(2)) << "one has no record";
  EXPECT_EQ(rig.reporter->summary().sent, 2u);
  EXPECT_EQ(rig.reporter->summary().waiting, 0u);
  EXPECT_EQ(rig.events.counts[event::Name::tls_report_sent], 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& request = rig.world.web().posted[i];
    const auto report = rig.posted(i);
    EXPECT_EQ(request.post->content_type, "application/tlsrpt+gzip");
    EXPECT_EQ(report.organization, "Home");
    EXPECT_EQ(report.contact, "tls@home.example");
    EXPECT_THAT(report.begin, HasSubstr("T00:00:00Z"));
    ASSERT_THAT(report.policies, SizeIs(1));
    const bool clear = report.policies[0].domain == "clear.example";
    EXPECT_EQ(request.port, clear ? 443 : 8443);
    EXPECT_EQ(request.path, clear ? "/" : "/in?d=1");
    EXPECT_EQ(report.policies[0].type, "no-policy-found");
    EXPECT_EQ(report.policies[0].failed, clear ? 1u : 0u);
    if (!clear) continue;
    ASSERT_THAT(report.policies[0].failures, SizeIs(1));
    EXPECT_EQ(report.policies[0].failures[0].result, "starttls-not-supported");
    EXPECT_EQ(report.policies[0].failures[0].sending_ip, "192.0.2.1");
    EXPECT_EQ(report.policies[0].failures[0].receiving_ip, "203.0.113.2");
  }
}

TEST(TlsReporter, MailsASignedReportThatGoesWithoutTlsAndIsNotCounted) {
  ReportRig rig;
  rig.start();
  auto& host = rig.domain("d.example", 1);
  rig.wants("d.example", "mailto:tls@d.example");
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  rig.world.run_for(days(2));
  ASSERT_THAT(rig.mails, SizeIs(1));
  const auto& envelope = rig.mails[0];
  EXPECT_EQ(envelope.kind, queue::Kind::tls_report);
  EXPECT_EQ(envelope.sender, "tls@home.example");
  EXPECT_TRUE(envelope.tls_optional);
  EXPECT_EQ(envelope.recipients.at(0).notify, queue::notify_never);
  EXPECT_EQ(envelope.expires - envelope.arrived, Duration(hours(24)));
  // A policy that nobody can meet does not hold it up, and its session is nobody's statistics.
  rig.world.zone().add("_mta-sts.d.example", dns::Type::txt, dns::Text{"v=STSv1; id=a"});
  rig.world.zone().address("mta-sts.d.example", "203.0.113.250");
  rig.world.web().page("mta-sts.d.example", "version: STSv1\nmode: enforce\nmx: mx1.d.example\nmax_age: 604800\n");
  EXPECT_EQ(shown(rig.attempt(envelope, "d.example").at(0)), "delivered");
  EXPECT_EQ(rig.reporter->summary().sessions, 0u);
  const auto received = tlsrpt::read(host.taken().back().octets);
  ASSERT_TRUE(received.has_value());
  EXPECT_TRUE(received->signature_field);
  EXPECT_EQ(received->submitter, "home.example");
  EXPECT_EQ(received->report.policies.at(0).domain, "d.example");
}

TEST(TlsReporter, TriesForADayAndKeepsItOverARestart) {
  ReportRig rig;
  rig.start();
  rig.tls_domain("d.example", 1);
  rig.wants("d.example", "https://web.example/v1,mailto:tls@d.example");
  rig.world.web().page("web.example", "", "text/plain", 503);
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  rig.stop();
  rig.start();
  EXPECT_EQ(rig.reporter->summary().sessions, 1u);
  ASSERT_TRUE(rig.world.run_until([&] { return rig.events.counts[event::Name::tls_report_put_off] > 0; }, days(2)));
  EXPECT_THAT(rig.mails, SizeIs(1));
  rig.stop();
  rig.start();
  rig.world.run_for(hours(2));
  rig.world.web().page("web.example", "", "text/plain", 201);
  rig.world.run_for(hours(6));
  EXPECT_THAT(rig.world.web().posted, SizeIs(1));
  EXPECT_THAT(rig.mails, SizeIs(1)) << "not once more";
  EXPECT_EQ(rig.reporter->summary().waiting, 0u);
  EXPECT_EQ(rig.reporter->summary().sent, 1u);
}

TEST(TlsReporter, GivesUpAfterADay) {
  ReportRig rig;
  rig.start();
  rig.tls_domain("d.example", 1);
  rig.wants("d.example", "https://web.example/v1");
  rig.world.web().fails("web.example", env::HttpsError::certificate);
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  rig.world.run_for(days(3));
  EXPECT_EQ(rig.events.counts[event::Name::tls_report_given_up], 1);
  EXPECT_EQ(rig.reporter->summary().given_up, 1u);
  EXPECT_EQ(rig.reporter->summary().waiting, 0u);
  EXPECT_LT(rig.world.web().requests, 20u);
}

TEST(TlsReporter, WithoutAKeyNoMailAndWithoutAContactNothing) {
  ReportRig rig;
  rig.settings.dkim = nullptr;
  rig.start();
  rig.tls_domain("d.example", 1);
  rig.wants("d.example", "mailto:tls@d.example");
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  rig.world.run_for(days(2));
  EXPECT_THAT(rig.mails, IsEmpty());
  EXPECT_THAT(rig.events.last[event::Name::tls_report_put_off], HasSubstr("no key signs for home.example"));
  rig.settings.tls_reports.contact.clear();
  rig.reporter->set_settings(std::make_shared<const delivery::Settings>(rig.settings));
  EXPECT_EQ(shown(rig.one("b@d.example")), "delivered");
  EXPECT_EQ(rig.reporter->summary().sessions, 0u);
}

TEST(TlsReporter, APolicyThatCannotBeFetchedIsTold) {
  ReportRig rig;
  rig.start();
  rig.tls_domain("d.example", 1);
  rig.wants("d.example", "https://web.example");
  rig.world.web().page("web.example", "");
  rig.world.zone().add("_mta-sts.d.example", dns::Type::txt, dns::Text{"v=STSv1; id=a"});
  rig.world.zone().address("mta-sts.d.example", "203.0.113.250");
  rig.world.web().fails("mta-sts.d.example", env::HttpsError::certificate);
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  rig.world.run_for(days(2));
  ASSERT_THAT(rig.world.web().posted, SizeIs(1));
  const auto report = rig.posted(0);
  ASSERT_THAT(report.policies, SizeIs(2));
  EXPECT_EQ(report.policies[0].type, "sts");
  ASSERT_THAT(report.policies[0].failures, SizeIs(1));
  EXPECT_EQ(report.policies[0].failures[0].result, "sts-webpki-invalid");
  EXPECT_EQ(report.policies[1].successful, 1u);
}

}  // namespace
}  // namespace postil::test
