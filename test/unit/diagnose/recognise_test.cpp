#include "diagnose/recognise.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "diagnose/bounce.hpp"
#include "diagnose/json.hpp"

namespace postil::diagnose {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string_view kind_of(std::string_view input) {
  const auto found = understand(input);
  if (!found) return to_string(found.error());
  if (const auto* answer = std::get_if<Answer>(&*found)) return to_string(answer->kind);
  if (std::holds_alternative<const FindingEntry*>(*found)) return "finding";
  if (std::holds_alternative<CodeList>(*found)) return "code_list";
  return to_string(std::get<Report>(*found).input);
}

constexpr std::string_view bounce =
    "From: Mail System <mailer-daemon@relay.example>\r\nTo: carol@sender.example\r\nSubject: failure\r\n\r\n"
    "<ann@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)\r\n";
constexpr std::string_view postfix_line =
    "Nov  2 10:00:01 relay postfix/smtp[4711]: 4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, "
    "delay=1, "
    "delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 User unknown (in reply "
    "to RCPT TO "
    "command))";

TEST(Recognise, each_kind_of_input_is_told_by_itself) {
  EXPECT_EQ(kind_of("521"), "basic_code");
  EXPECT_EQ(kind_of(" 5.1.1\r\n"), "enhanced_code");
  EXPECT_EQ(kind_of("550 5.1.1"), "pair");
  EXPECT_EQ(kind_of("5xx"), "code_class");
  EXPECT_EQ(kind_of("x.7.z"), "subject");
  EXPECT_EQ(kind_of("550 no such user"), "reply");
  EXPECT_EQ(kind_of("C: RCPT TO:<a@b.example>\nS: 550-5.1.1 no\nS: 550 5.1.1 user"), "reply");
  EXPECT_EQ(kind_of("> RCPT TO:<a@b.example>\n< 550 5.1.1 user"), "reply");
  EXPECT_EQ(kind_of("8q3k9f2m4t8xb"), "receipt_id");
  EXPECT_EQ(kind_of(postfix_line), "log_line");
  EXPECT_EQ(kind_of(std::string(postfix_line) + "\n" + std::string(postfix_line) + "\n"), "log_line");
  EXPECT_EQ(kind_of(bounce), "bounce");
  EXPECT_EQ(kind_of("From x Mon Nov  2 10:00:00 2026\n" + std::string(bounce)), "bounce");
  EXPECT_EQ(kind_of("Hi. This is the qmail-send program at relay.example.\n\n<ann@example.net>:\nRemote host said: 550 "
                    "5.1.1 no user\n"),
            "bounce");
  EXPECT_EQ(kind_of("Recipient address rejected: User unknown in virtual mailbox table"), "reply");
  EXPECT_EQ(kind_of("Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP "
                    "address lookup'"),
            "log_line");
}

TEST(Recognise, a_list_of_codes_is_no_reply) {
  for (const char* text : {"235 vs 521", "550/551", "550, 551", "421 450 550 554", "5.1.1 and 5.1.10", "4xx vs. 5xx"})
    EXPECT_EQ(kind_of(text), "code_list") << text;
  const auto list = code_list("235 VS 521");
  EXPECT_THAT(list.codes, testing::ElementsAre("235", "521"));
  EXPECT_TRUE(list.versus);
  EXPECT_FALSE(code_list("235 521").versus);
  for (const char* text : {"235 999", "550 5.1.1", "550 Relaying denied", "550", "vs", ""})
    EXPECT_TRUE(code_list(text).codes.empty()) << text;
}

TEST(Recognise, an_id_of_a_check_is_told_in_any_case) {
  EXPECT_EQ(kind_of("MX-NULL"), "finding");
  EXPECT_EQ(kind_of(" spf-lookups\n"), "finding");
  EXPECT_EQ(kind_of("MX-NOTHING"), "not_a_reply");
}

TEST(Recognise, an_id_of_a_reason_is_told) {
  for (const auto& reason : knowledge::reasons()) EXPECT_EQ(kind_of(reason.key), "reason") << reason.key;
  const auto answer = std::get<Answer>(*understand(" Mailbox_Full\r\n"));
  EXPECT_EQ(answer.subject, "mailbox_full");
  EXPECT_EQ(answer.title, "reason.mailbox_full.name");
  EXPECT_EQ(answer.steps.front().who, knowledge::Role::recipient);
  EXPECT_THAT(answer.enhanced, testing::Contains("x.2.2"));
  EXPECT_TRUE(answer.never_success);
  EXPECT_TRUE(code_list("greylisted, timeout").codes.empty());
  EXPECT_EQ(kind_of("user unknown"), "reply");  // words
}

// The reasons of a report, one for each recipient.
std::vector<std::string> reasons_of(std::string_view input) {
  const auto found = understand(input);
  std::vector<std::string> out;
  if (!found || !std::holds_alternative<Report>(*found)) return out;
  for (const auto& one : std::get<Report>(*found).recipients)
    out.emplace_back(one.explanation ? knowledge::entry(one.explanation->reason).key : "none");
  return out;
}

TEST(Recognise, lines_in_json_are_the_lines_that_they_hold) {
  const auto told = [](std::string_view input) {
    const auto found = understand(input);
    if (!found || !std::holds_alternative<Answer>(*found)) return std::string("no answer");
    return std::get<Answer>(*found).quoted;
  };
  const auto plain = told("550-5.1.1 no such\n550 5.1.1 user");
  EXPECT_THAT(plain, HasSubstr("no such user"));
  EXPECT_EQ(told(R"(["550-5.1.1 no such", "550 5.1.1 user"])"), plain);
  EXPECT_EQ(told("[\n  \"550-5.1.1 no such\",\n  \"550 5.1.1 user\"\n]\n"), plain);
  EXPECT_EQ(told(R"("550-5.1.1 no such\r\n550 5.1.1 user\r\n")"), plain);
  EXPECT_EQ(told(R"(["550-5.1.1 no such\r\n550 5.1.1 user\r\n"])"), plain);
  EXPECT_EQ(reasons_of(R"(["RCPT TO:<ann@example.net>", "550 5.1.1 no such user"])"),
            (std::vector<std::string>{"user_unknown"}));
  EXPECT_THAT(told(R"(["AUTH PLAIN AGFubgBzZWNyZXQxMjM=", "535 5.7.8 bad AGFubgBzZWNyZXQxMjM="])"),
              testing::AllOf(HasSubstr("535 5.7.8 bad"), Not(HasSubstr("AGFubgBz"))));
  EXPECT_EQ(kind_of(R"(["521"])"), "basic_code");
  EXPECT_EQ(kind_of(R"(["521", "556"])"), "code_list");
}

TEST(Recognise, what_a_program_prints_of_an_error_is_quoted_without_its_signs) {
  const auto told = [](std::string_view input) {
    const auto found = understand(input);
    if (!found || !std::holds_alternative<Report>(*found)) return std::string("no report");
    const auto& observed = std::get<Report>(*found).recipients.front().observed;
    return observed.refusal.address + "|" + observed.reply;
  };
  EXPECT_EQ(told(R"({"code":"EENVELOPE","response":"550 5.1.1 <bob@example.net>: no such user","responseCode":550})"),
            "bob@example.net|550 5.1.1 <bob@example.net>: no such user");
  EXPECT_EQ(told(R"({"error":"535 5.7.8 the login \"ann\" is wrong"})"), R"(|535 5.7.8 the login \"ann\" is wrong)");
  EXPECT_EQ(told("SMTPRecipientsRefused: {'bob@example.net': (550, b'5.1.1 no such user')}"),
            "bob@example.net|550 5.1.1 no such user");
  EXPECT_EQ(told("SMTPDataError: (552, b\"5.3.4 it's too big\")"), "|552 5.3.4 it's too big");
  EXPECT_EQ(
      told("Error: Message failed: 550 5.1.1 <bob@example.net> unknown\n    at SMTPConnection._formatError (x.js:1:2)"),
      "bob@example.net|550 5.1.1 <bob@example.net> unknown");
  EXPECT_THAT(told("Expected response code \"250\" but got code \"550\", with message \"550 no such user\"."),
              HasSubstr("no such user"));
  EXPECT_EQ(told("it answered \"550 5.1.1 <bob@example.net> unknown\" and closed"),
            "bob@example.net|550 5.1.1 <bob@example.net> unknown\" and closed");
}

TEST(Recognise, several_replies_in_json_are_told_each) {
  EXPECT_EQ(reasons_of(R"(["550 5.1.1 <ann@example.net>: no such user", "452 4.2.2 mailbox full"])"),
            (std::vector<std::string>{"user_unknown", "mailbox_full"}));
  EXPECT_EQ(reasons_of(R"(["550-5.1.1 <ann@example.net>: no such", "550 5.1.1 user", "452 4.2.2 mailbox full"])"),
            (std::vector<std::string>{"user_unknown", "mailbox_full"}));
  const std::string line(postfix_line);
  EXPECT_EQ(reasons_of("[\"" + line + "\", \"" + line + "\"]").size(), 2u);
  std::string many = "[\"550 5.1.1 no such user\"";
  for (std::size_t i = 0; i < recipients_max; ++i) many += ",\"550 5.1.1 no such user\"";
  const auto found = understand(many + "]");
  ASSERT_TRUE(found && std::holds_alternative<Report>(*found));
  EXPECT_EQ(std::get<Report>(*found).recipients.size(), recipients_max);
  EXPECT_TRUE(std::get<Report>(*found).truncated);
}

TEST(Recognise, other_json_is_not_taken_for_lines) {
  for (const char* text : {"[]", "[\"\"]", "\"\"", "[1, \"a\"]", "[\"a\", {\"b\": 1}]", "[\"a\""})
    EXPECT_FALSE(understand(text).has_value()) << text;
  EXPECT_FALSE(looks_like_log("[\"" + std::string(postfix_line) + "\",\n\"" + std::string(postfix_line) + "\"]"));
}

TEST(Recognise, what_is_not_understood_says_why) {
  EXPECT_EQ(kind_of(""), "empty");
  EXPECT_EQ(kind_of("999"), "no_such_code");
  EXPECT_EQ(kind_of("administrator"), "not_a_reply");
  EXPECT_EQ(kind_of("AUTH PLAIN AGFubgBzZWNyZXQxMjM="), "not_a_reply");
  EXPECT_EQ(kind_of("Shall we have lunch at noon, ann@example.net?\nBest regards"), "not_a_reply");
  EXPECT_EQ(kind_of("From: a@example.net\nTo: b@example.net\nSubject: Lunch\n\nAt noon?\n"), "no_report");
  const std::string away =
      "From: a@example.net\nTo: b@example.net\nReturn-Path: <>\nSubject: Automatic reply: Lunch\n\n";
  EXPECT_EQ(kind_of(away + "I am away until Monday. Please write to c@example.net.\n"), "automatic_reply");
  EXPECT_EQ(kind_of(away + "Your message to <c@example.net> could not be delivered: mailbox is full.\n"), "bounce");
  EXPECT_EQ(kind_of("Nov  2 10:00:01 mx postfix/qmgr[1]: 9A8B7C6D5E: removed"), "no_refusal");
}

// The reason that is told, and the words it is told from.
std::string told_of(std::string_view input) {
  const auto found = understand(input);
  if (!found) return std::string(to_string(found.error()));
  const auto* answer = std::get_if<Answer>(&*found);
  const auto& explanation = answer != nullptr ? answer->reply : std::get<Report>(*found).recipients.front().explanation;
  return explanation ? std::string(knowledge::entry(explanation->reason).key) : "no reason";
}

TEST(Recognise, a_reply_whose_lines_were_broken_is_read_whole) {
  EXPECT_EQ(told_of("554 5.7.1 Service unavailable; Client host [192.0.2.7]\nblocked using zen.spamhaus.org\n"),
            "dnsbl_listed");
  EXPECT_EQ(told_of("550 5.7.1 <bob@example.org>... Relaying\r\n   denied\r\n\r\nWhat can I do?"), "relay_denied");
  EXPECT_EQ(told_of("550 <bob@example.org>...\nHost unknown (Name server:\nexample.org: host not found)"),
            "domain_not_found");
  EXPECT_EQ(
      told_of("550-5.7.26 This message is not authenticated: neither SPF [example.com] with ip:\n[192.0.2.7] nor\n"
              "550 5.7.26 DKIM passed"),
      "unauthenticated");
  // What the client sends next and what stands below an empty line are no part of it.
  EXPECT_EQ(told_of("550 5.1.1 no such user here\nQUIT\n221 bye"), "user_unknown");
  EXPECT_EQ(told_of("550 5.1.1 no such user here\n\nThe mailbox is not full."), "user_unknown");
  EXPECT_FALSE(read_reply("550 no\nDiagnostic-Code: smtp; relaying denied")->one_line().ends_with("denied"));
  // What follows a challenge is a password.
  EXPECT_EQ(read_reply("334 UGFzc3dvcmQ6\nc2VjcmV0")->one_line(), "334 UGFzc3dvcmQ6");
}

TEST(Recognise, a_number_of_a_program_is_no_code) {
  EXPECT_FALSE(read_reply("277 delivering 1ab2cd-000001-A1").has_value());
  EXPECT_EQ(told_of("308   SMTP<< 550 5.1.1 no such user here\n308 LOG: MAIN"), "user_unknown");
  EXPECT_EQ(told_of("mail.ERROR: Expected response code 354 but got code \"503\", with message \"503 need RCPT command "
                    "first\" in /srv/mail/Transport.php:459"),
            "protocol_error");
}

TEST(Recognise, what_was_quoted_is_read_without_its_marks) {
  EXPECT_EQ(
      told_of("> <bob@example.org>: host mx.example.org[192.0.2.1] said: 550\n>     5.7.1 Relaying denied (in reply\n"
              ">     to RCPT TO command)"),
      "relay_denied");
  EXPECT_EQ(
      told_of(
          "We got this:\n\n> Reporting-MTA: dns; relay.example\n>\n> Final-Recipient: rfc822; bob@example.org\n"
          "> Action: failed\n> Status: 4.4.1\n> Diagnostic-Code: X-Postfix; connect to mx.example.org[192.0.2.1]:25: "
          "Connection refused"),
      "connect_failed");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "> ";
  EXPECT_EQ(told_of(deep + "550 no\n" + deep + "550 no"), "too_long");
}

TEST(Recognise, replies_as_programs_print_them) {
  EXPECT_EQ(told_of("\u00ab550 5.1.1 no such user here\u00bb"), "user_unknown");
  EXPECT_EQ(told_of("Sent: 250 2.1.0 Ok\n  [15] => Response: 550 5.1.1 no such user here"), "user_unknown");
  EXPECT_EQ(
      told_of("SMTP server error: MAIL FROM command failed Detail: relaying denied\\r\\n SMTP code: 553 Additional "
              "SMTP info: 5.7.1"),
      "relay_denied");
  EXPECT_EQ(told_of("<bob@example.org> User doesn't exist: bob@example.org (in reply to RCPT TO command))"),
            "user_unknown");
}

TEST(Recognise, a_log_is_told_from_one_text) {
  EXPECT_TRUE(looks_like_log(std::string(postfix_line) + "\r\n" + std::string(postfix_line) + "\r\n"));
  EXPECT_FALSE(looks_like_log(postfix_line));
  EXPECT_FALSE(looks_like_log("550-5.1.1 a\n550 5.1.1 b\n"));
  EXPECT_FALSE(looks_like_log(bounce));
}

Report report_of(std::string_view input) {
  auto found = understand(input);
  EXPECT_TRUE(found.has_value());
  return std::get<Report>(*found);
}

TEST(Diagnosis, each_recipient_is_judged_and_can_be_passed_on) {
  const auto report = report_of(bounce);
  ASSERT_EQ(report.recipients.size(), 1u);
  const auto& one = report.recipients.front();
  ASSERT_TRUE(one.explanation.has_value());
  EXPECT_EQ(knowledge::entry(one.explanation->reason).key, "user_unknown");
  EXPECT_EQ(one.confirm.key, "recipient");
  EXPECT_EQ(one.confirm.command, "postil check ann@example.net --rcpt");
  const auto text = text_to_paste(one, i18n::Translator());
  EXPECT_THAT(text, HasSubstr("The message to ann@example.net was not delivered."));
  EXPECT_THAT(text, HasSubstr("mx.example.net replied: 550 5.1.1 User unknown"));
  for (const char* language : {"de", "ru"}) {
    EXPECT_THAT(text_to_paste(one, i18n::Translator(language)), Not(HasSubstr("The message"))) << language;
  }
}

TEST(Diagnosis, a_name_that_a_shell_would_take_for_more_makes_no_command) {
  const auto report = report_of(
      "From: a@example.net\nTo: b@example.net\nSubject: x\n\n<$(reboot)@example.net>:\n550 5.1.1 no such user\n");
  for (const auto& one : report.recipients) EXPECT_EQ(one.confirm.command.find('$'), std::string::npos);
}

TEST(Diagnosis, our_own_replies_are_known_in_the_bounces_of_others) {
  const auto report = report_of(
      "From: a@example.net\nTo: b@example.net\nSubject: x\n\n<bob@nomail.example>:\nRemote host said: 556 5.1.10 "
      "<bob@nomail.example> "
      "cannot get mail: nomail.example has a null MX\n");
  ASSERT_EQ(report.recipients.size(), 1u);
  EXPECT_EQ(knowledge::entry(report.recipients.front().explanation->reason).key, "recipient_null_mx");
}

TEST(ReportJson, has_an_object_for_each_recipient) {
  const auto value = boost::json::parse(to_json(report_of(bounce), i18n::Translator("de"))).as_object();
  EXPECT_EQ(value.at("input").as_string(), "bounce");
  EXPECT_EQ(value.at("language").as_string(), "de");
  const auto& one = value.at("recipients").as_array().at(0).as_object();
  EXPECT_EQ(one.at("address").as_string(), "ann@example.net");
  EXPECT_EQ(one.at("reason").as_string(), "user_unknown");
  EXPECT_EQ(one.at("group").as_string(), "address");
  EXPECT_EQ(one.at("persistence").as_string(), "permanent");
  EXPECT_EQ(one.at("who").as_string(), "sender");
  EXPECT_EQ(one.at("action").as_string(), "correct_address");
  EXPECT_GE(one.at("confidence").as_double(), 0.8);
  const auto& evidence = one.at("evidence").as_object();
  EXPECT_EQ(evidence.at("phase").as_string(), "rcpt");
  EXPECT_EQ(evidence.at("side").as_string(), "remote");
  EXPECT_EQ(evidence.at("host").as_string(), "mx.example.net");
  EXPECT_EQ(evidence.at("code").as_int64(), 550);
  EXPECT_EQ(evidence.at("enhanced_code").as_string(), "5.1.1");
  EXPECT_EQ(evidence.at("reply").as_string(), "550 5.1.1 User unknown");
}

TEST(ReportJson, is_utf8_also_where_an_address_was_cut) {
  std::string local;
  for (int i = 0; i < 300; ++i) local += "\xd1\x8f";
  const auto report = report_of("From: a@example.net\nTo: b@example.net\nSubject: x\n\n<x" + local +
                                "@example.net>:\n550 5.1.1 no user\n");
  EXPECT_TRUE(is_utf8(to_json(report, i18n::Translator())));
}

TEST(ReportJson, a_reply_has_its_recipient_too) {
  const auto answer = explain("550 5.1.1 no such user");
  const auto value = boost::json::parse(to_json(*answer, i18n::Translator())).as_object();
  EXPECT_EQ(value.at("input").as_string(), "reply");
  EXPECT_EQ(value.at("recipients").as_array().at(0).at("reason").as_string(), "user_unknown");
  EXPECT_EQ(value.at("reason").at("id").as_string(), "user_unknown");
}

TEST(ReportJson, what_was_delivered_has_no_reason) {
  const auto report = report_of(
      "Nov  2 10:00:01 relay postfix/smtp[1]: 9A8B7C6D5E: to=<bob@example.net>, relay=mx.example.net[192.0.2.1]:25, "
      "delay=1, "
      "delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)");
  const auto value = boost::json::parse(to_json(report, i18n::Translator(), 7)).as_object();
  EXPECT_EQ(value.at("line").as_int64(), 7);
  const auto& one = value.at("recipients").as_array().at(0).as_object();
  EXPECT_EQ(one.at("outcome").as_string(), "delivered");
  EXPECT_TRUE(one.at("reason").is_null());
}

const Report& report_of(const std::expected<Understood, NotUnderstood>& understood) {
  return std::get<Report>(understood.value());
}

constexpr std::string_view pretty = R"({
  "type": "Bounce",
  "recipient": "bob@example.org",
  "site": "mx.example.org",
  "response": {
    "code": 550,
    "enhanced_code": {"class": 5, "subject": 1, "detail": 1},
    "content": "no such user",
    "command": "RCPT TO:<bob@example.org>"
  },
  "num_attempts": 1
}
)";

TEST(Recognise, records_over_several_lines_each) {
  std::string text = "Nov  2 10:00:00 host kumod[17]: a delivery failed:\n" + std::string(pretty);
  std::string second(pretty);
  second.replace(second.find("bob@example.org"), 3, "ann");
  second.replace(second.find("no such user"), 12, "mailbox full");
  text += second;
  const auto understood = understand(text);
  ASSERT_TRUE(understood);
  const auto& report = report_of(understood);
  ASSERT_EQ(report.recipients.size(), 2u);
  EXPECT_EQ(report.recipients[0].observed.refusal.address, "bob@example.org");
  EXPECT_EQ(report.recipients[0].explanation->reason, knowledge::Reason::user_unknown);
  EXPECT_EQ(report.recipients[1].observed.refusal.address, "ann@example.org");
  EXPECT_EQ(report.recipients[1].explanation->reason, knowledge::Reason::mailbox_full);
}

TEST(Recognise, each_recipient_of_a_notification_even_one_without_words) {
  const auto understood = understand(R"({
  "notificationType": "Bounce",
  "bounce": {
    "bounceType": "Permanent", "bounceSubType": "MessageTooLarge",
    "bouncedRecipients": [
      {"emailAddress": "ann@example.org", "action": "failed", "status": "5.2.2",
       "diagnosticCode": "smtp; 552 5.2.2 mailbox full"},
      {"emailAddress": "bob@example.net"}
    ]
  },
  "mail": {"source": "me@example.com"}
})");
  ASSERT_TRUE(understood);
  const auto& report = report_of(understood);
  ASSERT_EQ(report.recipients.size(), 2u);
  EXPECT_EQ(report.recipients[0].explanation->reason, knowledge::Reason::mailbox_full);
  EXPECT_EQ(report.recipients[1].observed.refusal.address, "bob@example.net");
  EXPECT_EQ(report.recipients[1].explanation->reason, knowledge::Reason::message_too_big);
}

TEST(Recognise, what_ends_a_session_is_not_why_it_failed) {
  const auto session = understand(
      "S: 220 mx.example.org\nC: EHLO a.example\nS: 250 mx.example.org\nC: MAIL FROM:<a@b.example>\n"
      "S: 530 5.7.0 Must issue a STARTTLS command first\nC: QUIT\nS: 221 2.0.0 Bye\n");
  ASSERT_TRUE(session);
  const auto* answer = std::get_if<Answer>(&*session);
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->outcome, Outcome::permanent);
  EXPECT_EQ(answer->title, "reason.tls_required.name");
}

TEST(Recognise, lines_of_a_log_with_less_than_usual) {
  const auto exim = understand(
      "2026-11-20 14:18:21 1bPxwi-0001xA-Te SMTP error from remote mail server after MAIL "
      "FROM:<ann@example.com>: 421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred");
  ASSERT_TRUE(exim);
  EXPECT_EQ(report_of(exim).recipients.at(0).explanation->reason, knowledge::Reason::rate_limited);
  const auto opensmtpd = understand(
      "Apr 25 06:41:25 host smtpd[29]: smtp-out: Error on session 69738a26af1c7fa5: Connection closed unexpectedly");
  ASSERT_TRUE(opensmtpd);
  EXPECT_EQ(report_of(opensmtpd).recipients.at(0).explanation->reason, knowledge::Reason::connection_dropped);
  const auto mailer = understand(
      "message 'Expected response code 250 but got code \"550\", with message \"550 \n"
      "5.7.1 Command rejected");
  ASSERT_TRUE(mailer);
  EXPECT_NE(report_of(mailer).recipients.at(0).explanation->reason, knowledge::Reason::protocol_error);
}

TEST(Recognise, sentences_without_spaces) {
  for (const auto* text :
       {"收件人邮箱已满，无法接收邮件", "メールボックスの容量が上限を超えているため受信できません"}) {
    const auto understood = understand(text);
    ASSERT_TRUE(understood) << text;
    EXPECT_EQ(report_of(understood).recipients.front().explanation->reason, knowledge::Reason::mailbox_full) << text;
  }
}

TEST(Mbox, is_parted_at_its_marks_only) {
  const std::string mail =
      "From MAILER-DAEMON Mon Nov  2 10:00:00 2026\nFrom: a@example.org\nSubject: x\n\n"
      "From here on it is text.\n\nFrom the first word too.\n\n";
  EXPECT_EQ(mails_of(mail).size(), 1u);
  const std::string both = mail + mail;
  EXPECT_EQ(mails_of(both), (std::vector<std::string_view>{std::string_view(mail), std::string_view(mail)}));
  EXPECT_EQ(mails_of("550 no").size(), 1u);
  std::string many;
  for (std::size_t i = 0; i < mbox_mails_max + 10; ++i) many += mail;
  EXPECT_EQ(mails_of(many).size(), mbox_mails_max);
}

TEST(Transcript, of_several_hosts_gives_each_recipient_its_own_reply) {
  const auto reading = read_bounce(R"(From: Mail Delivery Subsystem <MAILER-DAEMON@mail.example.com>
To: me@example.com
Subject: Returned mail: see transcript for details

   ----- The following addresses had permanent fatal errors -----
<ann@example.org>
<bob@example.net>
<eve@example.edu>

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> RCPT To:<ann@example.org>
<<< 550 5.1.1 No such user
550 <ann@example.org>... User unknown
... while talking to mx.example.net.:
>>> DATA
<<< 552 5.2.2 mailbox of the recipient is full
554 <bob@example.net>... Service unavailable
... while talking to mx.example.edu.:
>>> MAIL From:<me@example.com>
<<< 553 5.7.1 your address is listed at bl.example.info
554 <eve@example.edu>... Service unavailable

   ----- Original message follows -----
Subject: x
)");
  ASSERT_EQ(reading.recipients.size(), 3u);
  EXPECT_EQ(reading.recipients[0].refusal.enhanced, (reply::EnhancedCode{5, 1, 1}));
  EXPECT_EQ(reading.recipients[1].refusal.enhanced, (reply::EnhancedCode{5, 2, 2}));
  EXPECT_EQ(reading.recipients[2].refusal.enhanced, (reply::EnhancedCode{5, 7, 1}));
  EXPECT_EQ(reading.recipients[2].refusal.code, 553);
}

}  // namespace
}  // namespace postil::diagnose
