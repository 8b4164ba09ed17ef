// Lines of filters' logs, from the line to the reason.
#include <gtest/gtest.h>

#include "diagnose/diagnosis.hpp"
#include "diagnose/log_line.hpp"
#include "diagnose/recognise.hpp"

namespace postil::diagnose {
namespace {

struct Form {
  const char* line;
  const char* outcome;
  const char* address;
  const char* reason;
};

class FilterLog : public testing::TestWithParam<Form> {};

TEST_P(FilterLog, tells_what_the_filter_did_and_why) {
  const auto& want = GetParam();
  auto found = read_log_line(want.line);
  ASSERT_TRUE(found.known) << want.line;
  ASSERT_FALSE(found.recipients.empty()) << want.line;
  Reading reading;
  reading.input = Input::log_line;
  reading.recipients = std::move(found.recipients);
  const auto report = judge(std::move(reading));
  const auto& told = report.recipients.front();
  EXPECT_EQ(dsn::to_string(told.observed.action), want.outcome) << want.line;
  EXPECT_EQ(told.observed.refusal.address, want.address) << want.line;
  ASSERT_TRUE(told.explanation) << want.line;
  EXPECT_EQ(knowledge::entry(told.explanation->reason).key, want.reason) << want.line;
}

INSTANTIATE_TEST_SUITE_P(
    Rspamd, FilterLog,
    testing::Values(
        Form{
            R"j(2026-11-02 10:00:01 #471(rspamd_proxy) <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, qid: <4XyZ>, ip: 203.0.113.9, from: <app@example.org>, (default: T (reject): [19.30/15.00] [BAYES_SPAM(5.10){100.00%;},R_SPF_FAIL(1.00){-all;},SURBL_BLOCK(3.00){}]), len: 2112, time: 342.1ms, dns req: 22, digest: <00aa>, rcpts: <ann@example.net>, mime_rcpts: <list@example.net>)j",
            "failed", "ann@example.net", "spam_content"},
        Form{
            R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, ip: 203.0.113.9, from: <app@example.org>, (default: F (soft reject): [4.20/15.00] [GREYLIST(0.00){greylisted;}]), len: 812, time: 42.1ms, dns req: 2, digest: <00aa>, rcpts: <ann@example.net>, forced: soft reject "Try again later"; score=nan (set by greylist))j",
            "delayed", "ann@example.net", "greylisted"},
        Form{
            R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, from: <app@example.org>, (default: T (reject): [0.20/15.00] [CLAM_VIRUS(0.00){Eicar;}]), len: 812, time: 42.1ms, dns req: 2, digest: <00aa>, rcpts: <ann@example.net>, forced: reject "clamav: virus found: "Eicar""; score=nan (set by clamav))j",
            "failed", "ann@example.net", "virus"},
        Form{
            R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, user: bob, from: <bob@example.org>, (default: F (soft reject): [0.20/15.00] []), len: 812, time: 42.1ms, dns req: 2, digest: <00aa>, rcpts: <ann@example.net>, forced: soft reject "Ratelimit "user" exceeded"; score=nan (set by ratelimit))j",
            "delayed", "ann@example.net", "sender_account_limited"},
        Form{
            R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, from: <app@example.org>, (default: T (reject): [3.10/15.00] [DMARC_POLICY_REJECT(2.00){}]), len: 812, time: 42.1ms, dns req: 2, digest: <00aa>, rcpts: <ann@example.net>, forced: reject "not here"; score=nan (set by dmarc))j",
            "failed", "ann@example.net", "dmarc_reject"}));

INSTANTIATE_TEST_SUITE_P(
    Amavis, FilterLog,
    testing::Values(
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-05) Blocked SPAM {RejectedInbound,Quarantined}, [203.0.113.9]:41234 [203.0.113.9] <app@example.org> -> <ann@example.net>, quarantine: s.gz, Queue-ID: 4XyZ, Hits: 17.2, size: 3123, 1842 ms)j",
            "failed", "ann@example.net", "spam_content"},
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-06) Blocked INFECTED (Eicar) {DiscardedInbound}, [203.0.113.9]:41234 <app@example.org> -> <ann@example.net>, Hits: -, 842 ms)j",
            "failed", "ann@example.net", "virus"},
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-07) Blocked BANNED (multipart/mixed | .exe,tool.exe) {BouncedInbound}, [203.0.113.9]:41234 <app@example.org> -> <ann@example.net>, Hits: -, 842 ms)j",
            "failed", "ann@example.net", "attachment_forbidden"},
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-08) Blocked BAD-HEADER-7 {TempFailedInbound}, [203.0.113.9]:41234 <app@example.org> -> <ann@example.net>, Hits: -, 842 ms)j",
            "delayed", "ann@example.net", "header_noncompliant"},
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-09) Blocked OVERSIZED, [203.0.113.9] <app@example.org> -> <ann@example.net>, Hits: -, 842 ms)j",
            "failed", "ann@example.net", "message_too_big"},
        Form{
            R"j(Nov  2 10:00:01 mx amavis[471]: (00471-10) Blocked UNCHECKED-ENCRYPTED {BouncedInbound}, [203.0.113.9] <app@example.org> -> <ann@example.net>, Hits: -, 842 ms)j",
            "failed", "ann@example.net", "attachment_forbidden"}));

INSTANTIATE_TEST_SUITE_P(
    Postgrey, FilterLog,
    testing::Values(Form{
        R"j(Nov  2 10:00:01 mx postgrey[471]: action=greylist, reason=early-retry (120s missing), client_name=a.example.org, client_address=203.0.113.9, sender=app@example.org, recipient=ann@example.net)j",
        "delayed", "ann@example.net", "greylisted"}));

TEST(FilterLog, what_is_let_pass_is_nobody_s_refusal) {
  for (
      const char* line :
      {R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, from: <app@example.org>, (default: F (no action): [-1.10/15.00] [R_SPF_ALLOW(-0.20){}]), len: 812, time: 42.1ms, rcpts: <ann@example.net>)j",
       R"j(Nov  2 10:00:01 mx rspamd[471]: <a1b2c3>; task; rspamd_task_write_log: id: <m1@example.org>, from: <app@example.org>, (default: F (add header): [7.10/15.00] [BAYES_SPAM(5.10){}]), len: 812, time: 42.1ms, rcpts: <ann@example.net>)j",
       R"j(Nov  2 10:00:01 mx amavis[471]: (00471-05) Passed CLEAN {RelayedInbound}, [203.0.113.9]:41234 <app@example.org> -> <ann@example.net>, Hits: 0.2, queued_as: 4DEF, 842 ms)j",
       R"j(Nov  2 10:00:01 mx postgrey[471]: action=pass, reason=triplet found, delay=312, sender=app@example.org, recipient=ann@example.net)j"}) {
    const auto found = read_log_line(line);
    EXPECT_TRUE(found.known) << line;
    EXPECT_TRUE(found.recipients.empty()) << line;
  }
}

TEST(FilterLog, each_recipient_is_told) {
  const auto found = read_log_line(
      R"j(Nov  2 10:00:01 mx amavis[471]: (00471-05) Blocked SPAM {RejectedInbound}, [203.0.113.9] <app@example.org> -> <ann@example.net>,<bob@example.net>, Hits: 17.2, 1842 ms)j");
  ASSERT_EQ(found.recipients.size(), 2u);
  EXPECT_EQ(found.recipients[1].refusal.address, "bob@example.net");
}

TEST(FilterLog, a_line_that_was_cut_off_is_no_refusal) {
  for (const char* line :
       {"rspamd_task_write_log: id: <m1@example.org>, (default: T (reject", "rspamd_task_write_log: (default: ): [(",
        "mx amavis[471]: (00471-05) Blocked SPAM", "Nov  2 10:00:01 mx amavis[471]: (00471-05"}) {
    EXPECT_TRUE(read_log_line(line).recipients.empty()) << line;
  }
}

TEST(FilterLog, a_process_is_no_code) {
  EXPECT_FALSE(read_log_line("Nov  2 10:00:01 mx dovecot[523]: imap-login: Login: user=<ann@example.net>").known);
  EXPECT_TRUE(read_log_line("Nov  2 10:00:01 mx prog[523]: to=<ann@example.net> 550 5.1.1 no such user").known);
}

TEST(FilterBounce, a_virus_scanner_s_note_is_a_message_that_did_not_arrive) {
  const auto found = understand(
      "From: scanner@example.net\nTo: ann@example.org\nSubject: Alert\n\n"
      "The scanner has detected virus(es) in your mail.\n\nTo: bob@example.net\nVirus: W97M_TEST\nAction: deleted\n");
  ASSERT_TRUE(found);
  const auto* report = std::get_if<Report>(&*found);
  ASSERT_NE(report, nullptr);
  ASSERT_EQ(report->recipients.size(), 1u);
  ASSERT_TRUE(report->recipients[0].explanation);
  EXPECT_EQ(report->recipients[0].explanation->reason, knowledge::Reason::virus);
}

TEST(FilterBounce, the_name_of_a_scanner_is_no_virus) {
  const auto found = understand(
      "From: postmaster@example.net\nTo: ann@example.org\nSubject: Mail rejected\n\n"
      "You have sent a message which was not requested and has been rejected:\n  To: bob@example.net\n\n"
      "-- \nMailScanner\nEmail Virus Scanner\n");
  ASSERT_TRUE(found);
  const auto* report = std::get_if<Report>(&*found);
  ASSERT_NE(report, nullptr);
  ASSERT_FALSE(report->recipients.empty());
  ASSERT_TRUE(report->recipients[0].explanation);
  EXPECT_EQ(report->recipients[0].explanation->reason, knowledge::Reason::policy_other);
}

}  // namespace
}  // namespace postil::diagnose
