#include "cli/compose.hpp"
#include "run_command.hpp"
#include "servers.hpp"

namespace postil::cli {
namespace {

using test::SmtpServer;

class SendCommand : public test::CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    ::unsetenv("POSTIL_PASSWORD");
  }
  void TearDown() override {
    ::unsetenv("POSTIL_PASSWORD");
    CommandTest::TearDown();
  }
  int send(SmtpServer& server, std::vector<std::string> more, const std::string& input = {}) {
    std::vector<std::string> all = {"send", "--server", server.at(), "--tls", "none", "--timeout", "5"};
    all.insert(all.end(), more.begin(), more.end());
    return run(std::move(all), input);
  }
};

TEST_F(SendCommand, HandsTheMessageOver) {
  SmtpServer server(SmtpServer::Replies{{".", "250 2.0.0 queued"}});
  EXPECT_EQ(
      send(server, {"--from", "a@example.org", "--to", "b@example.net", "--subject", "Hi", "--body", ".dot\nend"}),
      exit_ok)
      << err_;
  EXPECT_TRUE(said("C: RCPT TO:<b@example.net>\n")) << out_;
  EXPECT_TRUE(said("S: 250 2.0.0 queued\n"));
  EXPECT_TRUE(said("The server has taken the message."));
  const auto message = server.message();
  EXPECT_NE(message.find("From: a@example.org\n"), std::string::npos) << message;
  EXPECT_NE(message.find("Subject: Hi\n"), std::string::npos);
  EXPECT_NE(message.find("\n\n.dot\nend\n"), std::string::npos) << message;
  EXPECT_TRUE(server.saw("QUIT"));
}

TEST_F(SendCommand, ExplainsARefusalOfTheRecipient) {
  SmtpServer server(SmtpServer::Replies{{"RCPT", "550 5.1.1 <b@example.net>: no such user"}});
  EXPECT_EQ(send(server, {"--from", "a@example.org", "--to", "b@example.net"}), exit_refused);
  EXPECT_TRUE(said("550 5.1.1  Mailbox does not exist")) << out_;
  EXPECT_TRUE(said("The reply was: 550 5.1.1 <b@example.net>: no such user"));
  EXPECT_TRUE(said("Sender"));
  EXPECT_FALSE(server.saw("DATA"));
}

TEST_F(SendCommand, OneOfTwoRecipientsRefusedIsARefusal) {
  SmtpServer server(SmtpServer::Replies{{"RCPT TO:<c@", "550 5.1.1 no such user"}});
  EXPECT_EQ(send(server, {"--from", "a@example.org", "--to", "b@example.net", "--to", "c@example.net", "--json"}),
            exit_refused);
  const auto recipients = json().at("recipients").as_array();
  ASSERT_EQ(recipients.size(), 2u);
  EXPECT_TRUE(recipients[0].at("taken").as_bool());
  EXPECT_FALSE(recipients[1].at("taken").as_bool());
  EXPECT_EQ(recipients[1].at("reply").as_string(), "550 5.1.1 no such user");
  EXPECT_EQ(json().at("exit").as_int64(), exit_refused);
}

TEST_F(SendCommand, ExitCodesFollowTheReplyAndTheNetwork) {
  SmtpServer later(SmtpServer::Replies{{"MAIL", "451 4.3.0 not now"}});
  EXPECT_EQ(send(later, {"--from", "a@example.org", "--to", "b@example.net"}), exit_temporary);
  SmtpServer null_host(SmtpServer::Replies{{"", "521 mx.test does not accept mail"}});
  EXPECT_EQ(send(null_host, {"--from", "a@example.org", "--to", "b@example.net"}), exit_refused);
  EXPECT_TRUE(said("\n521  Host ")) << out_;
  EXPECT_EQ(run({"send", "--server", "127.0.0.1:1", "--to", "b@example.net"}), exit_unavailable);
  EXPECT_TRUE(complained("127.0.0.1:1 cannot be reached")) << err_;
  EXPECT_EQ(run({"send", "--to", "b@example.net", "--auth", "anna"}), exit_usage);
  EXPECT_EQ(run({"send", "--to", "b@example.net", "--to", "c@example.org"}), exit_usage);
  EXPECT_TRUE(complained("not all at one domain")) << err_;
  EXPECT_EQ(run({"send"}), exit_usage);
  EXPECT_EQ(run({"send", "--server", "127.0.0.1:1"}), exit_usage);
  EXPECT_EQ(run({"send", "--server", "127.0.0.1:1", "--to", "not an address"}), exit_usage);
}

TEST_F(SendCommand, AServerThatSaysSomethingElseIsNoMailServer) {
  SmtpServer server(SmtpServer::Replies{{"", "SSH-2.0-OpenSSH_9.2"}});
  EXPECT_EQ(send(server, {"--to", "b@example.net"}), exit_unavailable);
  EXPECT_TRUE(complained("not SMTP")) << err_;
}

TEST_F(SendCommand, ASilentPortMayWantTls) {
  test::Server silent("", [](int fd) {
    std::string line;
    test::read_line(fd, line);
  });
  const auto at = "127.0.0.1:" + std::to_string(silent.port());
  EXPECT_EQ(run({"send", "--server", at, "--to", "b@example.net", "--timeout", "1"}), exit_temporary);
  EXPECT_TRUE(complained("add --tls implicit")) << err_;
}

TEST_F(SendCommand, StopsWhereItIsTold) {
  const std::vector<std::pair<std::string, std::string>> steps = {
      {"connect", "EHLO"}, {"ehlo", "MAIL"}, {"mail", "RCPT"}, {"rcpt", "DATA"}};
  for (const auto& [stage, not_sent] : steps) {
    SmtpServer server(SmtpServer::Replies{});
    EXPECT_EQ(send(server, {"--from", "a@example.org", "--to", "b@example.net", "--stop-after", stage}), exit_ok)
        << stage;
    EXPECT_FALSE(server.saw(not_sent)) << stage;
    EXPECT_TRUE(server.saw("QUIT")) << stage;
  }
  SmtpServer server(SmtpServer::Replies{});
  EXPECT_EQ(send(server, {"--from", "a@example.org", "--to", "b@example.net", "--stop-after", "data"}), exit_ok);
  EXPECT_TRUE(server.saw("DATA"));
  EXPECT_EQ(server.message(), "");
  SmtpServer refusing(SmtpServer::Replies{{"RCPT", "550 5.1.1 no"}});
  EXPECT_EQ(send(refusing, {"--from", "a@example.org", "--to", "b@example.net", "--stop-after", "rcpt"}), exit_refused);
}

TEST_F(SendCommand, ALoginIsShownNowhere) {
  ::setenv("POSTIL_PASSWORD", "correct horse", 1);
  SmtpServer server(
      SmtpServer::Replies{{"EHLO", "250-mx.test\r\n250 AUTH PLAIN LOGIN"}, {"AUTH PLAIN", "235 2.7.0 welcome"}});
  EXPECT_EQ(send(server, {"-v", "--from", "a@example.org", "--to", "b@example.net", "--auth", "anna"}), exit_ok)
      << err_;
  EXPECT_TRUE(said("C: AUTH PLAIN ***\n")) << out_;
  const std::string sent = "AGFubmEAY29ycmVjdCBob3JzZQ==";  // base64 of NUL anna NUL correct horse
  EXPECT_TRUE(server.saw("AUTH PLAIN " + sent));
  EXPECT_FALSE(said(sent));
  EXPECT_EQ(send(server, {"--json", "--from", "a@example.org", "--to", "b@example.net", "--auth", "anna", "--mechanism",
                          "plain"}),
            exit_ok);
  EXPECT_FALSE(said(sent));
  EXPECT_FALSE(said("horse"));
}

TEST_F(SendCommand, ChallengesOfALoginAreShownNowhere) {
  ::setenv("POSTIL_PASSWORD", "correct horse", 1);
  SmtpServer server(SmtpServer::Replies{{"EHLO", "250-mx.test\r\n250 AUTH LOGIN"},
                                        {"AUTH LOGIN", "334 VXNlcm5hbWU6"},
                                        {"YW5uYQ==", "334 UGFzc3dvcmQ6"},
                                        {"Y29ycmVjdCBob3JzZQ==", "535 5.7.8 wrong"}});
  EXPECT_EQ(send(server, {"-v", "--from", "a@example.org", "--to", "b@example.net", "--auth", "anna"}), exit_refused)
      << err_;
  EXPECT_TRUE(server.saw("Y29ycmVjdCBob3JzZQ=="));
  for (const char* secret : {"VXNlcm5hbWU6", "YW5uYQ==", "Y29ycmVjdCBob3JzZQ=="}) EXPECT_FALSE(said(secret)) << out_;
  EXPECT_TRUE(said("535 5.7.8")) << out_;
}

TEST_F(SendCommand, NoPasswordInClearUnlessAskedFor) {
  ::setenv("POSTIL_PASSWORD", "x", 1);
  SmtpServer server(SmtpServer::Replies{{"EHLO", "250-mx.test\r\n250 AUTH PLAIN"}});
  EXPECT_EQ(run({"send", "--server", server.at(), "--to", "b@example.net", "--auth", "anna"}), exit_unavailable);
  EXPECT_FALSE(server.saw("AUTH"));
  EXPECT_TRUE(complained("does not offer STARTTLS")) << err_;
}

TEST_F(SendCommand, SendsAFileAsItIs) {
  SmtpServer server(SmtpServer::Replies{});
  const auto path = write("m.eml", "Subject: from a file\n\nHello\n");
  EXPECT_EQ(send(server, {"--from", "<>", "--to", "b@example.net", "--file", path}), exit_ok) << err_;
  EXPECT_EQ(server.message(), "Subject: from a file\n\nHello\n");
  EXPECT_TRUE(server.saw("MAIL FROM:<>"));
  EXPECT_EQ(send(server, {"--to", "b@example.net", "--file", "-"}, "Subject: stdin\r\n\r\nHi"), exit_ok);
  EXPECT_EQ(server.message(), "Subject: stdin\n\nHi\n");
  EXPECT_EQ(send(server, {"--to", "b@example.net", "--file", folder_ + "/none"}), exit_data);
  EXPECT_EQ(run({"send", "--to", "b@host.invalid", "--file", folder_ + "/none"}), exit_data) << "before DNS is asked";
}

TEST_F(SendCommand, WithoutADemoSaysSo) {
  ::setenv("POSTIL_DEMO_FOLDER", folder_.c_str(), 1);
  EXPECT_EQ(run({"send", "--demo", "--to", "556@demo.test"}), exit_unavailable);
  EXPECT_TRUE(complained("The demo does not run.")) << err_;
  EXPECT_EQ(run({"send", "--demo", "--to", "556@demo.test", "--json"}), exit_unavailable);
  EXPECT_EQ(json().at("error").at("id").as_string(), "not_running");
  ::unsetenv("POSTIL_DEMO_FOLDER");
}

TEST(Compose, NonAsciiGetsTheFieldsOfMime) {
  Letter letter;
  letter.from = "a@example.org";
  letter.to = {"b@example.net", "c@example.net"};
  letter.subject = "Gr\xc3\xbc\xc3\x9f";
  letter.body = "\xc3\xa4\n";
  letter.headers = {"reply-to: x@example.org", "Date: today"};
  letter.id = "1@x";
  const auto text = compose(letter);
  EXPECT_NE(text.find("To: b@example.net, c@example.net\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Subject: =?utf-8?"), std::string::npos) << text;
  EXPECT_NE(text.find("Content-Transfer-Encoding: 8bit\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("reply-to: x@example.org\r\n"), std::string::npos);
  EXPECT_EQ(text.find("Date: "), text.rfind("Date: ")) << text;
  const auto facts = facts_of(text);
  EXPECT_TRUE(facts.body_8bit);
  EXPECT_FALSE(facts.header_utf8);
}

}  // namespace
}  // namespace postil::cli
