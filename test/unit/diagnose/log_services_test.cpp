// Records of programs and services that send at volume: PowerMTA's accounting files, events in JSON.
#include <gtest/gtest.h>

#include "diagnose/diagnosis.hpp"
#include "diagnose/log_line.hpp"

namespace postil::diagnose {
namespace {

Diagnosis told(std::string_view line) {
  auto found = read_log_line(line);
  EXPECT_TRUE(found.known) << line;
  Reading reading;
  reading.input = Input::log_line;
  reading.recipients = std::move(found.recipients);
  auto report = judge(std::move(reading));
  EXPECT_EQ(report.recipients.size(), 1u) << line;
  return report.recipients.empty() ? Diagnosis{} : std::move(report.recipients.front());
}

std::string reason(std::string_view line) {
  const auto found = told(line);
  return found.explanation ? std::string(knowledge::entry(found.explanation->reason).key) : "";
}

TEST(PowerMta, a_bounce_is_told_by_what_the_other_host_said) {
  const auto found = told(
      R"(b,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,,failed,5.2.2 (mailbox full),"smtp;552 5.2.2 The mailbox, ""ann"", is full",MX.example.net (192.0.2.1),quota-issues,smtp,app (192.0.2.9),smtp,192.0.2.8,192.0.2.1,"8BITMIME,SIZE",4711,vmta1,job,,example.net/vmta1)");
  const auto& refusal = found.observed.refusal;
  EXPECT_EQ(refusal.address, "ann@example.net");
  EXPECT_EQ(refusal.code, 552);
  EXPECT_EQ(refusal.host, "mx.example.net");
  EXPECT_EQ(refusal.side, Side::remote);
  EXPECT_EQ(found.observed.action, dsn::Action::failed);
  ASSERT_TRUE(found.explanation);
  EXPECT_EQ(found.explanation->reason, knowledge::Reason::mailbox_full);
}

TEST(PowerMta, without_a_reply_its_status_and_its_category_tell) {
  const auto found = told(
      "t,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,,delayed,4.4.1 (no answer "
      "from host),,mx.example.net (192.0.2.1),no-answer-from-host,smtp,app (192.0.2.9)");
  EXPECT_EQ(found.observed.action, dsn::Action::delayed);
  EXPECT_EQ(found.observed.refusal.side, Side::local);
  ASSERT_TRUE(found.explanation);
  EXPECT_EQ(found.explanation->reason, knowledge::Reason::connect_failed);
  // Its own sorting alone is not said without reserve.
  const auto sorted = told(
      "b,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,,failed,5.0.0 (undefined "
      "status),,,bad-mailbox,smtp,app (192.0.2.9)");
  ASSERT_TRUE(sorted.explanation);
  EXPECT_EQ(sorted.explanation->reason, knowledge::Reason::user_unknown);
  EXPECT_EQ(sorted.explanation->confidence, Confidence::likely);
}

TEST(PowerMta, the_columns_may_stand_in_any_order) {
  EXPECT_EQ(
      reason(
          R"(b,bad-mailbox,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,failed,5.1.1 (bad destination mailbox address),"smtp;550 No such user here",vmta1,job)"),
      "user_unknown");
}

TEST(PowerMta, other_records_and_the_line_of_names_are_of_no_refusal) {
  for (const auto* line :
       {"type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat",
        "r,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,smtp,vmta1,job"}) {
    const auto found = read_log_line(line);
    EXPECT_TRUE(found.known) << line;
    EXPECT_TRUE(found.recipients.empty()) << line;
  }
  const auto sent = read_log_line(
      R"(d,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,news@example.org,ann@example.net,,relayed,2.0.0 (success),"smtp;250 2.0.0 OK",mx.example.net (192.0.2.1),,smtp)");
  ASSERT_EQ(sent.recipients.size(), 1u);
  EXPECT_EQ(sent.recipients.front().action, dsn::Action::delivered);
  EXPECT_FALSE(read_log_line("b,eggs,milk,butter,ann@example.net,flour,5.1.1").known);
}

TEST(Told, a_rule_that_knows_who_acts_is_heard_in_a_line_too) {
  const auto relay =
      told("2026-11-02 10:00:01 ann@example.net 451 4.3.5 The host specified as SMTP relay server could not be found");
  ASSERT_TRUE(relay.explanation);
  EXPECT_EQ(relay.explanation->reason, knowledge::Reason::server_error);
  EXPECT_EQ(relay.explanation->act, knowledge::Role::sender_admin);
  EXPECT_EQ(relay.explanation->action, knowledge::Action::fix_config);
}

TEST(Events, the_words_are_taken_from_where_each_service_puts_them) {
  EXPECT_EQ(
      reason(
          R"({"event":"failed","severity":"permanent","reason":"bounce","recipient":"ann@example.net","delivery-status":{"code":550,"message":"5.1.1 No such user"}})"),
      "user_unknown");
  EXPECT_EQ(
      reason(
          R"({"event":"failed","severity":"permanent","reason":"generic","recipient":"ann@example.net","delivery-status":{"code":498,"message":"No MX for example.net"}})"),
      "no_mail_host");
  EXPECT_EQ(
      reason(
          R"([{"event":"hard_bounce","msg":{"email":"ann@example.net","bounce_description":"bad_mailbox","diag":"smtp;550 5.1.1 User unknown"}}])"),
      "user_unknown");
  EXPECT_EQ(
      reason(
          R"({"event_type":"bounce_bad_address","email":"ann@example.net","bounce_code":10,"bounce_text":"550 5.1.1 No such user"})"),
      "user_unknown");
}

}  // namespace
}  // namespace postil::diagnose
