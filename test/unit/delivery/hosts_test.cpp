// Which hosts are asked, and what it comes to when none takes the message: MX records, addresses, 521.
#include "rig.hpp"

namespace postil::test {
namespace {

using enum RemoteStage;
using Then = RemoteStep::Then;

RemoteMta::Behaviour says_521(std::string text = "521 5.3.2 takes no mail") {
  return always(greeting, std::move(text), Then::close);
}

// Two hosts; the better one is mx1.
struct TwoHosts : DeliveryRig {
  TwoHosts(RemoteMta::Behaviour one_does, RemoteMta::Behaviour two_does)
      : first(domain("d.example", 1, {}, std::move(one_does))) {
    world.zone().mx("d.example", 20, "mx2.d.example");
    second = &host("mx2.d.example", 2, {}, std::move(two_does));
  }
  std::string now() { return shown(one("bob@d.example")); }
  RemoteMta& first;
  RemoteMta* second = nullptr;
};

TEST(Hosts, InTheOrderOfTheirPreference) {
  DeliveryRig rig;
  rig.world.zone().mx("d.example", 30, "c.d.example");
  rig.world.zone().mx("d.example", 10, "a.d.example");
  rig.world.zone().mx("d.example", 20, "b.d.example");
  auto& a = rig.host("a.d.example", 1);
  auto& b = rig.host("b.d.example", 2);
  auto& c = rig.host("c.d.example", 3);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(a.taken().size(), 1u);
  rig.pool = std::make_unique<delivery::ConnectionPool>(rig.services);
  a.behave(always(greeting, "421 later", Then::close));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(b.taken().size(), 1u);
  EXPECT_EQ(c.counts().sessions, 0u);
}

TEST(Hosts, EqualOnesAreSharedOut) {
  DeliveryRig rig;
  rig.world.zone().mx("d.example", 10, "a.d.example");
  rig.world.zone().mx("d.example", 10, "b.d.example");
  auto& a = rig.host("a.d.example", 1);
  auto& b = rig.host("b.d.example", 2);
  for (int i = 0; i < 40; ++i) {
    rig.pool->sweep(Duration(0));
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  }
  EXPECT_GT(a.taken().size(), 8u);
  EXPECT_GT(b.taken().size(), 8u);
}

TEST(Hosts, WithoutMxTheDomainItselfIsTheHost) {
  DeliveryRig rig;
  auto& host = rig.host("d.example", 1);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
}

TEST(Hosts, AllAddressesOfAHostAreTried) {
  DeliveryRig rig;
  rig.world.zone().mx("d.example", 10, "mx1.d.example");
  for (int n = 50; n < 54; ++n) rig.world.zone().address("mx1.d.example", "203.0.113." + std::to_string(n));
  auto& host = rig.host("mx1.d.example", 1);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
}

struct DnsCase {
  const char* what;
  std::function<void(Zone&)> zone;
  const char* result;
};

TEST(Hosts, WhatDnsSays) {
  const DnsCase cases[] = {
      {"null MX", [](Zone& z) { z.null_mx("d.example"); }, "failed null_mx 5.1.10"},
      {"'.' twice", [](Zone& z) { z.null_mx("d.example"), z.mx("d.example", 10, ""); },
       "failed only_invalid_null_mx 5.4.4"},
      {"'.' at preference 10", [](Zone& z) { z.mx("d.example", 10, ""); }, "failed only_invalid_null_mx 5.4.4"},
      {"no such domain", [](Zone&) {}, "failed domain_not_found 5.1.2"},
      {"neither MX nor address", [](Zone& z) { z.add("d.example", dns::Type::txt, dns::Text{"x"}); },
       "failed no_address 5.4.4"},
      {"the MX host has no address",
       [](Zone& z) { z.mx("d.example", 10, "mx.d.example"), z.add("mx.d.example", dns::Type::txt, dns::Text{"x"}); },
       "failed no_address 5.4.4"},
      {"the MX host does not exist", [](Zone& z) { z.mx("d.example", 10, "mx.nowhere.example"); },
       "failed no_address 5.4.4"},
      {"MX names ourselves", [](Zone& z) { z.mx("d.example", 10, "us.postil.example"); }, "failed mail_loop 5.4.6"},
      {"MX leads to our address",
       [](Zone& z) { z.mx("d.example", 10, "mx.d.example"), z.address("mx.d.example", "192.0.2.1"); },
       "failed mail_loop 5.4.6"},
      {"servers fail", [](Zone& z) { z.fail("d.example", dns::Status::server_failure); },
       "deferred dns_temporary 4.4.3"},
      {"no answer", [](Zone& z) { z.fail("d.example", dns::Status::timed_out); }, "deferred dns_temporary 4.4.3"},
      {"forged", [](Zone& z) { z.fail("d.example", dns::Status::bogus); }, "deferred dns_bogus 4.4.3"},
      {"rubbish", [](Zone& z) { z.fail("d.example", dns::Status::malformed); }, "deferred dns_temporary 4.4.3"},
      {"no answer for the host's address",
       [](Zone& z) { z.mx("d.example", 10, "mx.d.example"), z.fail("mx.d.example", dns::Status::timed_out); },
       "deferred dns_temporary 4.4.3"},
      {"one host without address, one for which DNS fails",
       [](Zone& z) {
         z.mx("d.example", 10, "mx.nowhere.example"), z.mx("d.example", 20, "mx2.d.example");
         z.fail("mx2.d.example", dns::Status::server_failure);
       },
       "deferred dns_temporary 4.4.3"},
  };
  for (const auto& row : cases) {
    DeliveryRig rig;
    rig.settings.own_names = {"192.0.2.1"};
    row.zone(rig.world.zone());
    EXPECT_EQ(shown(rig.one("bob@d.example")), row.result) << row.what;
  }
}

TEST(Hosts, ADotBesideOthersIsPassedOver) {
  DeliveryRig rig;
  rig.world.zone().null_mx("d.example");
  auto& host = rig.domain("d.example", 1);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
  EXPECT_EQ(rig.events.counts[event::Name::dns_null_mx_invalid], 1);
}

TEST(Hosts, WeAreTheSecondMx) {
  // The better host is down: the message waits, and does not go to ourselves.
  DeliveryRig rig;
  rig.domain("d.example", 1, {}, always(greeting, "421 later", Then::close));
  rig.world.zone().mx("d.example", 20, "us.postil.example");
  rig.world.zone().mx("d.example", 30, "worse.d.example");
  auto& worse = rig.host("worse.d.example", 2);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred host_deferred 4.3.2");
  EXPECT_EQ(worse.counts().sessions, 0u);
}

TEST(Hosts, WeAreTheSecondMxByItsAddress) {
  DeliveryRig rig;
  rig.settings.own_names = {"192.0.2.1"};
  rig.domain("d.example", 1, {}, always(greeting, "421 later", Then::close));
  rig.world.zone().mx("d.example", 20, "alias-of-us.example");
  rig.world.zone().address("alias-of-us.example", "192.0.2.1");
  rig.world.zone().mx("d.example", 30, "worse.d.example");
  auto& worse = rig.host("worse.d.example", 2);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred host_deferred 4.3.2");
  EXPECT_EQ(worse.counts().sessions, 0u);
}

// Whatever the dice say: a host of the same preference that is we is found before the other one is asked.
TEST(Hosts, WeAreOneOfEqualHostsByItsAddress) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    DeliveryRig rig(seed);
    rig.settings.own_names = {"192.0.2.1"};
    auto& other = rig.domain("d.example", 1);
    rig.world.zone().mx("d.example", 10, "alias-of-us.example");
    rig.world.zone().address("alias-of-us.example", "192.0.2.1");
    EXPECT_EQ(shown(rig.one("bob@d.example")), "failed mail_loop 5.4.6") << seed;
    EXPECT_EQ(other.counts().sessions, 0u) << seed;
    // A better host is asked all the same.
    rig.world.zone().mx("d.example", 5, "best.d.example");
    auto& best = rig.host("best.d.example", 2);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered") << seed;
    EXPECT_EQ(best.taken().size(), 1u);
    EXPECT_EQ(other.counts().sessions, 0u) << seed;
  }
}

// DNS that is slow for one of equal hosts takes nothing from the others.
TEST(Hosts, EqualOnesAreLookedUpAtTheSameTime) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    DeliveryRig rig(seed);
    rig.domain("d.example", 1);
    for (const char* name : {"a.d.example", "b.d.example", "c.d.example"}) {
      rig.world.zone().mx("d.example", 10, name);
      rig.world.zone().fail(name, dns::Status::timed_out);
    }
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered") << seed;
  }
}

TEST(Hosts, AnAddressBehindTwoNamesIsAskedOnce) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, {}, always(greeting, "421 later", Then::close));
  rig.world.zone().mx("d.example", 20, "mx2.d.example");
  rig.world.zone().address("mx2.d.example", "203.0.113.1");
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred host_deferred 4.3.2");
  EXPECT_EQ(host.counts().sessions, 1u);
}

// Reason, status, name and words are one host's, in whichever order they are met.
TEST(Hosts, WhatIsSaidOfAFailureIsOneHosts) {
  const auto told = [](DeliveryRig& rig) {
    const auto result = rig.one("bob@d.example");
    return shown(result) + " | " + result.remote + " | " + result.diagnostic;
  };
  {
    TwoHosts rig(always(greeting, "450 4.3.2 come again", Then::close), always(greeting, "", Then::close));
    EXPECT_EQ(told(rig), "deferred host_deferred 4.3.2 | mx1.d.example [203.0.113.1] | 450 4.3.2 come again");
  }
  {
    TwoHosts rig(always(greeting, "", Then::close), always(greeting, "450 4.3.2 come again", Then::close));
    EXPECT_EQ(told(rig), "deferred host_deferred 4.3.2 | mx2.d.example [203.0.113.2] | 450 4.3.2 come again");
  }
  {
    TwoHosts rig(always(greeting, "554 5.7.1 blocked", Then::close), says_521());
    EXPECT_EQ(told(rig), "deferred refused_us 4.7.1 | mx1.d.example [203.0.113.1] | 554 5.7.1 blocked");
  }
  {
    TwoHosts rig(says_521("521 one"), says_521("521 two"));
    EXPECT_EQ(told(rig), "failed host_accepts_no_mail 5.3.2 | mx1.d.example [203.0.113.1] | 521 one");
  }
  {  // a worse host that cannot be found hides nothing
    DeliveryRig rig;
    rig.domain("d.example", 1, {}, always(greeting, "450 4.3.2 come again", Then::close));
    rig.world.zone().mx("d.example", 20, "mx.nowhere.example");
    EXPECT_EQ(told(rig), "deferred host_deferred 4.3.2 | mx1.d.example [203.0.113.1] | 450 4.3.2 come again");
  }
}

TEST(Hosts, AddressLiterals) {
  DeliveryRig rig;
  rig.settings.own_names = {"192.0.2.1"};
  auto& host = rig.host("whatever.example", 1);
  EXPECT_EQ(shown(rig.one("bob@[203.0.113.1]")), "delivered");
  EXPECT_EQ(host.taken().at(0).recipients.at(0), "bob@[203.0.113.1]");
  EXPECT_EQ(shown(rig.one("bob@[203.0.113.9]")), "deferred connect_failed 4.4.1");
  EXPECT_EQ(shown(rig.one("bob@[192.0.2.1]")), "failed mail_loop 5.4.6");
  EXPECT_EQ(shown(rig.one("bob@[x-tag:some]")), "failed no_address 5.4.4");
}

TEST(Hosts, ADomainInOtherLetters) {
  DeliveryRig rig;
  rig.world.zone().mx("xn--bcher-kva.example", 10, "mx.d.example");
  auto& host = rig.host("mx.d.example", 1);
  EXPECT_EQ(shown(rig.one("bob@b\xC3\xBC"
                          "cher.example")),
            "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
}

// ---- 521 [rfc7504 3]

TEST(NullHost, TheOnlyHostReturnsTheMessageAtOnce) {
  DeliveryRig rig;
  rig.domain("d.example", 1, {}, says_521());
  const auto result = rig.one("bob@d.example");
  EXPECT_EQ(shown(result), "failed host_accepts_no_mail 5.3.2");
  EXPECT_TRUE(result.diagnostic_remote);
  EXPECT_EQ(result.diagnostic, "521 5.3.2 takes no mail");
  EXPECT_EQ(rig.events.counts[event::Name::host_null], 1);
}

TEST(NullHost, OtherHostsAreTriedAndItIsSkippedForAWhile) {
  TwoHosts rig(says_521(), {});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(rig.now(), "delivered");
    rig.pool->sweep(Duration(0));
    rig.world.run_for(minutes(5));
  }
  EXPECT_EQ(rig.first.counts().sessions, 1u);
  EXPECT_EQ(rig.second->taken().size(), 5u);
  // After the time that the settings name it is asked again.
  rig.world.run_for(hours(1));
  rig.first.behave({});
  EXPECT_EQ(rig.now(), "delivered");
  EXPECT_EQ(rig.first.taken().size(), 1u);
}

// A host that is passed over is told of once for each time that it said 521, not in each attempt.
TEST(NullHost, ASkippedHostIsToldOfOnce) {
  TwoHosts rig(says_521(), always(greeting, "421 later", Then::close));
  auto& counts = rig.events.counts;
  const auto& waiting = rig.put({"bob@d.example"});
  const auto try_it = [&](const queue::Envelope& message) {
    EXPECT_EQ(shown(rig.attempt(message).at(0)), "deferred host_deferred 4.3.2");
    rig.world.run_for(minutes(12));
  };
  for (int i = 0; i < 4; ++i) try_it(waiting);
  EXPECT_EQ(counts[event::Name::host_skipped], 0) << "it was there when the host said so";
  EXPECT_EQ(counts[event::Name::connection_failed], 1 + 4);
  const auto& later = rig.put({"eve@d.example"});
  try_it(later);
  EXPECT_EQ(counts[event::Name::host_skipped], 1);
  EXPECT_THAT(rig.events.last[event::Name::host_skipped],
              testing::AllOf(testing::HasSubstr("mx1.d.example [203.0.113.1]"),
                             testing::HasSubstr("521 5.3.2 takes no mail"), testing::HasSubstr("\"said\":\"")));
  // The time is over and it is asked again, by the message that comes next; the other learns of it.
  rig.world.run_for(hours(1));
  try_it(later);
  EXPECT_EQ(counts[event::Name::host_null], 2);
  try_it(waiting);
  try_it(waiting);
  EXPECT_EQ(counts[event::Name::host_skipped], 2);
}

TEST(NullHost, AllOfThem) {
  TwoHosts rig(says_521(), says_521("521 no mail here"));
  EXPECT_EQ(rig.now(), "failed host_accepts_no_mail 5.3.2");
  EXPECT_EQ(rig.first.counts().sessions, 1u);
  EXPECT_EQ(rig.second->counts().sessions, 1u);
  // Heard a moment ago: enough to return the next message without asking.
  rig.world.run_for(minutes(9));
  EXPECT_EQ(rig.now(), "failed host_accepts_no_mail 5.3.2");
  EXPECT_EQ(rig.first.counts().sessions, 1u);
  // Heard too long ago to return a message on it: they are asked.
  rig.world.run_for(minutes(2));
  EXPECT_EQ(rig.now(), "failed host_accepts_no_mail 5.3.2");
  EXPECT_EQ(rig.first.counts().sessions, 2u);
  EXPECT_EQ(rig.second->counts().sessions, 2u);
  // And one that has come to its senses gets the mail.
  rig.world.run_for(minutes(11));
  rig.second->behave({});
  EXPECT_EQ(rig.now(), "delivered");
  EXPECT_EQ(rig.second->taken().size(), 1u);
}

// A message that is returned on what a host said to an earlier one quotes that, and says when.
TEST(NullHost, WhatItSaidIsQuotedLater) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, {}, says_521("521 5.3.2 mx1 takes no mail, never"));
  const WallTime then = rig.us->wall();
  EXPECT_EQ(rig.one("bob@d.example").diagnostic_time, WallTime{});
  rig.world.run_for(minutes(4));
  // Another domain's name for the same address.
  rig.world.zone().mx("e.example", 10, "mx.e.example");
  rig.world.zone().address("mx.e.example", "203.0.113.1");
  const auto result = rig.one("eve@e.example");
  EXPECT_EQ(shown(result), "failed host_accepts_no_mail 5.3.2");
  EXPECT_EQ(result.diagnostic, "521 5.3.2 mx1 takes no mail, never");
  EXPECT_TRUE(result.diagnostic_remote);
  EXPECT_EQ(result.remote, "mx.e.example [203.0.113.1]");
  EXPECT_GE(result.diagnostic_time, then);
  EXPECT_LE(result.diagnostic_time, then + minutes(1));
  EXPECT_EQ(host.counts().sessions, 1u);
}

TEST(NullHost, OthersThatFailedForNowAreTriedAgainAndOnlyThose) {
  for (const auto& how : {always(greeting, "421 later", Then::close), always(rcpt, "421 4.3.2 later", Then::close),
                          always(greeting, "", Then::close)}) {
    TwoHosts rig(says_521(), how);
    EXPECT_THAT(rig.now(), testing::StartsWith("deferred ")) << "one host may take it later";
    for (int i = 0; i < 3; ++i) {
      rig.world.run_for(minutes(15));
      EXPECT_THAT(rig.now(), testing::StartsWith("deferred "));
    }
    EXPECT_EQ(rig.first.counts().sessions, 1u);
    EXPECT_EQ(rig.second->counts().sessions, 4u);
    rig.second->behave({});
    EXPECT_EQ(rig.now(), "delivered");
  }
}

TEST(NullHost, TheTimesAreTheSettings) {
  DeliveryRig rig;
  rig.settings.null_host_skip = minutes(3);
  auto& host = rig.domain("d.example", 1, {}, says_521());
  EXPECT_EQ(shown(rig.one("bob@d.example")), "failed host_accepts_no_mail 5.3.2");
  rig.world.run_for(minutes(4));
  host.behave({});
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
}

TEST(NullHost, ABlockIsNone) {
  for (const char* text :
       {"521 5.7.1 go away", "521 your host is listed at zen.spamhaus.org", "554 no", "521 5.3.0 x"}) {
    TwoHosts rig(says_521(text), {});
    EXPECT_EQ(rig.now(), "delivered") << text;
    rig.pool->sweep(Duration(0));
    EXPECT_EQ(rig.now(), "delivered") << text;
    EXPECT_EQ(rig.first.counts().sessions, 2u) << "nothing is remembered of " << text;
    rig.pool->sweep(Duration(0));
    rig.second->behave(says_521(text));
    EXPECT_THAT(rig.now(), testing::StartsWith("deferred refused_us 4.")) << text;
    EXPECT_EQ(rig.last.site, queue::SiteHealth::refused_us);
  }
}

TEST(NullHost, ASecondHostThatRefusesUsMakesItWait) {
  TwoHosts rig(says_521(), says_521("554 5.7.1 you are blocked"));
  EXPECT_EQ(rig.now(), "deferred refused_us 4.7.1");
}

TEST(Smarthost, ItsRefusalsWait) {
  for (const char* text : {"521 5.3.2 takes no mail", "521 no mail", "554 5.7.1 blocked", "550 no", "500 what"}) {
    DeliveryRig rig;
    rig.settings.smarthost = {"smart.example", 25};
    auto& host = rig.host("smart.example", 1, {}, says_521(text));
    EXPECT_THAT(shown(rig.one("bob@d.example")), testing::StartsWith("deferred smarthost_refused 4.")) << text;
    host.behave({});
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered") << text;
  }
}

TEST(Smarthost, WhatWasHeardOfItAsAnMxHostDoesNotCount) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, {}, says_521());
  EXPECT_EQ(shown(rig.one("bob@d.example")), "failed host_accepts_no_mail 5.3.2");
  rig.settings.smarthost = {"mx1.d.example", 25};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred smarthost_refused 4.3.2");
  host.behave({});
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
}

TEST(Smarthost, ANameThatDnsDoesNotKnowReturnsNoMail) {
  DeliveryRig rig;
  rig.settings.smarthost = {"smrat.example", 25};
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dns_temporary 4.4.3");
  rig.world.zone().add("smrat.example", dns::Type::txt, dns::Text{"x"});
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred dns_temporary 4.4.3");
}

TEST(Smarthost, ItsMxIsNotAskedForAndItsPortIsUsed) {
  DeliveryRig rig;
  rig.world.zone().null_mx("smart.example");
  rig.settings.smarthost = {"smart.example", 25};
  auto& host = rig.host("smart.example", 1);
  EXPECT_EQ(shown(rig.one("bob@null.example")), "delivered");
  EXPECT_EQ(host.taken().size(), 1u);
  rig.pool->sweep(Duration(0));
  rig.settings.smarthost->port = 2525;
  EXPECT_EQ(shown(rig.one("bob@null.example")), "deferred connect_failed 4.4.1");
}

}  // namespace
}  // namespace postil::test
