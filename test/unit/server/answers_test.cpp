// What a server answers to MAIL, RCPT and a message: accounts, aliases, DNS, limits, the store.
#include "rig.hpp"

namespace postil::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string message = "Subject: x\r\n\r\ntext\r\n.";

TEST(Sender, OnlyTheLoginsOwnAddresses) {
  ServerRig rig;
  rig.submission();
  rig.start();
  auto client = rig.logged_in();
  EXPECT_THAT(client->say("MAIL FROM:<bob@example.org>"),
              StartsWith("553 5.7.1 <bob@example.org> is not an address of alice@example.org"));
  for (const char* own : {"alice@example.org", "sales@example.org", ""}) {
    EXPECT_THAT(client->say("MAIL FROM:<" + std::string(own) + ">"), StartsWith("250 2.1.0")) << own;
    EXPECT_THAT(client->say("RSET"), StartsWith("250"));
  }
}

TEST(Sender, ARelayTakesAnyWhoseDomainTakesMail) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("MAIL FROM:<a@null.example>"), StartsWith("550 5.7.27"));
  EXPECT_THAT(client->say("MAIL FROM:<a@mx.example.org>"), StartsWith("250"));
  client->say("RSET");
  EXPECT_THAT(client->say("MAIL FROM:<a@[192.0.2.99]>"), StartsWith("250"));
  client->say("RSET");
  EXPECT_THAT(client->say("MAIL FROM:<a@unqualified>"), StartsWith("550 5.1.7"));
  EXPECT_THAT(client->say("MAIL FROM:<>"), StartsWith("250"));
}

TEST(Sender, NoDnsMeansNoRefusal) {
  ServerRig rig;
  rig.world.zone().fail("slow.example", dns::Status::timed_out);
  rig.world.zone().fail("broken.example", dns::Status::server_failure);
  rig.world.zone().fail("forged.example", dns::Status::bogus);
  rig.world.zone().trouble = [](const std::string& name, dns::Type, Prng&) -> std::optional<dns::Status> {
    if (name == "slow.example") return dns::Status::timed_out;
    return std::nullopt;
  };
  rig.start();
  auto client = rig.ready();
  for (const char* domain : {"slow.example", "broken.example", "forged.example"}) {
    const MonoTime before = rig.world.now();
    EXPECT_THAT(client->say("MAIL FROM:<a@" + std::string(domain) + ">"), StartsWith("250")) << domain;
    EXPECT_THAT(client->say("RCPT TO:<b@" + std::string(domain) + ">"), StartsWith("250")) << domain;
    EXPECT_LT(rig.world.now() - before, seconds(8)) << "its patience is three seconds a question";
    client->say("RSET");
  }
}

TEST(Sender, TheStoreIsFull) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  rig.store.refusing = env::StoreError::no_space;
  EXPECT_THAT(client->say("MAIL FROM:<a@example.org>"), StartsWith("452 4.3.1"));
  rig.store.refusing = env::StoreError::limit;
  EXPECT_THAT(client->say("MAIL FROM:<a@example.org>"), StartsWith("451 4.3.0 no descriptors or memory left"));
  rig.store.refusing = env::StoreError::failed;
  EXPECT_THAT(client->say("MAIL FROM:<a@example.org>"), StartsWith("451 4.3.0 trouble on this side"));
  rig.store.refusing.reset();
  EXPECT_THAT(client->say("MAIL FROM:<a@example.org>"), StartsWith("250"));
}

struct RcptCase {
  const char* path;
  const char* reply;
  std::vector<std::string> targets;  // where it goes
};

TEST(Recipient, AliasesOwnHostAndOthers) {
  const RcptCase cases[] = {
      {"Postmaster", "250", {"admin@example.net"}},
      {"POSTMASTER", "250", {"admin@example.net"}},
      {"postmaster@mx.example.org", "250", {"admin@example.net"}},
      {"PostMaster@MX.example.org", "250", {"admin@example.net"}},
      {"postmaster@example.net", "250", {"postmaster@example.net"}},
      {"root@mx.example.org", "250", {"admin@example.net"}},
      {"root@localhost", "250", {"admin@example.net"}},
      {"team@example.org", "250", {"a@example.net", "b@example.net", "c@example.org"}},
      {"Team@example.org", "250", {"a@example.net", "b@example.net", "c@example.org"}},
      {"nobody@mx.example.org", "550 5.1.1 <nobody@mx.example.org> is not a mailbox here", {}},
      {"team@mx.example.org", "550 5.1.1", {}},
      {"x@null.example", "556 5.1.10 <x@null.example>: null.example takes no mail", {}},
      {"to-null@example.org", "556 5.1.10", {}},
      {"x@missing.example", "550 5.1.2 <x@missing.example>: the domain missing.example does not exist", {}},
      {"x@bare.example", "550 5.1.2 <x@bare.example>: bare.example has neither a mail host (MX) nor an address", {}},
      {"x@alias-of-bare.example", "550 5.1.2", {}},
      {"x@four.example", "250", {"x@four.example"}},
      {"x@six.example", "250", {"x@six.example"}},
      {"x@unqualified", "550 5.1.2", {}},
      {"x@[192.0.2.77]", "250", {"x@[192.0.2.77]"}},
      {"x@[192.0.2.25]", "550 5.1.1 <x@[192.0.2.25]> is not a mailbox here", {}},
      {"root@[192.0.2.25]", "250", {"admin@example.net"}},
      {"postmaster@[IPv6:2001:db8::25]", "250", {"admin@example.net"}},
      {"Bob.Smith@EXAMPLE.net", "250", {"Bob.Smith@example.net"}},
  };
  ServerRig rig;
  rig.policy.rules.aliases.table = {{"postmaster", {"admin@example.net"}},
                                    {"root", {"admin@example.net"}},
                                    {"team@example.org", {"a@example.net", "b@example.net", "c@example.org"}},
                                    {"to-null@example.org", {"x@null.example"}}};
  rig.policy.rules.aliases.own_addresses = {"192.0.2.25", "2001:db8::25"};
  rig.world.zone().add("bare.example", dns::Type::txt, dns::Text{"v=spf1 -all"});
  rig.world.zone().alias("alias-of-bare.example", "bare.example");
  rig.world.zone().address("four.example", "203.0.113.1");
  rig.world.zone().address("six.example", "2001:db8::1");
  rig.start();
  for (const auto& row : cases) {
    auto client = rig.ready();
    EXPECT_THAT(client->say("MAIL FROM:<s@example.org>"), StartsWith("250"));
    EXPECT_THAT(client->say("RCPT TO:<" + std::string(row.path) + ">"), StartsWith(row.reply)) << row.path;
    if (row.targets.empty()) continue;
    client->say("DATA");
    EXPECT_THAT(client->say(message), StartsWith("250 2.0.0")) << row.path;
    std::vector<std::string> targets;
    for (const auto& recipient : rig.intake.envelopes.back().recipients) targets.push_back(recipient.address);
    EXPECT_EQ(targets, row.targets) << row.path;
  }
}

TEST(Recipient, ADomainWhoseAddressesCannotBeAskedForIsTaken) {
  for (const auto silent : {dns::Type::a, dns::Type::aaaa}) {
    ServerRig rig;
    rig.world.zone().add("bare.example", dns::Type::txt, dns::Text{"v=spf1 -all"});
    rig.world.zone().trouble = [silent](const std::string&, dns::Type type, Prng&) -> std::optional<dns::Status> {
      if (type == silent) return dns::Status::timed_out;
      return std::nullopt;
    };
    rig.start();
    auto client = rig.ready();
    client->say("MAIL FROM:<s@example.org>");
    const MonoTime before = rig.world.now();
    EXPECT_THAT(client->say("RCPT TO:<b@bare.example>"), StartsWith("250"));
    EXPECT_LT(rig.world.now() - before, seconds(4)) << "three seconds for all questions";
  }
}

TEST(Recipient, DnsThatIsDownHoldsUpATransactionForSecondsOnly) {
  ServerRig rig;
  rig.world.zone().trouble = [](const std::string&, dns::Type, Prng&) -> std::optional<dns::Status> {
    return dns::Status::timed_out;
  };
  rig.start();
  auto client = rig.ready();
  const MonoTime before = rig.world.now();
  EXPECT_THAT(client->say("MAIL FROM:<s@example.org>"), StartsWith("250"));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client->say("RCPT TO:<b@d" + std::to_string(i) + ".example>"), StartsWith("250"));
  }
  EXPECT_GT(rig.world.now() - before, seconds(5));
  EXPECT_LT(rig.world.now() - before, seconds(10));
  rig.world.zone().trouble = nullptr;
  client->say("RSET");
  client->say("MAIL FROM:<s@example.org>");
  EXPECT_THAT(client->say("RCPT TO:<x@null.example>"), StartsWith("556 5.1.10"));
}

TEST(Sender, WithoutAHostForAnswersIsTaken) {
  ServerRig rig;
  rig.world.zone().add("bare.example", dns::Type::txt, dns::Text{"v=spf1 -all"});
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("MAIL FROM:<a@bare.example>"), StartsWith("250"));
}

TEST(Recipient, ThePostmasterIsTakenWhateverDnsSays) {
  ServerRig rig;
  rig.policy.rules.aliases.table = {{"postmaster", {"admin@null.example"}}, {"team@example.org", {"x@null.example"}}};
  rig.start();
  auto client = rig.ready();
  client->say("MAIL FROM:<s@example.org>");
  EXPECT_THAT(client->say("RCPT TO:<Postmaster>"), StartsWith("250"));
  EXPECT_THAT(client->say("RCPT TO:<team@example.org>"), StartsWith("556 5.1.10"));
}

TEST(Recipient, WithoutAliasesPostmasterIsNobody) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  client->say("MAIL FROM:<s@example.org>");
  EXPECT_THAT(client->say("RCPT TO:<Postmaster>"), StartsWith("550 5.1.1"));
}

TEST(Recipient, ChecksAreTheConfigurations) {
  ServerRig rig;
  rig.policy.rules.check_recipient_domains = rig.policy.rules.check_sender_domain = false;
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("MAIL FROM:<s@null.example>"), StartsWith("250"));
  EXPECT_THAT(client->say("RCPT TO:<x@null.example>"), StartsWith("250"));
  EXPECT_THAT(client->say("RCPT TO:<x@missing.example>"), StartsWith("250"));
}

TEST(Recipient, AnAccountsRateIsLimited) {
  ServerRig rig;
  rig.submission();
  rig.rates.recipients_left = 2;
  rig.start();
  auto client = rig.logged_in();
  client->say("MAIL FROM:<alice@example.org>");
  EXPECT_THAT(client->say("RCPT TO:<a@example.net>"), StartsWith("250"));
  // What is refused for another reason does not count.
  EXPECT_THAT(client->say("RCPT TO:<a@null.example>"), StartsWith("556"));
  EXPECT_THAT(client->say("RCPT TO:<b@example.net>"), StartsWith("250"));
  // However many are over it, the message goes to the others.
  for (int i = 0; i < 30; ++i) {
    EXPECT_THAT(client->say("RCPT TO:<c@example.net>"),
                StartsWith("452 4.7.1 alice@example.org has reached its limit, 100 per hour"));
  }
  client->say("DATA");
  EXPECT_THAT(client->say(message), StartsWith("250"));
  EXPECT_EQ(rig.intake.envelopes.at(0).recipients.size(), 2u);
}

TEST(Login, WhatIsTold) {
  ServerRig rig;
  rig.submission();
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n"), StartsWith("535 5.7.8"));
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="), StartsWith("235 2.7.0"));
  EXPECT_THAT(rig.rates.ended,
              ElementsAre("198.51.100.7 alice@example.org failed", "198.51.100.7 alice@example.org ok"));
  for (const auto& event : rig.events.all) {
    EXPECT_THAT(event::to_json(event, {}), testing::Not(HasSubstr("secret")));
  }
}

TEST(Login, BlockedForAWhile) {
  ServerRig rig;
  rig.submission();
  rig.rates.blocked = seconds(61);
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="),
              StartsWith("421 4.7.0 too many failed logins, try again in 2 min"));
  EXPECT_EQ(rig.accounts.lookups, 0);
}

TEST(Login, AccountsThatCannotBeRead) {
  ServerRig rig;
  rig.submission();
  rig.accounts.available = false;
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="), StartsWith("454 4.7.0"));
  EXPECT_THAT(rig.rates.ended, IsEmpty()) << "not the client's failure";
}

TEST(Login, ThePoolIsFull) {
  ServerRig rig;
  rig.submission();
  rig.start();
  auto client = rig.ready();
  rig.pool_waiting = 4;
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="), StartsWith("454 4.7.0"));
  EXPECT_EQ(rig.pool_waiting, 4) << "what was refused a place takes none";
  rig.pool_waiting = 0;
  EXPECT_THAT(client->say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="), StartsWith("235"));
  EXPECT_EQ(rig.pool_waiting, 0);
}

// ---- the message and the store

// [rfc4865 6]
TEST(Message, AnAccountHasOnlySoManyThatWaitForTheirTime) {
  ServerRig rig;
  rig.submission();
  rig.settings.hold_max = days(1);
  rig.policy.hold_messages_max = 2;
  rig.start();
  auto client = rig.logged_in();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(client->say("MAIL FROM:<alice@example.org> HOLDFOR=3600"), StartsWith("250"));
    client->say("RCPT TO:<a@example.net>");
    client->say("DATA");
    EXPECT_THAT(client->say(message), StartsWith("250 2.0.0 queued"));
  }
  EXPECT_THAT(client->say("MAIL FROM:<alice@example.org> HOLDFOR=3600"),
              StartsWith("552 5.7.1 alice@example.org has 2 messages that wait for their time"));
  EXPECT_THAT(client->say("MAIL FROM:<alice@example.org>"), StartsWith("250")) << "what leaves at once is not counted";
}

TEST(Message, IsInTheStoreWithItsEnvelope) {
  ServerRig rig;
  rig.submission();
  rig.policy.lifetime = days(2);
  rig.start();
  auto client = rig.logged_in();
  client->say("MAIL FROM:<alice@example.org> RET=HDRS ENVID=a+2Bb");
  client->say("RCPT TO:<a@example.net> NOTIFY=SUCCESS ORCPT=rfc822;x@y.example");
  client->say("DATA");
  const std::string reply = client->say(message);
  ASSERT_THAT(reply, StartsWith("250 2.0.0 queued, on disk, as "));
  const auto id = parse_message_id(reply.substr(30, 15));
  ASSERT_TRUE(id) << reply;
  ASSERT_TRUE(rig.store.messages.contains(*id));
  const auto& stored = rig.store.messages[*id];
  const auto& envelope = stored.envelope;
  EXPECT_EQ(envelope.sender, "alice@example.org");
  EXPECT_EQ(envelope.login, "alice@example.org");
  EXPECT_EQ(envelope.client, "198.51.100.7");
  EXPECT_EQ(envelope.language, "de");
  EXPECT_EQ(envelope.expires - envelope.arrived, days(2));
  EXPECT_EQ(envelope.ret, queue::Return::headers);
  EXPECT_EQ(envelope.envid, "a+2Bb");
  EXPECT_EQ(envelope.recipients.at(0).original, "rfc822;x@y.example");
  EXPECT_EQ(envelope.recipients[0].notify, queue::notify_success);
  EXPECT_EQ(envelope.size_octets, stored.body.size());
  EXPECT_EQ(stored.body.find("\r\n\r\n") + 4, envelope.header_octets);
  EXPECT_EQ(rig.intake.envelopes.size(), 1u);
  EXPECT_EQ(rig.events.count(event::Name::message_accepted), 1);
  const auto trace = rig.trace(*id);
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_THAT(trace[0], HasSubstr("\"to\":\"a@example.net\""));
}

TEST(Message, TheStoreFailsAtTheCommit) {
  struct Case {
    env::StoreError error;
    const char* reply;
  };
  for (const auto& [error, wanted] :
       {Case{env::StoreError::failed, "451 4.3.0"}, Case{env::StoreError::no_space, "452 4.3.1"},
        Case{env::StoreError::limit, "451 4.3.0 no descriptors"}, Case{env::StoreError::stopped, "451 4.3.0"}}) {
    ServerRig rig;
    rig.start();
    auto client = rig.ready();
    client->say("MAIL FROM:<s@example.org>");
    client->say("RCPT TO:<a@example.net>");
    client->say("DATA");
    rig.store.fail_commits = error;
    EXPECT_THAT(client->say(message), StartsWith(wanted));
    EXPECT_THAT(rig.store.messages, IsEmpty());
    EXPECT_THAT(rig.intake.envelopes, IsEmpty());
    EXPECT_EQ(rig.events.count(event::Name::message_accepted), 0);
    // The session goes on.
    rig.store.fail_commits.reset();
    client->say("MAIL FROM:<s@example.org>");
    client->say("RCPT TO:<a@example.net>");
    client->say("DATA");
    EXPECT_THAT(client->say(message), StartsWith("250"));
  }
}

TEST(Message, AClientThatVanishesLeavesNothing) {
  for (const bool reset : {true, false}) {
    ServerRig rig;
    rig.start();
    auto client = rig.ready();
    client->say("MAIL FROM:<s@example.org>");
    client->say("RCPT TO:<a@example.net>");
    EXPECT_THAT(client->say("DATA"), StartsWith("354"));
    client->send("Subject: x\r\n\r\n" + std::string(200'000, 'x') + "\r\n");
    rig.world.run_for(seconds(1));
    EXPECT_EQ(rig.registry->sessions(), 1u);
    if (reset) {
      client->reset();
    } else {
      client->hang_up();
    }
    EXPECT_EQ(rig.registry->sessions(), 0u);
    EXPECT_THAT(rig.store.messages, IsEmpty());
    EXPECT_THAT(rig.intake.envelopes, IsEmpty());
    EXPECT_EQ(rig.events.count(event::Name::session_closed), 1);
  }
}

TEST(Refusals, HaveARecordUnderTheIdThatTheReplyNames) {
  ServerRig rig;
  rig.settings.receipt_url = "https://mx.example.org/r/";
  rig.start();
  auto client = rig.ready();
  client->say("MAIL FROM:<s@example.org>");
  for (int i = 0; i < 3; ++i) {
    const std::string reply = client->say("RCPT TO:<x@null.example>");
    const auto at = reply.find("/r/");
    ASSERT_NE(at, std::string::npos) << reply;
    const auto id = parse_receipt_id(reply.substr(at + 3, 15));
    ASSERT_TRUE(id) << reply;
    const auto trace = rig.trace(*id);
    ASSERT_EQ(trace.size(), 1u) << "a repeat finds the first one's record";
    EXPECT_THAT(trace[0], HasSubstr("\"key\":\"rcpt_null_mx\""));
    EXPECT_THAT(trace[0], HasSubstr("\"recipient\":\"x@null.example\""));
    EXPECT_THAT(trace[0], HasSubstr("\"peer\":\"198.51.100.7\""));
  }
}

}  // namespace
}  // namespace postil::test
