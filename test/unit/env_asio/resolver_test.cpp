#include "env_asio/resolver.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>

#include "dns/mx.hpp"
#include "dns_server.hpp"
#include "run.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using dns::Data;
using dns::Mx;
using dns::Status;
using dns::Type;
using test::DnsServer;
using test::in;
using test::Loop;
using test::Packet;
using test::u16;
using test::wire_name;
using test::ZoneKey;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Events : event::Sink {
  void emit(const event::Event& event) override {
    const std::lock_guard lock(mutex);
    names.emplace_back(event::declaration(event.name).wire);
  }
  std::vector<std::string> taken() {
    const std::lock_guard lock(mutex);
    return std::exchange(names, {});
  }
  std::mutex mutex;
  std::vector<std::string> names;
};

std::string zone(const std::string& name, unsigned type_number) {
  const auto type = static_cast<Type>(type_number);
  Packet packet(name, type);
  const auto own = test::pointer(12);
  if (name == "silent.lab") return {};
  if (name == "broken.lab") return packet.rcode(2).octets();
  if (name == "gone.lab") return packet.rcode(3).soa("lab", 60, 60).octets();
  if (name == "mail.lab" && type == Type::mx) {
    packet.add(own, type, u16(20) + wire_name("b.mail.lab")).add(own, type, u16(10) + wire_name("a.mail.lab"));
  } else if (name == "null.lab" && type == Type::mx) {
    packet.add(own, type, u16(0) + wire_name(""));
  } else if (name == "alias.lab" && type == Type::mx) {
    packet.add(own, Type::cname, wire_name("mail.lab"))
        .add(wire_name("mail.lab"), type, u16(10) + wire_name("a.mail.lab"));
  } else if (name == "many.lab" && type == Type::mx) {
    for (unsigned i = 0; i < 1000; ++i)
      packet.add(own, type, u16(i) + wire_name("host-" + std::to_string(i) + ".example.lab"));
  } else if (name == "demo.test" && type == Type::mx) {
    packet.add(own, type, u16(5) + wire_name("mx.demo.test"));
  } else {
    packet.soa("lab", 60, 60);
  }
  return packet.octets();
}

class Resolver : public ::testing::Test {
 protected:
  void start(ResolverOptions options, DnsServer::Answer answer = zone) {
    server = std::make_unique<DnsServer>(std::move(answer));
    if (options.forwarders.empty()) options.forwarders = {server->address()};
    auto made = UnboundResolver::make(std::move(options), events);
    ASSERT_TRUE(made) << made.error();
    resolver = std::move(*made);
  }
  void TearDown() override { stop(); }
  // The server's thread uses what the test and the derived fixtures own.
  void stop() {
    resolver.reset();
    server.reset();
  }
  dns::Answer ask(const std::string& name, Type type = Type::mx, Duration wait = seconds(10)) {
    return loop.run(resolver->query(name, type, in(wait)));
  }
  Events events;
  Loop loop;
  std::unique_ptr<DnsServer> server;
  std::unique_ptr<UnboundResolver> resolver;
};

TEST_F(Resolver, AnswersOverAForwarder) {
  start({});
  auto answer = ask("Mail.lab.");
  EXPECT_EQ(answer.status, Status::ok) << answer.detail;
  EXPECT_THAT(answer.records, ::testing::UnorderedElementsAre(Data(Mx{10, "a.mail.lab"}), Data(Mx{20, "b.mail.lab"})));
  EXPECT_FALSE(answer.secure);
  EXPECT_EQ(dns::classify_mx(ask("null.lab")).kind, dns::MxSet::Kind::null_mx);
  answer = ask("alias.lab");
  EXPECT_EQ(answer.canonical_name, "mail.lab");
  EXPECT_EQ(ask("gone.lab").status, Status::no_domain);
  EXPECT_EQ(ask("mail.lab", Type::a).status, Status::no_data);
  EXPECT_EQ(ask("broken.lab").status, Status::server_failure);
  EXPECT_FALSE(resolver->validating());  // no anchor
}

TEST_F(Resolver, CachesAndJoinsEqualQuestions) {
  std::atomic<bool> go = false;
  start({}, [&](const std::string& name, unsigned type) {
    while (!go) std::this_thread::yield();
    return zone(name, type);
  });
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    loop.spawn([](env::Resolver* from, int* count) -> env::Awaitable<void> {
      auto answer = co_await from->query("mail.lab", Type::mx, in(seconds(10)));
      EXPECT_EQ(answer.status, Status::ok);
      ++*count;
    }(resolver.get(), &answered));
  }
  loop.later([&] { go = true; });
  loop.context.restart();
  while (answered < 50 && loop.context.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  EXPECT_EQ(answered, 50);
  EXPECT_EQ(ask("MAIL.lab").status, Status::ok);
  EXPECT_EQ(server->asked("mail.lab"), 1);
  stop();  // before `go` goes
}

TEST_F(Resolver, KeepsDeadlines) {
  start({});
  const auto before = SystemClock::mono_now();
  const auto answer = ask("silent.lab", Type::mx, milliseconds(120));
  EXPECT_EQ(answer.status, Status::timed_out);
  EXPECT_LT(SystemClock::mono_now() - before, seconds(3));
  EXPECT_EQ(ask("mail.lab", Type::mx, milliseconds(-1)).status, Status::timed_out);
  // The shorter of two deadlines on one question ends only its own wait.
  std::optional<Status> longer;
  loop.spawn([](env::Resolver* from, std::optional<Status>* out) -> env::Awaitable<void> {
    auto got = co_await from->query("silent.lab", Type::mx, in(seconds(60)));
    *out = got.status;
  }(resolver.get(), &longer));
  EXPECT_EQ(ask("silent.lab", Type::mx, milliseconds(50)).status, Status::timed_out);
  EXPECT_FALSE(longer);
  resolver.reset();
  while (!longer && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(longer, Status::server_failure);
}

TEST_F(Resolver, BoundsTheQuestionsThatWait) {
  std::atomic<bool> go = false;
  start({.questions_max = 3}, [&](const std::string& name, unsigned type) {
    while (!go) std::this_thread::yield();
    return zone(name, type);
  });
  std::vector<Status> ended;
  for (int i = 0; i < 3; ++i) {
    loop.spawn([](env::Resolver* from, std::vector<Status>* out) -> env::Awaitable<void> {
      auto got = co_await from->query("alias.lab", Type::mx, in(seconds(60)));
      out->push_back(got.status);
    }(resolver.get(), &ended));
  }
  loop.context.restart();
  loop.context.poll();
  const auto refused = ask("mail.lab");
  EXPECT_EQ(refused.status, Status::server_failure);
  EXPECT_THAT(refused.detail, HasSubstr("too many"));
  EXPECT_THAT(ended, ::testing::IsEmpty());
  go = true;
  loop.context.restart();
  while (ended.size() < 3 && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(ended, std::vector<Status>(3, Status::ok));
  EXPECT_EQ(ask("mail.lab").status, Status::ok);
  stop();  // before `go` goes
}

TEST_F(Resolver, ReadsAThousandRecordsOverTcp) {
  start({});
  EXPECT_EQ(ask("many.lab").records.size(), 1000u);
}

TEST_F(Resolver, StoppingAnswersWhatWaits) {
  start({});
  std::optional<Status> ended;
  loop.spawn([](env::Resolver* from, std::optional<Status>* out) -> env::Awaitable<void> {
    auto got = co_await from->query("silent.lab", Type::mx, never);
    *out = got.status;
  }(resolver.get(), &ended));
  loop.context.restart();
  loop.context.poll();
  resolver.reset();
  while (!ended && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(ended, Status::server_failure);
}

TEST_F(Resolver, LocalRecordsAndBlockedZones) {
  start({});
  EXPECT_EQ(ask("demo.test").status, Status::no_domain);  // libunbound's own zone
  start({.unblock_zones = {"test."}});
  EXPECT_THAT(ask("demo.test").records, ElementsAre(Data(Mx{5, "mx.demo.test"})));
  start({.local_data = {"demo.test. 300 IN MX 7 local.demo.test.", "local.demo.test. 300 IN A 127.0.0.1"}});
  EXPECT_THAT(ask("demo.test").records, ElementsAre(Data(Mx{7, "local.demo.test"})));
  EXPECT_EQ(server->asked("demo.test"), 0);
}

TEST_F(Resolver, SaysWhichOptionIsWrong) {
  const auto error = [&](ResolverOptions options) {
    auto made = UnboundResolver::make(std::move(options), events);
    return made ? std::string("made") : made.error();
  };
  EXPECT_THAT(error({.forwarders = {"dns.example.com"}}), HasSubstr("the forwarder \"dns.example.com\""));
  EXPECT_THAT(error({.root_key_file = "/nowhere/root.key"}), HasSubstr("/nowhere/root.key"));
  EXPECT_THAT(error({.local_data = {"nonsense"}}), HasSubstr("the local record \"nonsense\""));
}

// ---- DNSSEC ----

class SignedZone : public Resolver {
 protected:
  void start_signed(bool with_anchor = true) {
    ResolverOptions options;
    if (with_anchor) options.trust_anchors = {key.trust_anchor()};
    start(std::move(options), [this](const std::string& name, unsigned type) { return answer(name, type); });
  }
  std::string answer(const std::string& name, unsigned type_number) const {
    const auto type = static_cast<Type>(type_number);
    Packet packet(name, type);
    if (name != "signed.lab") return zone(name, type_number);
    std::string data;
    if (type == ZoneKey::dnskey) data = key.rdata();
    if (type == Type::mx) data = u16(10) + wire_name("mx.signed.lab");
    if (type == Type::txt) data = "\x04text";
    if (type == Type::soa) {
      data = wire_name("ns.signed.lab") + wire_name("root.signed.lab") + std::string(16, '\0') + test::u32(60);
    }
    if (data.empty()) return packet.soa("signed.lab", 60, 60).edns().octets();
    if (strip_signatures) {
      packet.add(test::pointer(12), type, data);
    } else {
      key.add_signed(packet, "signed.lab", type, data, type == Type::txt);
    }
    return packet.octets();
  }
  ZoneKey key{"signed.lab"};
  std::atomic<bool> strip_signatures = false;
};

TEST_F(SignedZone, SecureBogusAndInsecure) {
  start_signed();
  EXPECT_TRUE(resolver->validating());
  auto got = ask("signed.lab");
  EXPECT_EQ(got.status, Status::ok) << got.detail;
  EXPECT_TRUE(got.secure);
  EXPECT_THAT(got.records, ElementsAre(Data(Mx{10, "mx.signed.lab"})));
  got = ask("signed.lab", Type::txt);  // its signature is forged
  EXPECT_EQ(got.status, Status::bogus);
  EXPECT_TRUE(got.records.empty());
  EXPECT_FALSE(got.secure);
  EXPECT_FALSE(got.definite());
  got = ask("mail.lab");
  EXPECT_EQ(got.status, Status::ok);
  EXPECT_FALSE(got.secure);
}

TEST_F(SignedZone, AProbeSwitchesValidationOffAndOnAgain) {
  start_signed();
  EXPECT_TRUE(loop.run(resolver->probe_dnssec(in(seconds(10)))));
  EXPECT_THAT(events.taken(), ElementsAre());
  EXPECT_TRUE(resolver->validating());
  strip_signatures = true;  // a forwarder that drops them
  EXPECT_FALSE(loop.run(resolver->probe_dnssec(in(seconds(15)))));
  EXPECT_THAT(events.taken(), ElementsAre("dns.degraded"));
  EXPECT_FALSE(resolver->validating());
  auto got = ask("signed.lab");
  EXPECT_EQ(got.status, Status::ok) << got.detail;
  EXPECT_FALSE(got.secure);
  strip_signatures = false;
  EXPECT_TRUE(loop.run(resolver->probe_dnssec(in(seconds(10)))));
  EXPECT_THAT(events.taken(), ElementsAre("dns.restored"));
  EXPECT_TRUE(ask("signed.lab").secure);
}

TEST_F(SignedZone, WithoutAnAnchorThereIsNothingToProbe) {
  start_signed(false);
  EXPECT_FALSE(loop.run(resolver->probe_dnssec(in(seconds(10)))));
  EXPECT_THAT(events.taken(), ElementsAre());
}

TEST_F(SignedZone, QuestionsInFlightSurviveASwitch) {
  start_signed();
  strip_signatures = true;
  std::optional<Status> ended;
  loop.spawn([](env::Resolver* from, std::optional<Status>* out) -> env::Awaitable<void> {
    auto got = co_await from->query("silent.lab", Type::mx, in(seconds(4)));
    *out = got.status;
  }(resolver.get(), &ended));
  loop.run(resolver->probe_dnssec(in(seconds(3))));
  EXPECT_FALSE(resolver->validating());
  loop.context.restart();
  while (!ended && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(ended, Status::timed_out);
}

TEST_F(SignedZone, StoppingEndsAProbe) {
  start_signed();
  resolver.reset();
  start({.trust_anchors = {ZoneKey("silent.lab").trust_anchor()}});
  std::optional<bool> ended;
  loop.spawn([](UnboundResolver* from, std::optional<bool>* out) -> env::Awaitable<void> {
    const bool passed = co_await from->probe_dnssec(in(seconds(60)));
    *out = passed;
  }(resolver.get(), &ended));
  loop.context.restart();
  loop.context.poll();
  while (server->asked_in_all() == 0) std::this_thread::yield();  // it is under way
  resolver.reset();
  while (!ended && loop.context.run_one_for(std::chrono::seconds(5)) > 0) {
  }
  EXPECT_EQ(ended, false);
}

}  // namespace
}  // namespace postil::env_asio
