// Connections: who gets a session, how it ends, and what happens when the server stops.
#include "rig.hpp"

namespace postil::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

std::optional<ReceiptId> receipt_in(const std::string& reply) {
  const auto open = reply.rfind('(');
  return open == reply.npos ? std::nullopt : parse_receipt_id(reply.substr(open + 1, 15));
}

TEST(Sessions, LimitPerAddress) {
  ServerRig rig;
  rig.limits.sessions_per_address_max = 2;
  rig.limits.unlimited_from = {*address::Network::parse("198.51.100.99")};
  rig.start();
  auto one = rig.ready(), two = rig.ready();
  auto three = rig.connect();
  const std::string reply = three->reply();
  EXPECT_THAT(reply, StartsWith("421 mx.example.org has too many connections from 198.51.100.7"));
  EXPECT_EQ(three->reply(), "");
  EXPECT_TRUE(three->closed());
  // The refusal's id leads to its record.
  const auto id = receipt_in(reply);
  ASSERT_TRUE(id) << reply;
  const auto trace = rig.trace(*id);
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_THAT(trace[0], HasSubstr("\"key\":\"too_many_sessions_from\""));
  EXPECT_THAT(trace[0], HasSubstr("\"stage\":\"connect\""));
  // Others are not concerned, and a place that is given back is free.
  auto other = rig.ready("198.51.100.8");
  std::vector<std::unique_ptr<WorldPeer>> unlimited;
  for (int i = 0; i < 5; ++i) unlimited.push_back(rig.ready("198.51.100.99"));
  one->say("QUIT");
  rig.world.run_for(seconds(1));
  auto again = rig.ready();
}

TEST(Sessions, LimitInAll) {
  ServerRig rig;
  rig.limits.sessions_max = 2;
  rig.start();
  auto one = rig.ready("198.51.100.1"), two = rig.ready("198.51.100.2");
  auto three = rig.connect("198.51.100.3");
  EXPECT_THAT(three->reply(), StartsWith("421 mx.example.org has too many connections, try again later"));
  two->hang_up();
  EXPECT_EQ(rig.registry->sessions(), 1u);
  auto again = rig.ready("198.51.100.3");
  EXPECT_EQ(rig.events.count(event::Name::session_refused), 1);
}

TEST(Sessions, OverTheLimitWhereTlsComesFirst) {
  ServerRig rig;
  rig.certificate = "world:mx.example.org";
  rig.settings.implicit_tls = true;
  rig.limits.sessions_per_address_max = 1;
  rig.start();
  auto one = rig.connect();
  ASSERT_TRUE(one->start_tls());
  EXPECT_THAT(one->reply(), StartsWith("220 "));
  // Instead of a word that nobody could read: an alert, once the ClientHello has come.
  const std::string alert("\x15\x03\x01\x00\x02\x02\x50", 7);
  auto two = rig.connect();
  two->send("\x16\x03\x01");
  EXPECT_EQ(two->rest(), alert);
  EXPECT_TRUE(two->closed());
  // A client that says nothing is not waited for longer than two seconds.
  auto three = rig.connect();
  rig.world.run_for(seconds(3));
  EXPECT_EQ(three->rest(), alert);
  EXPECT_TRUE(three->closed());
  EXPECT_EQ(rig.events.count(event::Name::session_refused), 2);
  // On record, and the second time counted.
  const auto& told = std::ranges::find(rig.events.all, event::Name::command_refused, &event::Event::name)->fields;
  const auto receipt = std::ranges::find(told, "receipt", &event::Field::key);
  ASSERT_NE(receipt, told.end());
  const auto id = parse_receipt_id(std::get<std::string>(receipt->value));
  ASSERT_TRUE(id);
  const auto repeats = rig.world.run(*rig.us, rig.history.repeats_of(*id));
  ASSERT_TRUE(repeats);
  EXPECT_EQ(repeats->count, 2u);
}

TEST(Sessions, LimitsChangeWhileRunning) {
  ServerRig rig;
  rig.start();
  auto one = rig.ready(), two = rig.ready();
  rig.registry->set_limits({1000, 2, {}});
  EXPECT_THAT(rig.connect()->reply(), StartsWith("421"));
  EXPECT_THAT(one->say("NOOP"), StartsWith("250")) << "who is in stays in";
}

// "Try again later" would be untrue of a host that never takes mail.
TEST(Sessions, ANullHostOverItsLimitsSaysSo) {
  ServerRig rig;
  rig.settings.job = smtp::Job::null_host;
  rig.settings.contact = "https://example.org/contact";
  rig.limits.sessions_per_address_max = 1;
  rig.start();
  auto one = rig.connect();
  EXPECT_THAT(one->reply(), StartsWith("521 "));
  auto two = rig.connect();
  EXPECT_EQ(two->reply(), "521 mx.example.org does not accept mail; contact https://example.org/contact\r\n");
  EXPECT_EQ(two->reply(), "");
  EXPECT_TRUE(two->closed());
  EXPECT_THAT(one->say("NOOP"), StartsWith("521 5.3.2"));
}

TEST(Sessions, ARelayIsForItsNetworks) {
  ServerRig rig;
  rig.settings.receipt_url = "https://mx.example.org/r/";
  rig.networks = {*address::Network::parse("198.51.100.0/24"), *address::Network::parse("2001:db8::/32")};
  rig.start();
  auto stranger = rig.connect("203.0.113.5");
  const std::string reply = stranger->reply();
  EXPECT_THAT(reply,
              StartsWith("554-mx.example.org relays for known networks only, and 203.0.113.5 is in none of them"));
  EXPECT_THAT(reply, HasSubstr("\r\n554 https://mx.example.org/r/"));
  // It is heard out [rfc5321 3.1].
  EXPECT_THAT(stranger->say("EHLO stranger.example"), StartsWith("503-this session can only QUIT"));
  EXPECT_THAT(stranger->say("MAIL FROM:<a@example.net>"), StartsWith("503-5.5.1 this session can only QUIT"));
  EXPECT_THAT(stranger->say("QUIT"), StartsWith("221 "));
  EXPECT_TRUE((stranger->reply(), stranger->closed()));
  EXPECT_EQ(rig.registry->sessions(), 0u);
  auto friendly = rig.ready("198.51.100.200");
}

// Octets that are there when the server accepts were sent without a look at the greeting: [rfc5321 4.3.1].
TEST(Sessions, AnEarlyTalkerIsTurnedAway) {
  ServerRig rig;
  rig.listen();
  auto client = rig.connect();
  client->send("EHLO spam.example\r\nMAIL FROM:<x@spam.example>\r\n");
  rig.world.run_for(seconds(1));
  rig.accept();
  const std::string reply = client->reply();
  EXPECT_THAT(reply, StartsWith("554 mx.example.org saw commands before its greeting")) << "[rfc2034 4]: no 5.5.1";
  EXPECT_EQ(client->reply(), "") << "none of its commands is answered";
  EXPECT_TRUE(client->closed());
  const auto id = receipt_in(reply);
  ASSERT_TRUE(id) << reply;
  const auto trace = rig.trace(*id);
  ASSERT_EQ(trace.size(), 1u);
  EXPECT_THAT(trace[0], HasSubstr("\"key\":\"talks_early\""));
}

// What comes while the greeting is on its way cannot be told from what was sent after it.
TEST(Sessions, AClientWhoseCommandsCrossTheGreetingIsServed) {
  ServerRig rig;
  rig.start();
  auto client = rig.connect();
  client->send("EHLO client.example\r\n");
  EXPECT_THAT(client->reply(), StartsWith("220 mx.example.org"));
  EXPECT_THAT(client->reply(), StartsWith("250-mx.example.org greets client.example"));
}

TEST(Sessions, AClientThatReadsNoRepliesEnds) {
  ServerRig rig;
  rig.settings.command_timeout = minutes(5);
  rig.start();
  auto node = rig.world.start("deaf", {"198.51.100.67"});
  auto flood = [](std::shared_ptr<Node> from, std::uint64_t* written) -> env::Awaitable<void> {
    env::Endpoint to{"192.0.2.1", 25};
    auto stream = co_await from->network().connect(std::move(to), "", from->clock().now() + seconds(30));
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "NOOP\r\n";
    for (;;) {
      const auto sent = co_await (*stream)->write(text, from->clock().now() + hours(2));
      if (!sent) break;
      *written += text.size();
    }
  };
  std::uint64_t written = 0;
  node->spawn(flood(node, &written));
  rig.world.run_for(seconds(30));
  EXPECT_EQ(rig.registry->sessions(), 1u);
  const std::uint64_t taken = written;
  rig.world.run_for(minutes(2));
  EXPECT_EQ(written, taken) << "the server stops reading";
  rig.world.run_for(minutes(5));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Sessions, IdleOnesAreClosed) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  rig.world.run_for(minutes(5) + seconds(1));
  EXPECT_THAT(client->reply(), StartsWith("421 4.4.2"));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Sessions, ADripOfOctetsEnds) {
  ServerRig rig;
  rig.settings.message_duration_max = minutes(10);
  rig.start();
  auto client = rig.ready();
  client->say("MAIL FROM:<s@example.org>");
  client->say("RCPT TO:<a@example.net>");
  client->say("DATA");
  for (int i = 0; i < 200 && rig.registry->sessions() > 0; ++i) {
    client->send("x");
    rig.world.run_for(seconds(10));
  }
  EXPECT_EQ(rig.registry->sessions(), 0u);
  EXPECT_THAT(rig.store.messages, IsEmpty());
}

// ---- the server stops

TEST(Stop, WhoIsIdleIsTold) {
  ServerRig rig;
  rig.start();
  auto idle = rig.ready();
  auto in_transaction = rig.ready();
  in_transaction->say("MAIL FROM:<s@example.org>");
  in_transaction->say("RCPT TO:<a@example.net>");
  auto half_a_command = rig.ready();
  half_a_command->send("NOO");
  rig.world.run_for(seconds(1));
  rig.acceptor->stop();
  rig.registry->stop();
  for (auto* client : {idle.get(), in_transaction.get(), half_a_command.get()}) {
    EXPECT_THAT(client->reply(), StartsWith("421 4.3.2 mx.example.org is shutting down"));
    EXPECT_EQ(client->reply(), "");
    EXPECT_TRUE(client->closed());
  }
  EXPECT_EQ(rig.registry->sessions(), 0u);
  EXPECT_TRUE(rig.connect()->closed()) << "nobody listens";
}

TEST(Stop, AMessageThatIsComingInIsTaken) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  client->say("MAIL FROM:<s@example.org>");
  client->say("RCPT TO:<a@example.net>");
  EXPECT_THAT(client->say("DATA"), StartsWith("354"));
  client->send("Subject: x\r\n\r\n");
  rig.world.run_for(seconds(1));
  rig.registry->stop();
  rig.world.run_for(seconds(10));
  EXPECT_EQ(rig.registry->sessions(), 1u);
  EXPECT_THAT(client->say("text\r\n."), StartsWith("250 2.0.0 queued"));
  EXPECT_THAT(client->reply(), StartsWith("421 4.3.2"));
  EXPECT_EQ(rig.store.messages.size(), 1u);
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Stop, OctetsThatCrossTheFarewell) {
  // The client speaks in the very moment in which it is told; nothing may go wrong, whatever comes first.
  for (int milli = 0; milli < 60; milli += 3) {
    ServerRig rig;
    rig.start();
    auto client = rig.ready();
    client->send("MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\nRCPT TO:<b@example.net>\r\n");
    rig.world.run_for(milliseconds(milli));
    rig.registry->stop();
    std::string all;
    for (std::string reply; !(reply = client->reply()).empty();) all = reply;
    EXPECT_THAT(all, StartsWith("421 4.3.2")) << milli;
    EXPECT_EQ(rig.registry->sessions(), 0u) << milli;
  }
}

TEST(Stop, AClientThatReadsNothingIsNotWaitedForLong) {
  ServerRig rig;
  rig.start();
  auto client = rig.ready();
  client->reset();
  auto other = rig.ready();
  rig.registry->stop();
  rig.world.run_for(seconds(10));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Stop, AHandshakeOfImplicitTlsIsGivenUp) {
  ServerRig rig;
  rig.certificate = "world:mx.example.org";
  rig.settings.implicit_tls = true;
  rig.start();
  auto client = rig.connect();
  rig.world.run_for(seconds(1));
  EXPECT_EQ(rig.registry->sessions(), 1u);
  rig.registry->stop();
  rig.world.run_for(seconds(1));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Tls, OverTlsFromTheBeginningAndByStarttls) {
  ServerRig rig;
  rig.certificate = "world:mx.example.org";
  rig.settings.starttls = rig.settings.require_tls = true;
  rig.start();
  auto client = rig.ready();
  EXPECT_THAT(client->say("MAIL FROM:<s@example.org>"), StartsWith("530 5.7.0"));
  EXPECT_THAT(client->say("STARTTLS"), StartsWith("220 2.0.0"));
  ASSERT_TRUE(client->start_tls());
  EXPECT_THAT(client->say("EHLO client.example"), StartsWith("250"));
  EXPECT_THAT(client->say("MAIL FROM:<s@example.org>"), StartsWith("250"));

  ServerRig implicit;
  implicit.certificate = "world:mx.example.org";
  implicit.settings.implicit_tls = true;
  implicit.start();
  auto secure = implicit.connect();
  ASSERT_TRUE(secure->start_tls());
  EXPECT_THAT(secure->reply(), StartsWith("220 "));
}

// ---- behind a proxy ------------------------------------------------------------------------------------------

TEST(Proxied, TheHeadersClientCounts) {
  ServerRig rig;
  rig.proxies = {*address::Network::parse("10.0.0.0/24")};
  rig.networks = {*address::Network::parse("198.51.100.0/24")};
  rig.limits.sessions_per_address_max = 2;
  rig.start();
  std::vector<std::unique_ptr<WorldPeer>> open;
  const auto connect = [&](const std::string& header) {
    auto peer = rig.connect("10.0.0.1");
    peer->send(header);
    return peer;
  };
  const std::string header = "PROXY TCP4 198.51.100.7 192.0.2.1 50000 25\r\n";
  for (int i = 0; i < 2; ++i) {
    auto peer = connect(header);
    EXPECT_THAT(peer->reply(), StartsWith("220 ")) << "the proxy's own address is in no network, and has no limit";
    open.push_back(std::move(peer));
  }
  EXPECT_THAT(connect(header)->reply(), StartsWith("421 mx.example.org has too many connections from 198.51.100.7"));
  EXPECT_THAT(connect("PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n")->reply(),
              StartsWith("554 mx.example.org relays for known networks only, and 2001:db8::1 is in none of them"));
  const std::string second(
      "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0f\xc6\x33\x64\x09\xc0\x00\x02\x01\x00\x01\x00\x19\x04\x00\x00", 31);
  auto other = connect(second);
  EXPECT_THAT(other->reply(), StartsWith("220 "));
  // Its own rules, limits and Received.
  EXPECT_THAT(other->say("EHLO client.example"), StartsWith("250"));
  EXPECT_THAT(other->say("MAIL FROM:<a@example.org>"), StartsWith("250"));
  EXPECT_THAT(other->say("RCPT TO:<b@example.net>"), StartsWith("250"));
  EXPECT_THAT(other->say("DATA"), StartsWith("354"));
  EXPECT_THAT(other->say("\r\nx\r\n."), StartsWith("250"));
  ASSERT_EQ(rig.intake.envelopes.size(), 1u);
  EXPECT_EQ(rig.intake.envelopes[0].client, "198.51.100.9");
  EXPECT_EQ(rig.events.count(event::Name::session_client), 5);
  EXPECT_EQ(rig.registry->sessions(), 3u);
  open.clear();
  other.reset();
  rig.world.run_for(seconds(2));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Proxied, WithoutAHeaderThereIsNoSession) {
  ServerRig rig;
  rig.proxies = {*address::Network::parse("10.0.0.1")};
  rig.start();
  // Another peer gets nothing, whatever it says; nor a proxy that says something else, or nothing.
  auto stranger = rig.connect("198.51.100.7");
  stranger->send("PROXY TCP4 198.51.100.9 192.0.2.1 50000 25\r\n");
  EXPECT_EQ(stranger->reply(), "");
  EXPECT_TRUE(stranger->closed());
  auto wrong = rig.connect("10.0.0.1");
  wrong->send("EHLO client.example\r\n");
  EXPECT_EQ(wrong->reply(), "");
  EXPECT_TRUE(wrong->closed());
  auto slow = rig.connect("10.0.0.1");
  slow->send("PROXY TCP4 198.5");
  rig.world.run_for(seconds(4));
  EXPECT_EQ(rig.registry->sessions(), 1u);
  slow->send("1");
  rig.world.run_for(seconds(2));
  EXPECT_EQ(slow->reply(), "");
  EXPECT_TRUE(slow->closed());
  EXPECT_EQ(rig.registry->sessions(), 0u);
  EXPECT_EQ(rig.events.count(event::Name::session_refused), 3);
  EXPECT_EQ(rig.events.count(event::Name::session_opened), 0);
  // A check of the proxy's own is answered as the proxy.
  auto check = rig.connect("10.0.0.1");
  check->send("PROXY UNKNOWN\r\n");
  EXPECT_THAT(check->reply(), StartsWith("220 "));
  check->say("QUIT");
}

TEST(Proxied, TlsAndEarlyTalkersBehindTheHeader) {
  ServerRig rig;
  rig.proxies = {*address::Network::parse("10.0.0.1")};
  rig.certificate = "world:mx.example.org";
  rig.settings.implicit_tls = true;
  rig.start();
  auto peer = rig.connect("10.0.0.1");
  peer->send("PROXY TCP4 198.51.100.7 192.0.2.1 50000 465\r\n");
  ASSERT_TRUE(peer->start_tls());
  EXPECT_THAT(peer->reply(), StartsWith("220 "));

  ServerRig plain;
  plain.proxies = rig.proxies;
  plain.start();
  auto early = plain.connect("10.0.0.1");
  early->send("PROXY TCP4 198.51.100.7 192.0.2.1 50000 25\r\nEHLO spam.example\r\n");
  EXPECT_THAT(early->reply(), StartsWith("554 mx.example.org saw commands before its greeting"));
}

TEST(Proxied, AStopDoesNotWaitForAHeader) {
  ServerRig rig;
  rig.proxies = {*address::Network::parse("10.0.0.1")};
  rig.start();
  auto silent = rig.connect("10.0.0.1");
  rig.world.run_for(seconds(1));
  EXPECT_EQ(rig.registry->sessions(), 1u);
  rig.registry->stop();
  rig.world.run_for(milliseconds(100));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

TEST(Xclient, TheAddressCountsFromThenOn) {
  ServerRig rig;
  rig.settings.xclient_from = {*address::Network::parse("10.0.0.1")};
  rig.networks = {*address::Network::parse("198.51.100.0/24"), *address::Network::parse("10.0.0.0/24")};
  rig.limits.sessions_per_address_max = 1;
  rig.start();
  auto client = rig.ready("198.51.100.7");
  EXPECT_THAT(client->say("XCLIENT ADDR=198.51.100.8"), StartsWith("550 5.7.0"));
  auto proxy = rig.ready("10.0.0.1");
  EXPECT_THAT(proxy->say("XCLIENT ADDR=198.51.100.7"), StartsWith("421 mx.example.org has too many connections from"));
  EXPECT_TRUE((proxy->reply(), proxy->closed()));
  proxy = rig.ready("10.0.0.1");
  EXPECT_THAT(proxy->say("XCLIENT ADDR=198.51.100.8"), StartsWith("220 "));
  auto again = rig.ready("10.0.0.1");
  EXPECT_THAT(rig.connect("198.51.100.8")->reply(), StartsWith("421 "));
  EXPECT_THAT(again->say("XCLIENT ADDR=203.0.113.5"), StartsWith("554 mx.example.org relays for known networks only"));
  EXPECT_TRUE((again->reply(), again->closed()));
  EXPECT_THAT(proxy->say("EHLO client.example"), StartsWith("250"));
  EXPECT_THAT(proxy->say("MAIL FROM:<a@example.org>"), StartsWith("250"));
  EXPECT_THAT(proxy->say("RCPT TO:<b@example.net>"), StartsWith("250"));
  EXPECT_THAT(proxy->say("DATA"), StartsWith("354"));
  EXPECT_THAT(proxy->say("\r\nx\r\n."), StartsWith("250"));
  ASSERT_EQ(rig.intake.envelopes.size(), 1u);
  EXPECT_EQ(rig.intake.envelopes[0].client, "198.51.100.8");
  proxy->say("QUIT");
  client->say("QUIT");
  rig.world.run_for(seconds(1));
  EXPECT_EQ(rig.registry->sessions(), 0u);
}

}  // namespace
}  // namespace postil::test
