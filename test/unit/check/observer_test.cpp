// The probes in the simulated network: good hosts, and those that lie, drip or never end.
#include "check/observer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "diagnose/findings.hpp"
#include "diagnose/observations_json.hpp"
#include "support/world/remote_mta.hpp"
#include "support/world/world.hpp"

namespace postil::test {
namespace {

using diagnose::Finding;
using diagnose::Observations;
using diagnose::Part;

class ObserverTest : public testing::Test {
 protected:
  std::shared_ptr<Node> host(const std::string& name, const std::string& address) {
    world_.zone().address(name, address);
    return world_.start(name, {address});
  }

  check::Options options(const std::string& domain, std::initializer_list<Part> parts) {
    check::Options out;
    out.request.subject = {diagnose::SubjectKind::domain, domain, domain, "", ""};
    for (const Part part : parts) out.request.parts.add(part);
    out.own_name = "check.example";
    return out;
  }
  check::Options usual(const std::string& domain) {
    return options(domain, {Part::mx, Part::connect, Part::greeting, Part::ehlo, Part::tls});
  }

  Observations observe(check::Options options) {
    const check::Ports ports{client_->clock(), client_->resolver(), client_->network(), client_->entropy()};
    const MonoTime begin = world_.now();
    auto seen = world_.run(*client_, check::observe(ports, std::move(options)), minutes(10));
    took_ = world_.now() - begin;
    return seen;
  }

  std::vector<std::string> names(const Observations& seen) {
    // What was saved and read again must say the same.
    const auto again = diagnose::read_observations(diagnose::to_json(seen));
    EXPECT_TRUE(again) << again.error();
    std::vector<std::string> out, replayed;
    for (const auto& finding : diagnose::find_all(seen)) out.emplace_back(entry(finding.id).name);
    for (const auto& finding : diagnose::find_all(*again)) replayed.emplace_back(entry(finding.id).name);
    EXPECT_EQ(out, replayed);
    return out;
  }
  bool has(const std::vector<std::string>& all, std::string_view name) {
    return std::ranges::find(all, name) != all.end();
  }

  World world_{World::seed(7)};
  std::shared_ptr<Node> client_ = world_.start("client", {"10.0.0.1"});
  Duration took_{};
};

TEST_F(ObserverTest, AGoodHost) {
  auto node = host("mx.good.test", "10.0.1.1");
  RemoteMta mta(node, {.host_name = "mx.good.test", .certificate = "world:mx.good.test"});
  world_.zone().mx("good.test", 10, "mx.good.test");
  const auto seen = observe(usual("good.test"));
  const auto found = names(seen);
  for (const auto* name : {"MX-FOUND", "CONNECT-OK", "GREETING-OK", "EHLO-OK", "TLS-OK"}) {
    EXPECT_TRUE(has(found, name)) << name;
  }
  ASSERT_EQ(seen.connections.size(), 1u);
  EXPECT_TRUE(mta.complaints().empty()) << mta.complaints().front();
  EXPECT_EQ(mta.counts().transactions, 0u) << "a check sends nothing";
  EXPECT_EQ(seen.connections[0].transcript.back().text.substr(0, 3), "221");
}

TEST_F(ObserverTest, ARecipientIsAskedForOnlyWhenWanted) {
  auto node = host("mx.good.test", "10.0.1.1");
  RemoteMta mta(node, {.host_name = "mx.good.test"}, always(RemoteStage::rcpt, "550 5.1.1 nobody of that name"));
  world_.zone().mx("good.test", 10, "mx.good.test");
  auto wanted = options("good.test", {Part::recipient});
  wanted.request.recipient = "ann@good.test";
  const auto seen = observe(std::move(wanted));
  EXPECT_TRUE(has(names(seen), "RCPT-REFUSED"));
  EXPECT_TRUE(mta.taken().empty());
}

TEST_F(ObserverTest, ARecipientIsAskedForAtTheNextHostWhenTheFirstIsDown) {
  auto node = host("mx2.good.test", "10.0.1.2");
  RemoteMta mta(node, {.host_name = "mx2.good.test"});
  world_.zone().mx("good.test", 10, "mx1.good.test");
  world_.zone().mx("good.test", 20, "mx2.good.test");
  world_.zone().address("mx1.good.test", "10.0.1.1");
  auto wanted = options("good.test", {Part::recipient});
  wanted.request.recipient = "ann@good.test";
  const auto seen = observe(std::move(wanted));
  EXPECT_EQ(names(seen), std::vector<std::string>{"RCPT-OK"});
  EXPECT_TRUE(mta.taken().empty());
}

TEST_F(ObserverTest, NullMxContactsNobody) {
  world_.zone().null_mx("none.test");
  const auto seen = observe(usual("none.test"));
  EXPECT_TRUE(seen.connections.empty());
  const auto found = names(seen);
  EXPECT_EQ(found, (std::vector<std::string>{"MX-NULL", "NO-HOST"}));
}

TEST_F(ObserverTest, EachWayToFailEndsInItsTimeAndHidesNoOther) {
  struct Case {
    RemoteStage stage;
    std::string reply;
    RemoteStep::Then then;
    std::string finding;
  };
  using Then = RemoteStep::Then;
  const Case cases[] = {
      {RemoteStage::greeting, "521 takes no mail", Then::go_on, "GREETING-NULL-HOST"},
      {RemoteStage::greeting, "554 5.7.1 go away", Then::close, "GREETING-REFUSED"},
      {RemoteStage::greeting, "421 4.3.2 busy", Then::close, "GREETING-LATER"},
      {RemoteStage::greeting, "", Then::silence, "GREETING-TIMEOUT"},
      {RemoteStage::greeting, "", Then::close, "GREETING-LOST"},
      {RemoteStage::greeting, "", Then::reset, "GREETING-LOST"},
      {RemoteStage::greeting, "", Then::garbage, "GREETING-NOT-SMTP"},
      {RemoteStage::greeting, "", Then::endless, "GREETING-NOT-SMTP"},
      {RemoteStage::ehlo, "550 5.7.1 what a name", Then::go_on, "EHLO-REFUSED"},
      {RemoteStage::ehlo, "", Then::silence, "EHLO-BROKEN"},
      {RemoteStage::ehlo, "", Then::endless, "EHLO-BROKEN"},
      {RemoteStage::ehlo, "", Then::garbage, "EHLO-BROKEN"},
      {RemoteStage::starttls, "454 4.7.0 no certificate", Then::go_on, "TLS-REFUSED"},
      {RemoteStage::starttls, "", Then::silence, "TLS-UNTESTED"},
  };
  int number = 0;
  for (const auto& one : cases) {
    const std::string domain = fmt::format("case{}.test", ++number);
    auto bad = host("mx." + domain, fmt::format("10.1.{}.1", number));
    auto good = host("mx2." + domain, fmt::format("10.1.{}.2", number));
    RemoteMta odd(bad, {.host_name = "mx." + domain, .certificate = "world:mx." + domain},
                  always(one.stage, one.reply, one.then));
    RemoteMta fine(good, {.host_name = "mx2." + domain, .certificate = "world:mx2." + domain});
    world_.zone().mx(domain, 10, "mx." + domain);
    world_.zone().mx(domain, 20, "mx2." + domain);
    const auto found = names(observe(usual(domain)));
    EXPECT_TRUE(has(found, one.finding)) << domain << ' ' << one.finding << ", but " << testing::PrintToString(found);
    EXPECT_TRUE(has(found, "TLS-OK")) << domain << ": the other host is looked at all the same";
    EXPECT_LE(took_, seconds(21)) << domain;
  }
}

TEST_F(ObserverTest, ADripIsCutOffAtTheEndOfTheTime) {
  auto node = host("mx.drip.test", "10.0.1.1");
  RemoteMta mta(node, {.host_name = "mx.drip.test"});
  world_.internet().line_of = [](const Node&, const env::Endpoint&, Prng&) {
    Line line;
    line.segment_octets = 1;
    line.gap = seconds(5);
    return line;
  };
  world_.zone().mx("drip.test", 10, "mx.drip.test");
  const auto seen = observe(usual("drip.test"));
  EXPECT_LE(took_, seconds(21));
  EXPECT_TRUE(has(names(seen), "GREETING-TIMEOUT"));
}

TEST_F(ObserverTest, ABlackHoleCostsItsOwnTimeOnly) {
  auto node = host("mx.hole.test", "10.0.1.1");
  world_.internet().line_of = [](const Node&, const env::Endpoint&, Prng&) {
    Line line;
    line.connect = Line::Connect::black_hole;
    return line;
  };
  world_.zone().mx("hole.test", 10, "mx.hole.test");
  const auto seen = observe(usual("hole.test"));
  EXPECT_LE(took_, seconds(12));
  const auto found = names(seen);
  EXPECT_TRUE(has(found, "CONNECT-TIMEOUT"));
  EXPECT_TRUE(has(found, "CONNECT-BLOCKED-HERE"));
}

TEST_F(ObserverTest, OfAThousandHostsTenAreAsked) {
  for (int i = 0; i < 1000; ++i) {
    const std::string name = fmt::format("mx{}.many.test", i);
    world_.zone().mx("many.test", static_cast<std::uint16_t>(i), name);
    world_.zone().address(name, fmt::format("10.9.{}.{}", i / 250, i % 250 + 1));
  }
  const auto seen = observe(usual("many.test"));
  EXPECT_EQ(seen.connections.size(), diagnose::checked_hosts_max);
  EXPECT_LE(seen.dns.all().size(), 2 * diagnose::checked_hosts_max + 5);
  EXPECT_TRUE(has(names(seen), "MX-MANY"));
}

// A web server that knows one answer.
class OneAnswer : public env::Https {
 public:
  env::Awaitable<env::HttpsResult> exchange(env::HttpsRequest request, MonoTime) override {
    asked = request;
    env::HttpsResponse response;
    response.status = 200;
    response.content_type = "text/plain";
    response.body = "version: STSv1\nmode: enforce\nmx: mx.good.test\nmax_age: 604800\n";
    co_return response;
  }
  env::HttpsRequest asked;
};

TEST_F(ObserverTest, ThePolicyOfMtaStsIsFetchedFromTheAddressesOfDns) {
  auto& zone = world_.zone();
  zone.mx("good.test", 10, "mx.good.test");
  zone.address("mx.good.test", "10.0.1.1");
  zone.add("_mta-sts.good.test", dns::Type::txt, dns::Text{"v=STSv1; id=1"});
  zone.address("mta-sts.good.test", "10.0.2.1");
  OneAnswer web;
  const check::Ports ports{client_->clock(), client_->resolver(), client_->network(), client_->entropy(), &web};
  const auto seen = world_.run(*client_, check::observe(ports, options("good.test", {Part::mta_sts})), minutes(5));
  EXPECT_EQ(names(seen), std::vector<std::string>{"MTASTS-OK"});
  EXPECT_EQ(web.asked.host, "mta-sts.good.test");
  EXPECT_EQ(web.asked.addresses, std::vector<std::string>{"10.0.2.1"});
}

TEST_F(ObserverTest, DnsThatNeverAnswers) {
  world_.zone().fail("late.test", dns::Status::timed_out);
  const auto found = names(observe(usual("late.test")));
  EXPECT_LE(took_, seconds(21));
  EXPECT_TRUE(has(found, "DNS-FAILED"));
  EXPECT_TRUE(has(found, "HOSTS-UNKNOWN"));
}

TEST_F(ObserverTest, TheNameThatAHostSaysIsLookedUp) {
  auto node = host("mx.good.test", "10.0.1.1");
  RemoteMta mta(node, {.host_name = "mail.good.test"});
  world_.zone().mx("good.test", 10, "mx.good.test");
  world_.zone().address("mail.good.test", "10.0.1.1");
  world_.zone().add("1.1.0.10.in-addr.arpa", dns::Type::ptr, dns::NameTarget{"mail.good.test"});
  EXPECT_EQ(names(observe(options("good.test", {Part::reverse_dns}))), std::vector<std::string>{"EHLO-NAME-OK"});
}

TEST_F(ObserverTest, TheSameSeedSeesTheSame) {
  std::string first;
  for (int round = 0; round < 2; ++round) {
    World world(11);
    auto client = world.start("client", {"10.0.0.1"});
    auto node = world.start("mx.good.test", {"10.0.1.1"});
    world.zone().address("mx.good.test", "10.0.1.1");
    world.zone().mx("good.test", 10, "mx.good.test");
    RemoteMta mta(node, {.host_name = "mx.good.test"});
    const check::Ports ports{client->clock(), client->resolver(), client->network(), client->entropy()};
    const auto seen = world.run(*client, check::observe(ports, usual("good.test")), minutes(5));
    const auto text = diagnose::to_json(seen);
    if (round == 1) {
      EXPECT_EQ(first, text);
    }
    first = text;
  }
}

}  // namespace
}  // namespace postil::test
