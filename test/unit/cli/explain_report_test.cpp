// explain on bounces and logs, from files and standard input.
#include <gmock/gmock.h>

#include "run_command.hpp"

namespace postil::cli::test {
namespace {

using testing::HasSubstr;

constexpr const char* bounce =
    "From: Mail System <mailer-daemon@relay.example>\r\nTo: carol@sender.example\r\nSubject: failure\r\n\r\n"
    "<ann@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)\r\n"
    "<bob@example.org>: host mx.example.org[192.0.2.2] said: 552 5.2.2 Mailbox full (in reply to RCPT TO command)\r\n";

std::string postfix_line(const std::string& to, const std::string& status) {
  return "Nov  2 10:00:01 relay postfix/smtp[4711]: 4XyZab1cd2z3: to=<" + to +
         ">, relay=mx.example.net[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=" + status + "\n";
}
const std::string removed = "Nov  2 10:00:01 relay postfix/qmgr[12]: 4XyZab1cd2z3: removed\n";

class ExplainReport : public CommandTest {};

TEST_F(ExplainReport, a_bounce_from_a_file_or_standard_input) {
  const auto path = write("bounce.eml", bounce);
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"explain", path}, {"explain", "--file", path}, {"explain", "-"}}) {
    EXPECT_EQ(run(arguments, bounce), exit_ok);
    EXPECT_TRUE(said("ann@example.net  Mailbox does not exist"));
    EXPECT_TRUE(said("mx.example.net replied: 550 5.1.1 User unknown"));
    EXPECT_TRUE(said("bob@example.org  Mailbox full"));
    EXPECT_TRUE(said("Recipient"));
  }
}

TEST_F(ExplainReport, json_has_each_recipient) {
  EXPECT_EQ(run({"explain", "--json", write("bounce.eml", bounce)}), exit_ok);
  const auto answer = json();
  EXPECT_EQ(answer.at("input").as_string(), "bounce");
  const auto& recipients = answer.at("recipients").as_array();
  ASSERT_EQ(recipients.size(), 2u);
  EXPECT_EQ(recipients[0].at("reason").as_string(), "user_unknown");
  EXPECT_EQ(recipients[1].at("reason").as_string(), "mailbox_full");
  EXPECT_EQ(recipients[1].at("address").as_string(), "bob@example.org");
}

TEST_F(ExplainReport, short_is_a_line_and_long_has_the_evidence) {
  const auto path = write("bounce.eml", bounce);
  run({"explain", "-q", path});
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_TRUE(said("ann@example.net  user_unknown  Mailbox does not exist [not delivered]  550 5.1.1 User unknown"));
  run({"explain", "--long", path});
  EXPECT_TRUE(said("Confidence"));
  EXPECT_TRUE(said("To pass on"));
  EXPECT_TRUE(said("The message to ann@example.net was not delivered."));
}

TEST_F(ExplainReport, in_german_and_russian_nothing_is_english) {
  const auto path = write("bounce.eml", bounce);
  for (const char* language : {"de", "ru"}) {
    EXPECT_EQ(run({"explain", "--long", path, "--lang", language}), exit_ok);
    for (const char* word : {"The ", " the ", "delivered", "Confidence", "Group", "Sender ", "Said by"})
      EXPECT_FALSE(said(word)) << word << "\n" << out_;
  }
}

TEST_F(ExplainReport, of_a_log_each_line_has_an_answer) {
  const auto log =
      postfix_line(
          "ann@example.net",
          "bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))") +
      removed + postfix_line("bob@example.net", "sent (250 2.0.0 Ok)") + "something else\n" +
      postfix_line("eve@example.net", "bounced (unknown user: \"eve\")");
  EXPECT_EQ(run({"explain", "-", "--json"}, log), exit_ok);
  std::istringstream lines(out_);
  std::vector<boost::json::object> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(boost::json::parse(line).as_object());
  ASSERT_EQ(answers.size(), 5u);
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i].at("line").to_number<std::size_t>(), i + 1);
  EXPECT_EQ(answers[0].at("recipients").at(0).at("reason").as_string(), "user_unknown");
  EXPECT_TRUE(answers[1].at("recipients").as_array().empty());
  EXPECT_TRUE(answers[2].at("recipients").at(0).at("reason").is_null());
  EXPECT_TRUE(answers[3].at("recipients").as_array().empty());
  EXPECT_EQ(answers[4].at("recipients").at(0).at("reason").as_string(), "user_unknown");

  EXPECT_EQ(run({"explain", "-"}, log), exit_ok);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
}

TEST_F(ExplainReport, a_long_log_goes_through_in_pieces) {
  std::string log;
  for (int i = 0; i < 3000; ++i)
    log += postfix_line("a" + std::to_string(i) + "@example.net", "bounced (unknown user: \"x\")");
  log += postfix_line("last@example.net", "bounced (unknown user: \"x\")");
  log.pop_back();
  EXPECT_EQ(run({"explain", "-q", "-"}, log), exit_ok);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3001);
  EXPECT_TRUE(said("a0@example.net"));
  EXPECT_TRUE(said("last@example.net  user_unknown"));
}

TEST_F(ExplainReport, several_files_are_told_one_after_the_other) {
  const auto one = write("1.eml", bounce);
  const auto two = write("2.eml", "From: a@example.net\nTo: b@example.net\nSubject: Lunch\n\nAt noon?\n");
  EXPECT_EQ(run({"explain", "--json", one, two}), exit_data);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_TRUE(said("no_report"));
}

TEST_F(ExplainReport, a_file_that_is_not_there_is_66) {
  EXPECT_EQ(run({"explain", "--file", folder_ + "/none.eml"}), exit_no_input);
  EXPECT_TRUE(complained("none.eml"));
  EXPECT_EQ(run({"explain", "--file", folder_ + "/none.eml", "--json"}), exit_no_input);
  EXPECT_EQ(json().at("error").at("id").as_string(), "file");
  for (const auto& name : {folder_ + "/none", std::string("none.eml")}) {
    EXPECT_EQ(run({"explain", name}), exit_no_input);
    EXPECT_TRUE(complained("The file " + name + " cannot be read.")) << err_;
  }
}

TEST_F(ExplainReport, a_code_is_a_code_even_beside_a_file_of_that_name) {
  EXPECT_EQ(run({"explain", "521", "-q"}), exit_ok);
  EXPECT_THAT(out_, testing::StartsWith("521"));
}

TEST_F(ExplainReport, secrets_come_up_nowhere) {
  const std::string text =
      "From: x@relay.example\nTo: carol@sender.example\nSubject: failure\n\n<ann@example.net>:\n>>> AUTH PLAIN "
      "AGFubgBzZWNyZXQxMjM=\n"
      "<<< 535 5.7.8 Login AGFubgBzZWNyZXQxMjM= at https://ann:secret123@mail.example.net/ failed\n";
  for (const char* form : {"--json", "--long", "-q"}) {
    run({"explain", form, "-"}, text);
    for (const char* secret : {"AGFub", "secret123"}) EXPECT_FALSE(said(secret)) << out_;
  }
  run({"explain", "535 5.7.8 AGFubgBzZWNyZXQxMjM= is wrong", "--json"});
  EXPECT_FALSE(said("AGFub"));
}

}  // namespace
}  // namespace postil::cli::test
