// What goes over a connection: recipients together, connections used again, what the next hop lacks, TLS.
#include "rig.hpp"

namespace postil::test {
namespace {

using enum RemoteStage;
using Then = RemoteStep::Then;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Transaction, SeveralRecipientsInOne) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  for (const auto& result : rig.attempt(rig.put({"a@d.example", "b@d.example", "c@d.example"}))) {
    EXPECT_EQ(shown(result), "delivered");
    EXPECT_FALSE(result.relayed_without_dsn);
  }
  ASSERT_EQ(host.taken().size(), 1u);
  EXPECT_THAT(host.taken()[0].recipients, ElementsAre("a@d.example", "b@d.example", "c@d.example"));
  EXPECT_EQ(host.taken()[0].sender, "alice@home.example");
  EXPECT_EQ(host.taken()[0].octets, "Subject: x\r\n\r\ntext\r\n");
}

TEST(Transaction, SomeAreTakenAndSomeAreNot) {
  DeliveryRig rig;
  rig.domain("d.example", 1, {}, [](RemoteStage at, std::string_view argument, Prng&) -> std::optional<RemoteStep> {
    if (at != rcpt) return std::nullopt;
    if (argument.find("nobody") != argument.npos) return RemoteStep{.reply = "550 5.1.1 no such user"};
    if (argument.find("busy") != argument.npos) return RemoteStep{.reply = "450 4.2.1 busy"};
    return std::nullopt;
  });
  const auto results = rig.attempt(rig.put({"a@d.example", "nobody@d.example", "busy@d.example", "b@d.example"}));
  EXPECT_EQ(shown(results[0]), "delivered");
  EXPECT_EQ(shown(results[1]), "failed recipient_refused 5.1.1");
  EXPECT_EQ(results[1].diagnostic, "550 5.1.1 no such user");
  EXPECT_EQ(shown(results[2]), "deferred recipient_deferred 4.2.1");
  EXPECT_EQ(shown(results[3]), "delivered");
  EXPECT_EQ(rig.last.site, queue::SiteHealth::good);
}

// Lines over 998 octets [rfc5321 4.5.3.1.6] are neither split nor held back: a split breaks signatures, and most
// servers take them [rfc5321 4.5.3.1]. One that does not says so, and its words come back.
TEST(Transaction, LongLinesGoAsTheyAre) {
  const std::string body = "Subject: x\r\n\r\n." + std::string(5'000, 'a') + "\r\n" + std::string(60'000, 'b') + "\r\n";
  for (const bool chunking : {true, false}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = chunking;
    auto& host = rig.domain("d.example", 1, options);
    EXPECT_EQ(shown(rig.attempt(rig.put({"a@d.example"}, body)).at(0)), "delivered");
    ASSERT_EQ(host.taken().size(), 1u);
    EXPECT_EQ(host.taken()[0].octets, body);
    rig.pool->sweep(Duration(0));
    host.behave(always(end, "550 maximum allowed line length is 998 octets, got 60000"));
    const auto result = rig.attempt(rig.put({"a@d.example"}, body)).at(0);
    EXPECT_EQ(shown(result), "failed message_refused 5.0.0");
    EXPECT_EQ(result.diagnostic, "550 maximum allowed line length is 998 octets, got 60000");
  }
}

TEST(Transaction, NobodyIsTakenAndNothingIsSent) {
  for (const bool chunking : {true, false}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = chunking;
    auto& host = rig.domain("d.example", 1, options, always(rcpt, "550 5.1.1 no"));
    for (const auto& result : rig.attempt(rig.put({"a@d.example", "b@d.example"})))
      EXPECT_EQ(shown(result), "failed recipient_refused 5.1.1");
    EXPECT_THAT(host.taken(), IsEmpty());
    EXPECT_THAT(host.complaints(), IsEmpty());
    // The connection is good for the next one.
    host.behave({});
    EXPECT_EQ(shown(rig.one("c@d.example")), "delivered");
    EXPECT_EQ(host.counts().sessions, 1u);
  }
}

TEST(Transaction, TooManyRecipientsWaitForTheNext) {
  DeliveryRig rig;
  int taken = 0;
  rig.domain("d.example", 1, {}, [&](RemoteStage at, std::string_view, Prng&) -> std::optional<RemoteStep> {
    if (at != rcpt || ++taken <= 2) return std::nullopt;
    return RemoteStep{.reply = "452 4.5.3 too many recipients"};
  });
  const auto results = rig.attempt(rig.put({"a@d.example", "b@d.example", "c@d.example"}));
  EXPECT_EQ(shown(results[1]), "delivered");
  EXPECT_EQ(shown(results[2]), "deferred recipient_deferred 4.5.3");
}

TEST(Transaction, TheSecondHostGetsThoseThatTheFirstPutOff) {
  DeliveryRig rig;
  RemoteOptions options;
  options.chunking = false;
  rig.domain("d.example", 1, options,
             [](RemoteStage at, std::string_view argument, Prng&) -> std::optional<RemoteStep> {
               if (at == rcpt && argument.find("nobody") != argument.npos)
                 return RemoteStep{.reply = "550 5.1.1 no such user"};
               if (at == data) return RemoteStep{.reply = "421 4.3.2 closing", .delay = {}, .then = Then::close};
               return std::nullopt;
             });
  rig.world.zone().mx("d.example", 20, "mx2.d.example");
  auto& second = rig.host("mx2.d.example", 2);
  const auto results = rig.attempt(rig.put({"nobody@d.example", "b@d.example"}));
  EXPECT_EQ(shown(results[0]), "failed recipient_refused 5.1.1");
  EXPECT_EQ(shown(results[1]), "delivered");
  ASSERT_EQ(second.taken().size(), 1u);
  EXPECT_THAT(second.taken()[0].recipients, ElementsAre("b@d.example"));
}

RemoteMta::Behaviour puts_off(std::string name) {
  return [name](RemoteStage at, std::string_view argument, Prng&) -> std::optional<RemoteStep> {
    if (at == rcpt && argument.find(name) != argument.npos) return RemoteStep{.reply = "450 4.2.1 " + name + " later"};
    return std::nullopt;
  };
}

TEST(Transaction, OneWhomTheFirstHostPutsOffIsTakenByTheSecond) {
  DeliveryRig rig;
  auto& first = rig.domain("d.example", 1, {}, puts_off("b@"));
  rig.world.zone().mx("d.example", 20, "mx2.d.example");
  auto& second = rig.host("mx2.d.example", 2);
  for (const auto& result : rig.attempt(rig.put({"a@d.example", "b@d.example"}))) EXPECT_EQ(shown(result), "delivered");
  ASSERT_EQ(first.taken().size(), 1u);
  EXPECT_THAT(first.taken()[0].recipients, ElementsAre("a@d.example"));
  ASSERT_EQ(second.taken().size(), 1u);
  EXPECT_THAT(second.taken()[0].recipients, ElementsAre("b@d.example"));
  EXPECT_EQ(rig.events.counts[event::Name::host_put_off], 1);
  EXPECT_THAT(rig.events.last[event::Name::host_put_off], HasSubstr("450 4.2.1 b@ later"));
}

// Of many hosts that all put a recipient off only the best are asked, each once, and the best one's words are told.
TEST(Transaction, NotAllHostsAreAskedForOneWhomTheyPutOff) {
  DeliveryRig rig;
  std::vector<RemoteMta*> all;
  for (int n = 1; n <= 6; ++n) {
    const std::string name = "mx" + std::to_string(n) + ".d.example";
    rig.world.zone().mx("d.example", n, name);
    all.push_back(&rig.host(name, n, {}, always(rcpt, "450 4.2.1 " + name)));
  }
  std::uint64_t sessions = 0;
  for (int round = 1; round <= 2; ++round) {  // the second one begins on a connection that was kept
    const auto result = rig.one("a@d.example");
    EXPECT_EQ(shown(result), "deferred recipient_deferred 4.2.1");
    EXPECT_TRUE(round == 2 || result.diagnostic == "450 4.2.1 mx1.d.example") << result.diagnostic;
  }
  for (const auto* host : all) {
    EXPECT_LE(host->counts().transactions, 2u);
    sessions += host->counts().sessions;
  }
  EXPECT_EQ(all[3]->counts().sessions + all[4]->counts().sessions + all[5]->counts().sessions, 0u);
  EXPECT_LE(sessions, 5u);
  EXPECT_EQ(rig.last.site, queue::SiteHealth::good);
}

// The line breaks between the last dot and its reply: the first host may have the message, so the second is not asked.
TEST(Transaction, AMessageThatMayHaveBeenTakenGoesToNoOtherHostAtOnce) {
  DeliveryRig rig;
  auto& first = rig.domain("d.example", 1, {}, always(end, "", Then::close));
  rig.world.zone().mx("d.example", 20, "mx2.d.example");
  auto& second = rig.host("mx2.d.example", 2);
  const auto& message = rig.put({"a@d.example"});
  EXPECT_EQ(shown(rig.attempt(message).at(0)), "deferred connection_lost 4.4.2");
  EXPECT_EQ(second.counts().sessions, 0u);
  first.behave({});
  EXPECT_EQ(shown(rig.attempt(message).at(0)), "delivered");
  ASSERT_EQ(first.taken().size(), 2u);  // it had the message, and could not say so
  EXPECT_FALSE(first.taken()[0].answered);
  EXPECT_TRUE(first.taken()[1].answered);
  EXPECT_EQ(second.counts().sessions, 0u);
}

// A refusal after the last dot leaves no doubt: the host does not have the message, and another one may take it.
TEST(Transaction, TheSecondHostGetsWhatTheFirstRefusedAtItsEnd) {
  for (const char* reply : {"421 4.3.2 closing", "452 4.3.1 disk full"}) {
    DeliveryRig rig;
    rig.domain("d.example", 1).behave(always(end, reply));
    rig.world.zone().mx("d.example", 20, "mx2.d.example");
    auto& second = rig.host("mx2.d.example", 2);
    EXPECT_EQ(shown(rig.one("a@d.example")), "delivered") << reply;
    EXPECT_EQ(second.taken().size(), 1u) << reply;
  }
}

TEST(Transaction, DotsAndLongLinesArriveAsTheyWere) {
  for (const bool chunking : {true, false}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = chunking;
    auto& host = rig.domain("d.example", 1, options);
    std::string body = "Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\n";
    for (int i = 0; i < 3000; ++i) body += std::string(static_cast<std::size_t>(i % 990), '.') + "\r\n";
    EXPECT_EQ(shown(rig.attempt(rig.put({"a@d.example"}, body)).at(0)), "delivered");
    EXPECT_TRUE(host.taken().at(0).octets == body);
  }
}

TEST(Transaction, ParametersGoOn) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  auto& envelope = rig.put({"a@d.example"});
  envelope.ret = queue::Return::headers;
  envelope.envid = "id+2B1";
  envelope.recipients[0].notify = queue::notify_success | queue::notify_delay;
  envelope.recipients[0].original = "rfc822;x+2By@o.example";
  rig.attempt(envelope);
  EXPECT_THAT(host.taken().at(0).mail_line, HasSubstr(" RET=HDRS"));
  EXPECT_THAT(host.taken()[0].mail_line, HasSubstr(" ENVID=id+2B1"));
  EXPECT_THAT(host.taken()[0].mail_line, HasSubstr(" SIZE=20"));
  EXPECT_THAT(host.taken()[0].rcpt_lines.at(0), HasSubstr(" NOTIFY=SUCCESS,DELAY"));
  EXPECT_THAT(host.taken()[0].rcpt_lines[0], HasSubstr(" ORCPT=rfc822;x+2By@o.example"));
}

TEST(Transaction, AHostWithoutDsnIsToldNothingOfIt) {
  DeliveryRig rig;
  RemoteOptions options;
  options.dsn = false;
  auto& host = rig.domain("d.example", 1, options);
  auto& envelope = rig.put({"a@d.example"});
  envelope.envid = "x";
  envelope.recipients[0].notify = queue::notify_success;
  EXPECT_TRUE(rig.attempt(envelope).at(0).relayed_without_dsn);
  EXPECT_THAT(host.taken().at(0).mail_line, Not(HasSubstr("ENVID")));
  EXPECT_THAT(host.taken()[0].rcpt_lines.at(0), Not(HasSubstr("NOTIFY")));
}

// ---- connections used again

TEST(Reuse, TheNextMessageGoesOverTheSameConnection) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  EXPECT_EQ(host.counts().sessions, 1u);
  EXPECT_EQ(host.taken().size(), 5u);
  EXPECT_EQ(rig.pool->idle_count(), 1u);
  EXPECT_THAT(host.complaints(), IsEmpty());
  rig.world.run_for(seconds(5));
  rig.pool->sweep(seconds(3));
  rig.world.run_for(seconds(5));
  EXPECT_EQ(rig.pool->idle_count(), 0u);
  EXPECT_EQ(host.counts().sessions_open, 0u) << "QUIT was said";
}

TEST(Reuse, NotBeyondItsNumberOfMessages) {
  DeliveryRig rig;
  rig.settings.messages_per_connection_max = 2;
  auto& host = rig.domain("d.example", 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  EXPECT_EQ(host.counts().sessions, 3u);
}

TEST(Reuse, AConnectionThatWentStaleIsReplaced) {
  struct Way {
    const char* what;
    RemoteMta::Behaviour second;  // what the host does in the second transaction
  };
  const Way ways[] = {
      {"421 to MAIL", always(mail, "421 4.4.2 idle too long", Then::close)},
      {"closes at MAIL", always(mail, "", Then::close)},
      {"resets at MAIL", always(mail, "", Then::reset)},
      {"silent at MAIL", always(mail, "", Then::silence)},
      {"503 to MAIL", always(mail, "503 5.5.1 what?", Then::go_on)},
      {"closes at DATA", always(data, "", Then::close)},
  };
  for (const auto& way : ways) {
    DeliveryRig rig;
    RemoteOptions options;
    options.chunking = false;
    auto& host = rig.domain("d.example", 1, options);
    EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
    bool done = false;
    host.behave([&, way](RemoteStage at, std::string_view argument, Prng& random) -> std::optional<RemoteStep> {
      if (done || at == greeting) return std::nullopt;
      auto step = way.second(at, argument, random);
      done = step.has_value();
      return step;
    });
    EXPECT_EQ(shown(rig.one("a@d.example")), "delivered") << way.what;
    EXPECT_EQ(host.counts().sessions, 2u) << way.what;
    EXPECT_TRUE(done) << way.what;
    EXPECT_EQ(host.taken().size(), 2u) << way.what;
  }
}

TEST(Reuse, AConnectionThatClosedWhileIdleIsNotUsed) {
  for (const char* farewell : {"", "421 4.4.2 idle too long"}) {
    DeliveryRig rig;
    auto& host = rig.domain("d.example", 1);
    host.behave([farewell, said = false](RemoteStage at, std::string_view, Prng&) mutable -> std::optional<RemoteStep> {
      if (at != end || said) return std::nullopt;
      said = true;
      return RemoteStep{.reply = std::string("250 2.0.0 taken") + (*farewell ? "\r\n" : "") + farewell,
                        .delay = {},
                        .then = Then::close};
    });
    EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
    rig.world.run_for(seconds(1));
    EXPECT_EQ(shown(rig.one("a@d.example")), "delivered") << farewell;
    EXPECT_EQ(host.counts().sessions, 2u);
    EXPECT_EQ(host.taken().size(), 2u);
  }
}

TEST(Reuse, AMessageThatWasSentToItsEndIsNotSentAgainAtOnce) {
  // Whether the host has it is not known: it may be told again later, but not in the same breath to another host ...
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  EXPECT_EQ(shown(rig.one("a@d.example")), "delivered");
  host.behave(always(end, "", Then::close));
  const auto result = rig.one("a@d.example");
  EXPECT_EQ(shown(result), "deferred connection_lost 4.4.2");
}

// ---- LIMITS [rfc9422 4]

RemoteMta& host_with_limits(DeliveryRig& rig, const std::string& limits) {
  RemoteOptions options;
  options.also = {"LIMITS " + limits};
  return rig.domain("d.example", 1, options);
}

std::vector<std::size_t> recipients_each(const RemoteMta& host) {
  std::vector<std::size_t> out;
  for (const auto& message : host.taken()) out.push_back(message.recipients.size());
  return out;
}

const std::vector<std::string> five{"a@d.example", "b@d.example", "c@d.example", "d@d.example", "e@d.example"};

TEST(Limits, RcptMaxMakesSeveralTransactions) {
  DeliveryRig rig;
  const auto& host = host_with_limits(rig, "RCPTMAX=2");
  for (const auto& result : rig.attempt(rig.put(five))) EXPECT_EQ(shown(result), "delivered");
  EXPECT_THAT(recipients_each(host), ElementsAre(2, 2, 1));
  EXPECT_THAT(host.taken()[1].recipients, ElementsAre("c@d.example", "d@d.example"));
  EXPECT_EQ(host.counts().sessions, 1u);
  EXPECT_THAT(host.complaints(), IsEmpty());
}

TEST(Limits, MailMaxEndsTheConnection) {
  DeliveryRig rig;
  const auto& host = host_with_limits(rig, "RCPTMAX=2 MAILMAX=2");
  for (const auto& result : rig.attempt(rig.put(five))) EXPECT_EQ(shown(result), "delivered");
  EXPECT_THAT(recipients_each(host), ElementsAre(2, 2, 1));
  EXPECT_EQ(host.counts().sessions, 2u);
  EXPECT_EQ(shown(rig.one("f@d.example")), "delivered");
  EXPECT_EQ(host.counts().sessions, 2u) << "it had room for one more";
  EXPECT_EQ(rig.pool->idle_count(), 0u) << "and has none now";
  EXPECT_EQ(shown(rig.one("g@d.example")), "delivered");
  EXPECT_EQ(host.counts().sessions, 3u);
}

TEST(Limits, ThoseThatAreRefusedAreDecidedEachInItsTransaction) {
  DeliveryRig rig;
  auto& host = host_with_limits(rig, "RCPTMAX=1 MAILMAX=2");
  host.behave([](RemoteStage at, std::string_view argument, Prng&) -> std::optional<RemoteStep> {
    if (at != rcpt) return std::nullopt;
    if (argument.find("<b@") != argument.npos) return RemoteStep{.reply = "550 5.1.1 no such user"};
    if (argument.find("<c@") != argument.npos) return RemoteStep{.reply = "450 4.2.1 busy"};
    return std::nullopt;
  });
  const auto results = rig.attempt(rig.put(five));
  EXPECT_EQ(shown(results[0]), "delivered");
  EXPECT_EQ(shown(results[1]), "failed recipient_refused 5.1.1");
  EXPECT_EQ(shown(results[2]), "deferred recipient_deferred 4.2.1");
  EXPECT_EQ(shown(results[3]), "delivered");
  EXPECT_EQ(shown(results[4]), "delivered");
  EXPECT_EQ(host.counts().sessions, 3u);
}

TEST(Limits, AHostThatBreaksOffIsNotAskedAgainForEachOfTheRest) {
  DeliveryRig rig;
  auto& host = host_with_limits(rig, "RCPTMAX=2");
  host.behave([mails = 0](RemoteStage at, std::string_view, Prng&) mutable -> std::optional<RemoteStep> {
    if (at != mail || ++mails < 2) return std::nullopt;
    return RemoteStep{.reply = "", .delay = {}, .then = Then::close};
  });
  const auto results = rig.attempt(rig.put(five));
  EXPECT_EQ(shown(results[0]), "delivered");
  EXPECT_EQ(shown(results[1]), "delivered");
  for (std::size_t i = 2; i < 5; ++i) EXPECT_EQ(shown(results[i]), "deferred connection_lost 4.4.2");
  EXPECT_EQ(host.counts().sessions, 1u);
}

TEST(Limits, DomainsOfASession) {
  DeliveryRig rig;
  const auto& host = host_with_limits(rig, "RCPTDOMAINMAX=1");
  rig.settings.smarthost = delivery::Smarthost{"mx1.d.example", 25};
  const auto results = rig.attempt(rig.put({"a@x.example", "b@y.example", "c@X.example"}), "smarthost");
  for (const auto& result : results) EXPECT_EQ(shown(result), "delivered");
  ASSERT_THAT(recipients_each(host), ElementsAre(2, 1));
  EXPECT_THAT(host.taken()[0].recipients, ElementsAre("a@x.example", "c@x.example"));
  EXPECT_EQ(host.counts().sessions, 2u);
  // The connection that is left may have the domain that it had, and no other.
  EXPECT_EQ(shown(rig.attempt(rig.put({"d@y.example"}), "smarthost").at(0)), "delivered");
  EXPECT_EQ(host.counts().sessions, 2u);
  EXPECT_EQ(shown(rig.attempt(rig.put({"d@x.example"}), "smarthost").at(0)), "delivered");
  EXPECT_EQ(host.counts().sessions, 3u);
}

// ---- what the next hop cannot take

// [rfc2852 4.1.4]
TEST(DeliverBy, IsPassedOnWithTheTimeThatIsLeft) {
  DeliveryRig rig;
  RemoteOptions options;
  options.also = {"DELIVERBY 30", "MT-PRIORITY MIXER"};
  auto& host = rig.domain("d.example", 1, options);
  auto& envelope = rig.put({"bob@d.example"});
  envelope.by = queue::By::give_back;
  envelope.by_trace = true;
  envelope.deliver_by = rig.us->wall() + seconds(100);
  envelope.priority = -3;
  rig.world.run_for(seconds(20));
  const auto result = rig.attempt(envelope).at(0);
  EXPECT_EQ(shown(result), "delivered");
  EXPECT_TRUE(result.tell_relayed) << "it is to be traced";
  EXPECT_THAT(host.taken().at(0).mail_line, testing::ContainsRegex(" BY=(79|80);RT MT-PRIORITY=-3"));
}

TEST(DeliverBy, GoesBackWhereNobodyPromisesIt) {
  for (const char* offer : {"X-NOTHING", "DELIVERBY 240"}) {
    DeliveryRig rig;
    RemoteOptions options;
    options.also = {offer};
    auto& host = rig.domain("d.example", 1, options);
    auto& envelope = rig.put({"bob@d.example"});
    envelope.by = queue::By::give_back;
    envelope.deliver_by = rig.us->wall() + seconds(100);
    EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "failed needs_deliverby 5.3.3");
    EXPECT_EQ(host.counts().transactions, 0u);
  }
}

TEST(DeliverBy, AHostWithoutItIsAskedToTellOfDelays) {
  struct Case {
    std::uint8_t notify;
    const char* sent;
  };
  for (const Case c : {Case{queue::notify_unset, " NOTIFY=FAILURE,DELAY"},
                       {queue::notify_success, " NOTIFY=SUCCESS,DELAY"},
                       {queue::notify_never, " NOTIFY=NEVER"}}) {
    DeliveryRig rig;
    auto& host = rig.domain("d.example", 1);
    auto& envelope = rig.put({"bob@d.example"});
    envelope.by = queue::By::notify;
    envelope.deliver_by = rig.us->wall() + hours(1);
    envelope.recipients[0].notify = c.notify;
    const auto result = rig.attempt(envelope).at(0);
    EXPECT_EQ(shown(result), "delivered");
    EXPECT_TRUE(result.tell_relayed);
    EXPECT_THAT(host.taken().at(0).mail_line, Not(HasSubstr("BY=")));
    EXPECT_THAT(host.taken()[0].rcpt_lines.at(0), testing::EndsWith(c.sent));
  }
}

TEST(Binary, EveryOctetArrives) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1);
  const std::string body("MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\n\r\n\n\r\0\xff.\r\n.\r\nx\r", 68);
  auto& envelope = rig.put({"bob@d.example"}, body);
  envelope.body = queue::Body::binary;
  envelope.body_8bit = true;
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "delivered");
  EXPECT_EQ(host.taken().at(0).octets, body);
  EXPECT_THAT(host.taken()[0].mail_line, HasSubstr(" BODY=BINARYMIME"));
}

struct Lack {
  const char* what;
  std::function<void(RemoteOptions&)> host;
  std::function<void(queue::Envelope&)> message;
  const char* result;
};

TEST(Lacks, TheMessageIsReturnedUnlessAnotherHostCan) {
  const Lack lacks[] = {
      {"8-bit body", [](RemoteOptions& o) { o.eight_bit_mime = false; },
       [](queue::Envelope& e) { e.body_8bit = true, e.body = queue::Body::eight_bit; }, "failed needs_8bitmime 5.6.3"},
      {"UTF-8 address", [](RemoteOptions& o) { o.smtputf8 = false; },
       [](queue::Envelope& e) { e.smtputf8 = true, e.sender = "\xC3\xA4@home.example"; },
       "failed needs_smtputf8_address 5.6.7"},
      {"UTF-8 header", [](RemoteOptions& o) { o.smtputf8 = false; },
       [](queue::Envelope& e) { e.smtputf8 = e.header_utf8 = true; }, "failed needs_smtputf8_header 5.6.9"},
      {"binary", [](RemoteOptions& o) { o.binarymime = false; },
       [](queue::Envelope& e) { e.body_8bit = true, e.body = queue::Body::binary; }, "failed needs_binarymime 5.6.3"},
      {"size", [](RemoteOptions& o) { o.size_max = 10; }, [](queue::Envelope&) {}, "failed too_big 5.3.4"},
  };
  for (const auto& lack : lacks) {
    DeliveryRig rig;
    RemoteOptions options;
    lack.host(options);
    auto& host = rig.domain("d.example", 1, options);
    auto& envelope = rig.put({"bob@d.example"});
    lack.message(envelope);
    EXPECT_EQ(shown(rig.attempt(envelope).at(0)), lack.result) << lack.what;
    EXPECT_THAT(host.taken(), IsEmpty());
    EXPECT_EQ(host.counts().transactions, 0u) << "nothing is sent";
    // Another host of the domain can.
    rig.world.zone().mx("d.example", 20, "mx2.d.example");
    auto& second = rig.host("mx2.d.example", 2);
    auto& again = rig.put({"bob@d.example"});
    lack.message(again);
    EXPECT_EQ(shown(rig.attempt(again).at(0)), "delivered") << lack.what;
    EXPECT_EQ(second.taken().size(), 1u) << lack.what;
    // The first host's connection is still good for others.
    EXPECT_EQ(shown(rig.attempt(rig.put({"c@d.example"}, "A: b\r\n\r\n")).at(0)), "delivered");
  }
}

TEST(Lacks, AHostThatIsDownKeepsTheMessageWaiting) {
  DeliveryRig rig;
  RemoteOptions options;
  options.eight_bit_mime = false;
  rig.domain("d.example", 1, options);
  rig.world.zone().mx("d.example", 20, "mx2.d.example");
  rig.host("mx2.d.example", 2, {}, always(greeting, "421 later", Then::close));
  auto& envelope = rig.put({"bob@d.example"});
  envelope.body_8bit = true;
  EXPECT_EQ(shown(rig.attempt(envelope).at(0)), "deferred host_deferred 4.3.2");
}

// ---- TLS

RemoteOptions with_tls(std::string extra = "") {
  RemoteOptions options;
  options.certificate = "world:mx1.d.example" + extra;
  return options;
}

TEST(Tls, IsUsedWhereItIsOffered) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, with_tls());
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_TRUE(host.taken().at(0).tls);
}

TEST(Tls, AHandshakeThatFailsFallsBackToClearOnANewConnection) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, with_tls(";broken"));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_FALSE(host.taken().at(0).tls);
  EXPECT_EQ(host.counts().sessions, 2u);
}

TEST(Tls, StarttlsRefusedGoesOnInClear) {
  DeliveryRig rig;
  auto& host = rig.domain("d.example", 1, with_tls(), always(starttls, "454 4.7.0 not now"));
  EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
  EXPECT_FALSE(host.taken().at(0).tls);
}

TEST(Tls, WhereItIsRequiredNothingGoesInClear) {
  struct Way {
    RemoteOptions options;
    RemoteMta::Behaviour behaviour;
    const char* result;
  };
  const Way ways[] = {{with_tls(";broken"), {}, "deferred tls_failed 4.7.5"},
                      {with_tls(), always(starttls, "454 4.7.0 not now"), "deferred tls_failed 4.7.0"},
                      {{}, {}, "deferred tls_failed 4.7.4"}};
  for (const auto& way : ways) {
    DeliveryRig rig;
    rig.settings.client.tls = smtp::TlsUse::required;
    auto& host = rig.domain("d.example", 1, way.options, way.behaviour);
    EXPECT_EQ(shown(rig.one("bob@d.example")), way.result);
    EXPECT_EQ(host.counts().transactions, 0u);
    rig.world.zone().mx("d.example", 20, "mx2.d.example");
    RemoteOptions good;
    good.certificate = "world:mx2.d.example";
    auto& second = rig.host("mx2.d.example", 2, good);
    EXPECT_EQ(shown(rig.one("bob@d.example")), "delivered");
    EXPECT_TRUE(second.taken().at(0).tls);
  }
}

TEST(Tls, VerifiedWantsTheNameAndAGoodChain) {
  for (const char* extra : {";expired", ";untrusted"}) {
    DeliveryRig rig;
    rig.settings.client.tls = smtp::TlsUse::required;
    rig.settings.tls_least = transport::Level::verified;
    auto& host = rig.domain("d.example", 1, with_tls(extra));
    EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred tls_failed 4.7.5") << extra;
    EXPECT_EQ(host.counts().transactions, 0u);
  }
  DeliveryRig rig;
  rig.settings.client.tls = smtp::TlsUse::required;
  rig.settings.tls_least = transport::Level::verified;
  RemoteOptions other;
  other.certificate = "world:other.example";
  rig.domain("d.example", 1, other);
  EXPECT_EQ(shown(rig.one("bob@d.example")), "deferred tls_failed 4.7.5");
  rig.domain("e.example", 2, [] {
    RemoteOptions good;
    good.certificate = "world:mx1.e.example";
    return good;
  }());
  EXPECT_EQ(shown(rig.one("bob@e.example")), "delivered");
}

}  // namespace
}  // namespace postil::test
