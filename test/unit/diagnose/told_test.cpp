// A report of ours tells its reader what `postil explain` says of the reply, and `postil explain` understands the
// report.
#include "diagnose/told.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnose/diagnosis.hpp"
#include "diagnose/recognise.hpp"
#include "dsn/human.hpp"
#include "dsn/writer.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {
namespace {

using queue::Reason;
using Cause = knowledge::Reason;
using testing::HasSubstr;

queue::RecipientState refused(Reason reason, std::string_view reply) {
  queue::RecipientState state;
  state.status = queue::RecipientStatus::failed;
  state.reason = reason;
  state.attempts = 1;
  if (reply.empty()) return state;
  state.remote = "mx.example.net [192.0.2.7]";
  state.diagnostic = reply;
  state.diagnostic_remote = true;
  return state;
}

dsn::Report made(const queue::RecipientState& state, std::string_view language) {
  dsn::Report report;
  report.host = "mail.example.org";
  report.id = "R1";
  report.language = language;
  report.original.sender = "ann@example.org";
  report.original.recipients.push_back({"bob@example.net", "", 0});
  report.original_header = "Subject: hello\r\n\r\n";
  report.recipients = {state};
  report.told = {told(state)};
  return report;
}

std::string report_of(const queue::RecipientState& state, std::string_view language) {
  return dsn::write(made(state, language));
}

struct Case {
  Reason reason;
  std::string_view reply;
  Cause cause;
};
constexpr Case cases[] = {
    {Reason::recipient_refused, "550 5.1.1 The email account that you tried to reach does not exist",
     Cause::user_unknown},
    {Reason::recipient_refused, "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org",
     Cause::dnsbl_listed},
    {Reason::recipient_refused, "452 4.2.2 The recipient's inbox is out of storage space", Cause::mailbox_full},
    {Reason::message_refused, "552 5.3.4 Message size exceeds fixed limit", Cause::message_too_big},
    {Reason::refused_us, "554 5.7.1 Access denied, blocked using bl.example.org", Cause::dnsbl_listed},
    {Reason::null_mx, "", Cause::recipient_null_mx},
    {Reason::domain_not_found, "", Cause::domain_not_found},
    {Reason::no_address, "", Cause::no_mail_host},
    {Reason::host_accepts_no_mail, "521 mx.example.net takes no mail", Cause::host_accepts_no_mail},
    {Reason::connect_failed, "", Cause::connect_failed},
    {Reason::mail_loop, "", Cause::routing_loop},
    {Reason::needs_8bitmime, "", Cause::charset_or_8bit},
    {Reason::too_big, "", Cause::message_too_big},
};

TEST(Told, our_own_reports_are_understood_with_certainty_in_each_language) {
  for (const auto language : i18n::known_languages()) {
    for (const auto& [reason, reply, cause] : cases) {
      SCOPED_TRACE(testing::Message() << language << ": " << reply << " " << knowledge::entry(cause).key);
      const auto understood = understand(report_of(refused(reason, reply), language));
      ASSERT_TRUE(understood.has_value());
      const auto* report = std::get_if<Report>(&*understood);
      ASSERT_NE(report, nullptr);
      ASSERT_EQ(report->recipients.size(), 1u);
      const auto& explanation = report->recipients[0].explanation;
      ASSERT_TRUE(explanation.has_value());
      EXPECT_EQ(knowledge::entry(explanation->reason).key, knowledge::entry(cause).key);
      EXPECT_EQ(explanation->confidence, Confidence::certain);
    }
  }
}

// What a plain text program shows of it, as a whole, the reader's half alone, or quoted by the one who passed it on.
TEST(Told, their_text_alone_is_enough_in_each_language) {
  for (const auto language : i18n::known_languages()) {
    for (const auto& [reason, reply, cause] : cases) {
      for (const auto kind : {dsn::Kind::failed, dsn::Kind::delayed}) {
        auto report = made(refused(reason, reply), language);
        report.kind = kind;
        const std::string whole = dsn::human_part(report).text;
        const std::string half = whole.substr(0, whole.find(std::string(72, '-')));
        std::string quoted = "Anna wrote:\n> ";
        for (const char c : half) quoted += c == '\n' ? "\n> " : std::string(1, c);
        for (const std::string& text : {whole, half, quoted}) {
          SCOPED_TRACE(testing::Message() << knowledge::entry(cause).key << "\n" << text);
          const auto understood = understand(text);
          ASSERT_TRUE(understood.has_value());
          const auto* read = std::get_if<Report>(&*understood);
          ASSERT_NE(read, nullptr);
          ASSERT_EQ(read->recipients.size(), 1u);
          const auto& one = read->recipients[0];
          EXPECT_EQ(one.observed.refusal.address, "bob@example.net");
          EXPECT_EQ(one.observed.action, kind == dsn::Kind::failed ? dsn::Action::failed : dsn::Action::delayed);
          ASSERT_TRUE(one.explanation.has_value());
          EXPECT_EQ(knowledge::entry(one.explanation->reason).key, knowledge::entry(cause).key);
          EXPECT_EQ(one.explanation->confidence, Confidence::certain);
          if (!reply.empty()) EXPECT_EQ(one.observed.reply, reply);
        }
      }
    }
  }
}

// What no reason of the catalogue says is explained in the report's own words.
TEST(Told, what_we_found_out_ourselves_is_explained_as_we_said_it) {
  const std::pair<Reason, std::string_view> own[] = {{Reason::suppressed, "suppressed"},
                                                     {Reason::returned_by_admin, "returned_by_admin"},
                                                     {Reason::auth_failed, "own_trouble"},
                                                     {Reason::deliver_by_over, "deliver_by_over"}};
  for (const auto language : i18n::known_languages()) {
    for (const auto& [reason, advice] : own) {
      auto state = refused(reason, "");
      state.diagnostic = "something of our own";
      const auto report = made(state, language);
      for (const auto& text : {dsn::write(report), dsn::human_part(report).text}) {
        SCOPED_TRACE(testing::Message() << advice << "\n" << text);
        const auto understood = understand(text);
        ASSERT_TRUE(understood.has_value());
        const auto* read = std::get_if<Report>(&*understood);
        ASSERT_NE(read, nullptr);
        ASSERT_EQ(read->recipients.size(), 1u);
        const auto& explanation = read->recipients[0].explanation;
        ASSERT_TRUE(explanation.has_value());
        EXPECT_EQ(explanation->what, "bounce.advice." + std::string(advice) + ".what");
        EXPECT_EQ(explanation->act_text, "bounce.advice." + std::string(advice) + ".do");
        EXPECT_EQ(explanation->confidence, Confidence::certain);
      }
    }
  }
}

TEST(Told, a_text_of_success_is_none_of_failure) {
  for (const auto language : i18n::known_languages()) {
    auto report = made(refused(Reason::delivered, ""), language);
    report.kind = dsn::Kind::relayed;
    const auto understood = understand(dsn::human_part(report).text);
    ASSERT_TRUE(understood.has_value()) << language;
    const auto* read = std::get_if<Report>(&*understood);
    ASSERT_NE(read, nullptr);
    ASSERT_EQ(read->recipients.size(), 1u);
    EXPECT_EQ(read->recipients[0].observed.action, dsn::Action::relayed);
  }
}

TEST(Told, the_report_says_what_explain_says_of_the_reply) {
  const std::string_view reply = "550 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org";
  const auto answer = explain(reply, knowledge::Stage::rcpt);
  const auto said = told(refused(Reason::recipient_refused, reply));
  ASSERT_TRUE(answer.has_value() && said.has_value());
  EXPECT_EQ(said->what, answer->what);
  EXPECT_EQ(said->act, answer->reply->act_text);
  EXPECT_EQ(said->who, "your_admin");
}

TEST(Told, who_waited_in_vain_is_not_told_to_wait) {
  auto state = refused(Reason::expired, "452 4.3.1 insufficient system storage");
  state.last_reason = Reason::host_deferred;
  const auto said = told(state);
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->act, "bounce.advice.not_now.do");
  state.diagnostic = "452 4.2.2 mailbox full";
  state.last_reason = Reason::recipient_deferred;
  ASSERT_TRUE(told(state).has_value());
  EXPECT_EQ(told(state)->act, "reason.mailbox_full.do");
}

TEST(Told, nothing_where_no_server_decided_or_its_words_do_not_tell) {
  EXPECT_FALSE(told(refused(Reason::null_mx, "")));
  EXPECT_FALSE(told(refused(Reason::host_accepts_no_mail, "521 no")));  // the reason says it better
  EXPECT_FALSE(told(refused(Reason::recipient_refused, "550 no")));
  // The message waits since a 554 is taken for a refusal of us: that the host takes no mail at all is not told.
  auto state = refused(Reason::refused_us, "554 no SMTP service here");
  ASSERT_TRUE(told(state).has_value());
  EXPECT_EQ(told(state)->cause, Cause::host_accepts_no_mail);
  state.refused_since = WallTime(Duration(1));
  EXPECT_FALSE(told(state));
}

}  // namespace
}  // namespace postil::diagnose
