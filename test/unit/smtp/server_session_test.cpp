// What dialogues do not show: what the session asks of its driver, tells and keeps.
#include "smtp/server_session.hpp"

#include <gmock/gmock.h>
#include <malloc.h>

#include "crypto/base64.hpp"
#include "sasl/client.hpp"
#include "server_script.hpp"

namespace postil::test {
namespace {

using reply::TextId;
using testing::HasSubstr;
using testing::Not;

using Settings = std::map<std::string, std::string>;
const Settings relay{{"job", "relay"}};
const Settings submission{{"implicit_tls", "yes"}};
constexpr auto alice_plain = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==";

std::vector<std::string> addresses(const StoredMessage& message) {
  std::vector<std::string> list;
  for (const auto& recipient : message.envelope.recipients) list.push_back(recipient.address);
  return list;
}

TEST(ServerSession, RecipientsOnceEach) {
  ServerScript(relay)
      .transaction()
      .line("RCPT TO:<b@EXAMPLE.NET>")
      .reply("250")
      .line("RCPT TO:<B@example.net>")
      .reply("250")
      .line("RCPT TO:<team@example.org>")
      .reply("250")
      .line("RCPT TO:<bob@example.org>")
      .reply("250")
      .line("RCPT TO:<Postmaster>")
      .reply("250")
      .message(".\r\n")
      .reply("250")
      .run([](BareServer& server) {
        ASSERT_EQ(server.policy().stored().size(), 1u);
        EXPECT_THAT(addresses(server.policy().stored()[0]),
                    testing::ElementsAre("b@example.net", "B@example.net", "alice@example.org", "bob@example.org",
                                         "postmaster@example.org"));
      });
}

TEST(ServerSession, EnvelopeIsWhatWasSaid) {
  ServerScript(submission)
      .line("EHLO c.example")
      .reply("250")
      .line(alice_plain)
      .reply("235")
      .line("MAIL FROM:<alice@example.org> BODY=8BITMIME RET=FULL ENVID=Q1 AUTH=<>")
      .reply("250")
      .line("RCPT TO:<b@example.net> NOTIFY=SUCCESS ORCPT=rfc822;x@example.net")
      .reply("250")
      .message("Content-Language: de\r\nTLS-Required:  no\r\nSubject: \xc3\xa4\r\n\r\nbody \xc3\xa4\r\n.\r\n")
      .reply("250")
      .run([](BareServer& server) {
        ASSERT_EQ(server.policy().stored().size(), 1u);
        const auto& envelope = server.policy().stored()[0].envelope;
        EXPECT_EQ(envelope.login, "alice@example.org");
        EXPECT_EQ(envelope.mail.sender.address, "alice@example.org");
        EXPECT_EQ(envelope.mail.envid, "Q1");
        EXPECT_EQ(envelope.mail.ret, smtp::Ret::full);
        EXPECT_EQ(envelope.mail.body, smtp::BodyType::eight_bit);
        EXPECT_EQ(envelope.mail.auth, "<>");
        EXPECT_EQ(envelope.recipients[0].notify, 2);
        EXPECT_EQ(envelope.recipients[0].orcpt, "rfc822;x@example.net");
        EXPECT_TRUE(envelope.body_8bit);
        EXPECT_TRUE(envelope.header_utf8);
        EXPECT_EQ(envelope.language, "de");
        EXPECT_TRUE(envelope.tls_optional);
        EXPECT_FALSE(envelope.mail.requiretls);
        EXPECT_EQ(envelope.id, MessageId{1});
      });
}

TEST(ServerSession, AuthOfStrangersIsNothing) {
  ServerScript(relay)
      .line("EHLO c.example")
      .reply("250")
      .line("MAIL FROM:<a@example.org> AUTH=boss@example.org")
      .reply("250")
      .line("RCPT TO:<b@example.net>")
      .reply("250")
      .message(".\r\n")
      .reply("250")
      .run([](BareServer& server) { EXPECT_EQ(server.policy().stored()[0].envelope.mail.auth, "<>"); });
}

TEST(ServerSession, BigMessagesStreamThrough) {
  std::string body = "Subject: big\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) body += "line " + std::to_string(i) + "\r\n";
  ServerScript(relay).transaction().message(body + ".\r\n").reply("250").run([&](BareServer& server) {
    ASSERT_EQ(server.policy().stored().size(), 1u);
    const auto& octets = server.policy().stored()[0].octets;
    EXPECT_TRUE(octets.ends_with(body));
    EXPECT_THAT(octets.substr(0, octets.size() - body.size()), HasSubstr("Received: from c.example"));
  });
}

TEST(ServerSession, RefusedMessagesAreAbortedOnce) {
  ServerScript(relay)
      .transaction()
      .message("x\ny\r\n.\r\n")
      .reply("550", "5.6.0")
      .line("MAIL FROM:<disk-commit@example.org>")
      .reply("250")
      .line("RCPT TO:<b@example.net>")
      .reply("250")
      .message("x: y\r\n.\r\n")
      .reply("451", "4.3.0")
      .line("MAIL FROM:<a@example.org>")
      .reply("250")
      .line("RCPT TO:<b@example.net>")
      .reply("250")
      .octets("BDAT 4\r\nx: y")
      .reply("250")
      .line("RSET")
      .reply("250")
      .run([](BareServer& server) {
        EXPECT_EQ(server.policy().aborts(), 3u);
        EXPECT_TRUE(server.policy().stored().empty());
      });
}

TEST(ServerSession, RefusalsAreOnRecord) {
  ServerScript(submission)
      .line("EHLO c.example")
      .reply("250")
      .line(alice_plain)
      .reply("235")
      .line("MAIL FROM:<alice@example.org>")
      .reply("250")
      .line("RCPT TO:<b@nullmx.example>")
      .reply("556", "5.1.10", "takes no mail")
      .line("RCPT TO:<b@example.net>")
      .reply("250")
      .message("x\ny\r\n.\r\n")
      .reply("550", "5.6.0")
      .line("MAIL FROM:<alice@example.org>")
      .reply("250")
      .line("RCPT TO:<nobody@example.org>")
      .reply("550")
      .line("RCPT TO:<b@example.net> NOTIFY=SOMETIMES")
      .reply("501", "5.5.4")
      .line("c2VjcmV0")
      .reply("500", "5.5.1", "command not known (")
      .run([](BareServer& server) {
        const auto& refusals = server.refusals();
        ASSERT_EQ(refusals.size(), 5u);
        EXPECT_EQ(refusals[0].reply.text, TextId::rcpt_null_mx);
        EXPECT_EQ(refusals[0].stage, "rcpt");
        EXPECT_EQ(refusals[0].sender, "alice@example.org");
        EXPECT_EQ(refusals[0].recipient, "b@nullmx.example");
        EXPECT_EQ(refusals[0].login, "alice@example.org");
        EXPECT_EQ(refusals[0].helo, "c.example");
        EXPECT_THAT(server.transcript(), HasSubstr("(" + to_string(refusals[0].id) + ")"));
        EXPECT_EQ(refusals[1].stage, "data");
        EXPECT_EQ(refusals[1].recipient, "");
        EXPECT_EQ(refusals[3].reply.text, TextId::rcpt_param_bad);
        EXPECT_EQ(refusals[3].recipient, "") << "not the one before";
        EXPECT_EQ(refusals[4].reply.text, TextId::command_unknown);
        EXPECT_THAT(reply::text_of(refusals[4].reply), Not(HasSubstr("c2VjcmV0")));
      });
}

TEST(ServerSession, LoginsAreReportedAndSecretsAreNot) {
  ServerScript(submission)
      .line("EHLO c.example")
      .reply("250")
      .line("AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAGh1c2gtaHVzaA==")
      .reply("535")
      .line("AUTH PLAIN !!!")
      .reply("501")
      .line(alice_plain)
      .reply("235")
      .run([](BareServer& server) {
        EXPECT_EQ(server.policy().failures_reported(), 1u);
        EXPECT_EQ(server.policy().logins_reported(), 1u);
        EXPECT_EQ(server.session().login(), "alice@example.org");
        std::string told;
        for (const auto& event : server.events()) told += event::to_json(event, WallTime{}) + "\n";
        for (const auto& refusal : server.refusals()) told += refusal.login + reply::text_of(refusal.reply) + "\n";
        EXPECT_THAT(told, HasSubstr("auth.failed"));
        EXPECT_THAT(told, HasSubstr("auth.succeeded"));
        EXPECT_THAT(told, HasSubstr("alice@example.org"));
        EXPECT_THAT(told + server.transcript(), Not(HasSubstr("hush")));
        EXPECT_THAT(told + server.transcript(), Not(HasSubstr("secret")));
        EXPECT_THAT(told + server.transcript(), Not(HasSubstr("AGFsaWNl")));
      });
}

// The client is ours; libgsasl's and others' speak to it in other tests.
void log_in_by_scram(const std::string& name, std::size_t cut) {
  BareServer server(submission, cut);
  const auto next = [&](std::string line) {
    server.send(line + "\r\n");
    std::string last;
    while (auto reply = server.read_line()) last = *reply;
    return last;
  };
  server.read_line();
  next("EHLO c.example");
  sasl::ClientLogin login;
  login.user = "alice@example.org";
  login.password = "secret";
  login.tls = bare_tls({});
  login.plus_offered = true;
  login.nonce = "client-nonce-0123456789abc";
  const auto client = sasl::make_client(name, login);
  ASSERT_TRUE(client);
  auto reply = next("AUTH " + name + " " + crypto::base64_encode(client->initial().value()));
  while (reply.starts_with("334 ")) {
    const auto challenge = crypto::base64_decode(reply.substr(4, reply.size() - 6));
    ASSERT_TRUE(challenge.has_value()) << reply;
    const auto answer = client->respond(*challenge);
    ASSERT_TRUE(answer.has_value()) << answer.error();
    reply = next(answer->empty() ? "" : crypto::base64_encode(*answer));
  }
  EXPECT_TRUE(reply.starts_with("235 2.7.0")) << reply;
  EXPECT_TRUE(client->complete());
  EXPECT_EQ(server.session().login(), "alice@example.org");
}

TEST(ServerSession, Scram) {
  for (const auto* name : {"SCRAM-SHA-1", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"}) {
    for (const std::size_t cut : {0, 1}) log_in_by_scram(name, cut);
  }
}

TEST(ServerSession, AfterABrokenHandshakeOnlyQuit) {
  BareServer server(Settings{});
  server.read_line();
  server.send("EHLO c.example\r\nSTARTTLS\r\n");
  while (server.read_line()) {
  }
  server.fail_tls("no cipher in common");
  EXPECT_FALSE(server.read_line());
  for (const auto* line : {"EHLO c.example\r\n", "NOOP\r\n", "MAIL FROM:<a@example.org>\r\n", "STARTTLS\r\n"}) {
    server.send(line);
    EXPECT_THAT(server.read_line().value_or(""), testing::StartsWith("554 5.7.0"));
  }
  server.send("QUIT\r\n");
  EXPECT_THAT(server.read_line().value_or(""), testing::StartsWith("221"));
  EXPECT_TRUE(server.closed());
}

reply::Reply stopping() {
  return reply::make(TextId::stopping, {{"host", "mx.example.org"}});
}

std::string all_replies(BareServer& server) {
  std::string all;
  while (auto line = server.read_line()) all += line->substr(0, 4);
  return all;
}

TEST(ServerSession, ShutDownBetweenCommandsIsAtOnce) {
  for (const auto* sent : {"", "EHLO c.example\r\n", "EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCP"}) {
    BareServer server(relay);
    server.send(sent);
    all_replies(server);
    server.shut_down(stopping());
    EXPECT_EQ(all_replies(server), "421 ") << sent;
    EXPECT_TRUE(server.closed());
    EXPECT_EQ(server.fault(), "");
  }
}

TEST(ServerSession, ShutDownInAMessageWaitsForItsReply) {
  BareServer server(relay);
  server.send("EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nSubject: x\r\n");
  all_replies(server);
  EXPECT_TRUE(server.session().in_message());
  server.shut_down(stopping());
  EXPECT_EQ(all_replies(server), "");
  EXPECT_FALSE(server.closed());
  server.send("\r\nbody\r\n.\r\nNOOP\r\n");
  EXPECT_EQ(all_replies(server), "250 421 ");
  EXPECT_TRUE(server.closed());
  EXPECT_EQ(server.policy().stored().size(), 1u);
}

TEST(ServerSession, ShutDownInAChunkAbortsAfterItsReply) {
  BareServer server(relay);
  server.send("EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 10\r\n12345");
  all_replies(server);
  EXPECT_TRUE(server.session().in_message());
  server.shut_down(stopping());
  EXPECT_EQ(all_replies(server), "");
  server.send("67890BDAT 0 LAST\r\n");
  EXPECT_EQ(all_replies(server), "250 421 ");
  EXPECT_EQ(server.policy().aborts(), 1u);
  EXPECT_EQ(server.fault(), "");
}

TEST(ServerSession, ShutDownInALogin) {
  BareServer server(submission);
  server.send("EHLO c.example\r\nAUTH PLAIN\r\n");
  all_replies(server);
  server.shut_down(stopping());
  EXPECT_EQ(all_replies(server), "421 ");
  EXPECT_TRUE(server.closed());
}

// A drip of octets ends, however regular it is.
TEST(ServerSession, AMessageHasItsHour) {
  BareServer server(relay);
  server.send("EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n");
  all_replies(server);
  int minutes = 0;
  for (; minutes < 100 && !server.closed(); ++minutes) {
    server.send("x");
    server.wait_seconds(60);
    if (const auto line = server.read_line()) {
      EXPECT_THAT(*line, testing::StartsWith("421 4.4.2 mx.example.org waited 60 min for the end of the message"));
      break;
    }
  }
  EXPECT_EQ(minutes, 59);
  EXPECT_EQ(server.policy().aborts(), 1u);
  EXPECT_EQ(server.fault(), "");
}

TEST(ServerSession, OutputIsBounded) {
  BareServer server(relay);
  std::string many;
  for (int i = 0; i < 9000; ++i) many += "HELP\r\n";
  server.send(many);
  EXPECT_LT(server.largest_write(), 17u * 1024);
  std::size_t replies = 0;
  while (server.read_line()) ++replies;
  EXPECT_EQ(replies, 9001u);
}

// A driver that does not know `flush` reads instead: it loses nothing by that.
TEST(ServerSession, FlushMayBeAnsweredByTimeOut) {
  class Random : public smtp::SessionRandom {
    ReceiptId receipt() override { return make_receipt_id(1); }
    std::string nonce() override { return "nonce-0123456789-0123456789"; }
  } random;
  auto settings = std::make_shared<const smtp::ServerSettings>(bare_settings(relay));
  smtp::ServerSession session(settings, bare_peer(relay), random);
  auto action = session.start(MonoTime{});
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "NOOP\r\n";
  action = session.bytes(many, MonoTime{});
  std::size_t octets = 0;
  int flushes = 0;
  for (;;) {
    auto& read = std::get<smtp::Read>(action);
    octets += read.output.size();
    if (!read.flush) break;
    ++flushes;
    action = flushes % 2 == 0 ? session.timed_out(MonoTime{}) : session.bytes("NOOP\r\n", MonoTime{});
  }
  EXPECT_GE(flushes, 2);
  EXPECT_EQ(octets, (3000u + (static_cast<unsigned>(flushes) + 1) / 2) * std::string_view("250 2.0.0 OK\r\n").size());
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POSTIL_NO_MALLINFO
#endif
#endif
#ifndef POSTIL_NO_MALLINFO
TEST(ServerSession, AnIdleSessionIsSmall) {
  class Random : public smtp::SessionRandom {
    ReceiptId receipt() override { return make_receipt_id(1); }
    std::string nonce() override { return "nonce-0123456789-0123456789"; }
  } random;
  auto settings = std::make_shared<const smtp::ServerSettings>(bare_settings(relay));
  constexpr std::size_t count = 1000;
  std::vector<std::unique_ptr<smtp::ServerSession>> sessions;
  sessions.reserve(count);
  const auto feed = [](smtp::ServerSession& session, smtp::Action action) {
    while (std::holds_alternative<smtp::Ask>(action)) {
      const auto& question = std::get<smtp::Ask>(action).question;
      smtp::Answer answer = smtp::Continue{};
      if (std::holds_alternative<smtp::CheckRecipient>(question)) answer = smtp::RecipientTaken{{"b@example.net"}};
      if (std::holds_alternative<smtp::BeginMessage>(question)) answer = smtp::MessageBegun{MessageId{1}, {}, 0, "n"};
      if (std::holds_alternative<smtp::CommitMessage>(question)) answer = smtp::Committed{};
      action = session.answer(std::move(answer), MonoTime{});
    }
  };
  const auto before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < count; ++i) {
    auto& session = sessions.emplace_back(std::make_unique<smtp::ServerSession>(settings, bare_peer(relay), random));
    session->start(MonoTime{});
    // A mail has gone through, and with it everything that may grow.
    for (const auto* octets :
         {"EHLO client.example.org\r\n", "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n", "DATA\r\n",
          "Subject: x\r\n\r\nbody\r\n.\r\nNO", "OP\r\n"}) {
      feed(*session, session->bytes(octets, MonoTime{}));
    }
    session->take_events();
  }
  const auto each = (mallinfo2().uordblks - before) / count;
  RecordProperty("octets", static_cast<int>(each));
  EXPECT_LT(each, 1536u);
}
#endif
#endif

}  // namespace
}  // namespace postil::test
