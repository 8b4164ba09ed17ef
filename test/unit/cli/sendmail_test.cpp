#include "cli/sendmail.hpp"

#include "cli/address_list.hpp"
#include "run_command.hpp"
#include "servers.hpp"

namespace postil::cli {
namespace {

using test::SmtpServer;
using Mode = SendmailOptions::Mode;

SendmailOptions parsed(const std::vector<std::string>& arguments) {
  auto options = parse_sendmail(arguments);
  EXPECT_TRUE(options) << options.error();
  return options ? *options : SendmailOptions();
}

TEST(SendmailOptions, AsProgramsUseThem) {
  // PHP, cron, git send-email, mailx, Debian's reportbug
  auto a = parsed({"-t", "-i"});
  EXPECT_TRUE(a.from_header && a.ignore_dots);
  auto b = parsed({"-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"});
  EXPECT_EQ(b.full_name, "CronDaemon");
  EXPECT_EQ(b.recipients, std::vector<std::string>{"root"});
  auto c = parsed({"-oi", "-f", "a@example.org", "-t"});
  EXPECT_TRUE(c.ignore_dots && c.from_header);
  EXPECT_EQ(c.sender, "a@example.org");
  auto d = parsed({"-ti", "-fa@example.org", "-odb", "-om", "-v", "-G", "-q1h"});
  EXPECT_TRUE(d.ignore_dots && d.from_header && d.verbose);
  EXPECT_EQ(d.sender, "a@example.org");
  EXPECT_EQ(parsed({"-f", "", "x"}).sender, "");
  EXPECT_EQ(parsed({"-f", "<>", "x"}).sender, "");
  EXPECT_EQ(parsed({"-bp"}).mode, Mode::queue);
  EXPECT_EQ(parsed({"-bs"}).mode, Mode::smtp);
  EXPECT_EQ(parsed({"-bi"}).mode, Mode::aliases);
  for (const char* run : {"-q", "-q30m", "-qf"}) EXPECT_EQ(parsed({run}).mode, Mode::queue_run);
  EXPECT_EQ(parsed({"-q", "-t"}).mode, Mode::deliver);
  EXPECT_EQ(parsed({"-q", "a@example.net"}).mode, Mode::deliver);
  EXPECT_EQ(parsed({"-bm", "x"}).mode, Mode::deliver);
  EXPECT_EQ(parsed({"-N", "success,delay", "-R", "hdrs", "-V", "id7", "x"}).notify, 10);
}

TEST(SendmailOptions, WordsBehindTheFirstRecipientAreRecipients) {
  EXPECT_EQ(parsed({"-i", "--", "-x@example.org"}).recipients, std::vector<std::string>{"-x@example.org"});
  const auto options = parsed({"a@example.org", "-X/etc/passwd"});
  EXPECT_EQ(options.recipients, (std::vector<std::string>{"a@example.org", "-X/etc/passwd"}));
}

TEST(SendmailOptions, UnknownOnesAreTold) {
  EXPECT_EQ(parse_sendmail({"-Z"}).error(), "-Z");
  EXPECT_EQ(parse_sendmail({"-bd"}).error(), "-bd");
  EXPECT_EQ(parse_sendmail({"-N", "never,success"}).error(), "-Nnever,success");
  EXPECT_EQ(parse_sendmail({"-f"}).error(), "-f");
}

TEST(AddressList, ReadsWhatPeopleWrite) {
  using List = std::vector<std::string>;
  EXPECT_EQ(addresses_in(" a@b.example, \"C, D\" <c@d.example>,\r\n\tE (her, name) <e@f.example>"),
            (List{"a@b.example", "c@d.example", "e@f.example"}));
  EXPECT_EQ(addresses_in("friends: a@b.example, c@d.example; , x"), (List{"a@b.example", "c@d.example", "x"}));
  EXPECT_EQ(addresses_in("undisclosed-recipients:;"), List{});
  EXPECT_EQ(addresses_in("\"odd,one\"@b.example, x@[IPv6:2001:db8::1]"),
            (List{"\"odd,one\"@b.example", "x@[IPv6:2001:db8::1]"}));
  EXPECT_EQ(addresses_in("<@hop.example,@two.example:a@b.example>"), List{"a@b.example"});
  EXPECT_EQ(addresses_in("a@b.example (a \\) comment (nested))"), List{"a@b.example"});
  EXPECT_EQ(addresses_in(""), List{});
  EXPECT_EQ(addresses_in("\"never closed <a@b.example"), List{"\"never closed <a@b.example"});
}

class Sendmail : public test::CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    socket_ = folder_ + "/submit";
    config_ = write("postil.toml",
                    "job = \"relay\"\nhostname = \"mail.example.org\"\n[relay]\nnetworks = [\"10.0.0.0/8\"]\n"
                    "[aliases]\npostmaster = \"a@example.net\"\n[control]\nsubmit_socket = \"" +
                        socket_ + "\"\n");
  }
  int sendmail(std::vector<std::string> arguments, const std::string& input) {
    arguments.insert(arguments.begin(), {"-C", config_});
    return run(std::move(arguments), input, "sendmail");
  }
  std::string socket_, config_;
};

TEST_F(Sendmail, TakesRecipientsFromTheHeader) {
  SmtpServer server(SmtpServer::Replies{{"", "220 mail.example.org ESMTP"}}, socket_);
  EXPECT_EQ(sendmail({"-t"},
                     "To: A <a@example.net>, root\nCc: b@example.net\nBcc: c@example.net, a@example.net\nSubject: "
                     "x\n\nHi\n.\nnot sent\n"),
            exit_ok)
      << err_;
  EXPECT_TRUE(server.saw("RCPT TO:<a@example.net>"));
  EXPECT_TRUE(server.saw("RCPT TO:<root@mail.example.org>"));
  EXPECT_TRUE(server.saw("RCPT TO:<b@example.net>"));
  EXPECT_TRUE(server.saw("RCPT TO:<c@example.net>"));
  const auto lines = server.lines();
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](const auto& l) { return l.starts_with("RCPT"); }), 4);
  const auto message = server.message();
  EXPECT_TRUE(message.starts_with("From: ")) << message;
  EXPECT_NE(message.find("@mail.example.org>\n"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("\n\nHi\n")) << message;
  EXPECT_EQ(out_, "");
}

TEST_F(Sendmail, TheLanguageMayStandBeforeIt) {
  SmtpServer server(SmtpServer::Replies{{"", "220 mail.example.org ESMTP"}}, socket_);
  for (const auto& language : {std::vector<std::string>{"--lang", "de"}, {"--lang=de"}}) {
    auto arguments = language;
    arguments.insert(arguments.end(), {"sendmail", "-C", config_, "-f", "me@example.org", "you@example.net"});
    EXPECT_EQ(run(arguments, "Hi\n"), exit_ok) << err_;
  }
  EXPECT_TRUE(server.saw("RCPT TO:<you@example.net>"));
}

TEST_F(Sendmail, OfAResentMessageTheResentFieldsCount) {
  SmtpServer server(SmtpServer::Replies{}, socket_);
  EXPECT_EQ(sendmail({"-t"}, "Resent-To: new@example.net\nTo: old@example.net\nFrom: x@example.org\n\nHi\n"), exit_ok);
  EXPECT_TRUE(server.saw("RCPT TO:<new@example.net>"));
  EXPECT_FALSE(server.saw("RCPT TO:<old@example.net>"));
  EXPECT_TRUE(server.message().starts_with("Resent-To:"));
}

TEST_F(Sendmail, KeepsDotsAndSenderWhereAskedTo) {
  SmtpServer server(SmtpServer::Replies{}, socket_);
  EXPECT_EQ(sendmail({"-i", "-f", "me@example.org", "-F", "M. E.", "you@example.net"}, "Subject: x\n\na\n.\n..b\n"),
            exit_ok)
      << err_;
  EXPECT_TRUE(server.saw("MAIL FROM:<me@example.org>"));
  EXPECT_NE(server.message().find("From: \"M. E.\" <me@example.org>\n"), std::string::npos) << server.message();
  EXPECT_TRUE(server.message().ends_with("\n\na\n.\n..b\n")) << server.message();
}

TEST_F(Sendmail, ATextWithoutHeaderGetsOne) {
  SmtpServer server(SmtpServer::Replies{}, socket_);
  EXPECT_EQ(sendmail({"-f", "me@example.org", "you@example.net"}, "just text\n"), exit_ok);
  EXPECT_TRUE(server.message().ends_with("\n\njust text\n")) << server.message();
}

TEST_F(Sendmail, ExitCodesOfSysexits) {
  EXPECT_EQ(sendmail({"you@example.net"}, "Hi\n"), exit_temporary);
  EXPECT_TRUE(complained("does not answer")) << err_;
  SmtpServer server(SmtpServer::Replies{{"RCPT TO:<gone@", "550 5.1.1 no such user"},
                                        {"RCPT TO:<late@", "451 4.3.0 later"},
                                        {"RCPT TO:<off@", "552 5.2.2 full"}},
                    socket_);
  EXPECT_EQ(sendmail({"gone@example.net"}, "Hi\n"), exit_no_user);
  EXPECT_TRUE(complained("550 5.1.1")) << err_;
  EXPECT_EQ(sendmail({"late@example.net"}, "Hi\n"), exit_temporary);
  EXPECT_EQ(sendmail({"off@example.net"}, "Hi\n"), exit_unavailable);
  EXPECT_EQ(sendmail({"gone@example.net", "here@example.net"}, "Hi\n"), exit_no_user);
  EXPECT_TRUE(complained("sent to 1 other recipient")) << err_;
  EXPECT_EQ(sendmail({}, "Hi\n"), exit_usage);
  EXPECT_EQ(sendmail({"-Z"}, "Hi\n"), exit_usage);
  EXPECT_EQ(sendmail({"a b@example.net"}, "Hi\n"), exit_data);
}

TEST_F(Sendmail, JsonTellsTheQueueIdOrWhatWentWrong) {
  EXPECT_EQ(sendmail({"--json", "you@example.net"}, "Hi\n"), exit_temporary);
  EXPECT_EQ(err_, "");
  EXPECT_EQ(json().at("error").at("id").as_string(), "no_server");
  EXPECT_EQ(json().at("exit").as_int64(), exit_temporary);
  SmtpServer server(SmtpServer::Replies{{".", "250 2.0.0 queued, on disk, as 7Q3K-9F2M-4T8XB"},
                                        {"RCPT TO:<gone@", "550 5.1.1 <gone@example.net> no such user"}},
                    socket_);
  EXPECT_EQ(sendmail({"--json", "-i", "you@example.net", "root"}, "Hi\n"), exit_ok) << out_;
  auto told = json();
  EXPECT_TRUE(told.at("ok").as_bool());
  EXPECT_EQ(told.at("id").as_string(), "7Q3K-9F2M-4T8XB");
  ASSERT_EQ(told.at("recipients").as_array().size(), 2u);
  EXPECT_TRUE(told.at("recipients").at(1).at("taken").as_bool());
  EXPECT_EQ(sendmail({"--json", "gone@example.net", "here@example.net"}, "Hi\n"), exit_no_user);
  told = json();
  EXPECT_EQ(err_, "");
  EXPECT_FALSE(told.at("ok").as_bool());
  EXPECT_EQ(told.at("error").at("id").as_string(), "refused");
  EXPECT_NE(told.at("error").at("message").as_string(), "");
  EXPECT_EQ(told.at("id").as_string(), "7Q3K-9F2M-4T8XB") << "the other one was taken";
  EXPECT_EQ(told.at("recipients").at(0).at("address").as_string(), "gone@example.net");
  EXPECT_FALSE(told.at("recipients").at(0).at("taken").as_bool());
  EXPECT_EQ(told.at("recipients").at(0).at("reply").as_string(), "550 5.1.1 <gone@example.net> no such user");
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--json", "-Z"}, {"-Z", "--json"}}) {
    EXPECT_EQ(sendmail(wrong, "Hi\n"), exit_usage);
    EXPECT_EQ(json().at("error").at("id").as_string(), "usage");
  }
  EXPECT_EQ(run({"--json"}, "", "newaliases"), exit_ok);
  EXPECT_TRUE(json().at("ok").as_bool());
  EXPECT_EQ(sendmail({"-bp", "--json"}, ""), exit_unavailable);
  EXPECT_FALSE(json().at("ok").as_bool());
  // Behind the first recipient it is one.
  EXPECT_EQ(parsed({"root", "--json"}).recipients, (std::vector<std::string>{"root", "--json"}));
}

TEST_F(Sendmail, NewaliasesHasNothingToDo) {
  EXPECT_EQ(run({}, "", "newaliases"), exit_ok);
  EXPECT_TRUE(said("nothing to do"));
  EXPECT_EQ(run({"sendmail", "-bi"}), exit_ok);
  EXPECT_TRUE(said("nothing to do"));
  EXPECT_EQ(run({"-q"}, "", "sendmail"), exit_ok);  // as the scripts of a dial-up line say it
  EXPECT_EQ(out_ + err_, "");
}

}  // namespace
}  // namespace postil::cli
