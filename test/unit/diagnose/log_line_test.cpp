#include "diagnose/log_line.hpp"

#include <gtest/gtest.h>

namespace postil::diagnose {
namespace {

struct Line {
  const char* line;
  const char* mta;
  const char* address;
  int code;
  const char* enhanced;
  const char* action;
  const char* stage;
  const char* host;
  const char* text;
};

class LogLineOf : public testing::TestWithParam<Line> {};

TEST_P(LogLineOf, one_delivery) {
  const auto& want = GetParam();
  const auto found = read_log_line(want.line);
  ASSERT_TRUE(found.known) << want.line;
  EXPECT_EQ(found.mta, want.mta) << want.line;
  ASSERT_EQ(found.recipients.size(), 1u) << want.line;
  const auto& [refusal, action, reply] = found.recipients.front();
  EXPECT_EQ(refusal.address, want.address) << want.line;
  EXPECT_EQ(refusal.code, want.code) << want.line;
  EXPECT_EQ(reply::to_string(refusal.enhanced), want.enhanced) << want.line;
  EXPECT_EQ(dsn::to_string(action), want.action) << want.line;
  EXPECT_EQ(knowledge::to_string(refusal.stage), want.stage) << want.line;
  EXPECT_EQ(refusal.host, want.host) << want.line;
  EXPECT_EQ(refusal.text, want.text) << want.line;
  EXPECT_EQ(refusal.delayed, action == dsn::Action::delayed) << want.line;
}

INSTANTIATE_TEST_SUITE_P(
    Postfix, LogLineOf,
    testing::Values(
        Line{"Nov  2 10:00:01 relay postfix/smtp[4711]: 4XyZab1cd2z3: to=<ann@example.net>, "
             "relay=mx.example.net[192.0.2.1]:25, "
             "delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 "
             "5.1.1 "
             "<ann@example.net>: Recipient address rejected: User unknown (in reply to RCPT TO command))",
             "postfix", "ann@example.net", 550, "5.1.1", "failed", "rcpt", "mx.example.net",
             "<ann@example.net>: Recipient address rejected: User unknown"},
        Line{"2026-11-02T10:00:01.123456+01:00 relay postfix-out/smtp[4711]: 9A8B7C6D5E: to=<bob@example.net>, "
             "relay=none, delay=30, "
             "delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.1]:25: Connection timed "
             "out)",
             "postfix", "bob@example.net", 0, "4.4.1", "delayed", "connect", "mx.example.net",
             "connect to mx.example.net[192.0.2.1]:25: Connection timed out"},
        Line{"Nov  2 10:00:01 relay postfix/smtp[1]: 9A8B7C6D5E: to=<bob@example.net>, "
             "relay=mx.example.net[192.0.2.1]:25, delay=1, "
             "delays=0/0/1/0, dsn=4.7.1, status=deferred (host mx.example.net[192.0.2.1] refused to talk to me: 421 "
             "4.7.1 too "
             "many connections from 203.0.113.9)",
             "postfix", "bob@example.net", 421, "4.7.1", "delayed", "connect", "mx.example.net",
             "too many connections from 203.0.113.9"},
        Line{"Nov  2 10:00:01 relay postfix/smtp[1]: 9A8B7C6D5E: to=<bob@example.net>, "
             "relay=mx.example.net[192.0.2.1]:25, delay=1, "
             "delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 1234)",
             "postfix", "bob@example.net", 250, "2.0.0", "delivered", "any", "mx.example.net", "Ok: queued as 1234"},
        // An id that somebody has shortened, and one that was cut out.
        Line{"Nov  2 10:00:01 mx postfix/smtp[1]: 4ABC: to=<bob@example.net>, relay=mx.example.net[192.0.2.1]:25, "
             "delay=1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no such user (in "
             "reply to RCPT TO command))",
             "postfix", "bob@example.net", 550, "5.1.1", "failed", "rcpt", "mx.example.net", "no such user"},
        Line{"Nov  2 10:00:01 mx postfix/smtpd[1]: reject: RCPT from a.example[203.0.113.9]: 450 4.2.0 "
             "<b@example.org>: Recipient address rejected: Greylisted; from=<a@example.com> to=<b@example.org> "
             "proto=ESMTP helo=<x>",
             "postfix", "b@example.org", 450, "4.2.0", "delayed", "rcpt", "",
             "<b@example.org>: Recipient address rejected: Greylisted"},
        Line{"Nov  2 10:00:01 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 "
             "<carol@example.org>: Relay access denied; from=<x@example.com> to=<carol@example.org> proto=ESMTP "
             "helo=<x>",
             "postfix", "carol@example.org", 554, "5.7.1", "failed", "rcpt", "",
             "<carol@example.org>: Relay access denied"},
        Line{"Nov  2 10:00:01 mx postfix/postscreen[1]: NOQUEUE: reject: RCPT from [203.0.113.9]:51000: 550 5.7.1 "
             "Service "
             "unavailable; client [203.0.113.9] blocked using zen.example; from=<a@example.com>, to=<b@example.org>, "
             "proto=ESMTP, "
             "helo=<x>",
             "postfix", "b@example.org", 550, "5.7.1", "failed", "rcpt", "",
             "Service unavailable; client [203.0.113.9] blocked using zen.example"},
        Line{"Nov  2 10:00:01 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from a.example[203.0.113.9]: 450 4.2.0 "
             "<b@example.org>: "
             "Recipient address rejected: Greylisted; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<x>",
             "postfix", "b@example.org", 450, "4.2.0", "delayed", "rcpt", "",
             "<b@example.org>: Recipient address rejected: Greylisted"},
        Line{"Nov  2 10:00:01 mx postfix/cleanup[1]: 9A8B7C6D5E: milter-reject: END-OF-MESSAGE from "
             "a.example[203.0.113.9]: 5.7.1 "
             "Spam message rejected; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<x>",
             "postfix", "b@example.org", 0, "5.7.1", "failed", "message", "", "Spam message rejected"},
        Line{"Nov  2 10:00:01 mx postfix/cleanup[1]: 9A8B7C6D5E: reject: header Subject: 550 wins from "
             "a.example[203.0.113.9]; "
             "from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<x>: 5.7.1 no lotteries here",
             "postfix", "b@example.org", 0, "5.7.1", "failed", "message", "", "no lotteries here"},
        Line{"Nov  2 10:00:01 mx postfix/smtpd[1]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: "
             "UGFzc3dvcmQ6",
             "postfix", "", 0, "", "failed", "auth", "", "SASL LOGIN authentication failed"},
        Line{"Nov  2 10:00:01 mx postfix/local[1]: 9A8B7C6D5E: to=<dan@example.org>, orig_to=<d@example.org>, "
             "relay=local, "
             "delay=0.1, delays=0.1/0/0/0, dsn=5.1.1, status=bounced (unknown user: \"dan\")",
             "postfix", "dan@example.org", 0, "5.1.1", "failed", "any", "", "unknown user: \"dan\""}));

INSTANTIATE_TEST_SUITE_P(
    Exim, LogLineOf,
    testing::Values(
        Line{"2026-11-02 10:00:01 1qAbCd-000123-Xy ** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net "
             "[192.0.2.1] "
             "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes: SMTP error from remote mail server after RCPT "
             "TO:<ann@example.net>: "
             "550 5.1.1 No such user",
             "exim", "ann@example.net", 550, "5.1.1", "failed", "rcpt", "mx.example.net", "No such user"},
        Line{"2026-11-02 10:00:01 [4711] 1qAbCd-00000000123-Xyz9 == bob@example.net R=dnslookup T=remote_smtp defer "
             "(-44) "
             "H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<bob@example.net>: 451 "
             "4.7.1 "
             "Greylisting in action, please come back later",
             "exim", "bob@example.net", 451, "4.7.1", "delayed", "rcpt", "mx.example.net",
             "Greylisting in action, please come back later"},
        Line{"2026-11-02 10:00:01 +0100 1qAbCd-000123-Xy == bob@example.net R=dnslookup T=remote_smtp defer (110): "
             "Connection timed "
             "out",
             "exim", "bob@example.net", 0, "", "delayed", "any", "", "Connection timed out"},
        Line{"2026-11-02 10:00:01 1qAbCd-000123-Xy ** eve@nowhere.example: Unrouteable address", "exim",
             "eve@nowhere.example", 0, "", "failed", "any", "", "Unrouteable address"},
        Line{
            "2026-11-02 10:00:01 1qAbCd-000123-Xy ** list <eve@example.net> F=<a@example.org> R=x T=y: mailbox is full",
            "exim", "eve@example.net", 0, "", "failed", "any", "", "mailbox is full"},
        Line{"2026-11-02 10:00:01 1qAbCd-000123-Xy => ann@example.net R=dnslookup T=remote_smtp H=mx.example.net "
             "[192.0.2.1] "
             "C=\"250 2.0.0 Ok: queued\"",
             "exim", "ann@example.net", 250, "2.0.0", "delivered", "any", "mx.example.net", "Ok: queued"},
        Line{"2026-11-02 10:00:01 H=(x) [203.0.113.9] F=<a@example.com> rejected RCPT <b@example.org>: relay not "
             "permitted",
             "exim", "b@example.org", 0, "", "failed", "rcpt", "", "relay not permitted"},
        Line{"2026-11-02 10:00:01 H=a.example [203.0.113.9] F=<a@example.com> temporarily rejected RCPT "
             "<b@example.org>: greylisted",
             "exim", "b@example.org", 0, "", "delayed", "rcpt", "", "greylisted"},
        Line{"2026-11-02 10:00:01 1qAbCd-000123-Xy H=a.example [203.0.113.9] F=<a@example.com> rejected after DATA: "
             "This message "
             "scored 12.5 spam points.",
             "exim", "", 0, "", "failed", "message", "", "This message scored 12.5 spam points."},
        Line{"Nov  2 10:00:01 mx exim[77]: 2026-11-02 10:00:01 plain_login authenticator failed for (x) [203.0.113.9]: "
             "535 Incorrect "
             "authentication data (set_id=bob)",
             "exim", "", 535, "", "failed", "auth", "", "Incorrect authentication data (set_id=bob)"}));

INSTANTIATE_TEST_SUITE_P(
    Others, LogLineOf,
    testing::Values(
        Line{"Nov  2 10:00:01 mx sendmail[4711]: 4A1B2C3D4E5F: to=<ann@example.net>, delay=00:00:02, xdelay=00:00:01, "
             "mailer=esmtp, "
             "pri=120, relay=mx.example.net. [192.0.2.1], dsn=5.1.1, stat=User unknown",
             "sendmail", "ann@example.net", 0, "5.1.1", "failed", "any", "mx.example.net", "User unknown"},
        Line{"Nov  2 10:00:01 mx sm-mta[4711]: 4A1B2C3D4E5F: to=<ann@example.net>, delay=00:00:02, mailer=esmtp, "
             "pri=120, "
             "relay=mx.example.net. [192.0.2.1], dsn=4.0.0, stat=Deferred: 451 4.7.1 Please try again later",
             "sendmail", "ann@example.net", 451, "4.7.1", "delayed", "any", "mx.example.net", "Please try again later"},
        Line{"Nov  2 10:00:01 mx sm-mta[1]: 4A1B2C3D4E5F: ruleset=check_rcpt, arg1=<b@example.org>, "
             "relay=[203.0.113.9], reject=550 "
             "5.7.1 <b@example.org>... Relaying denied",
             "sendmail", "b@example.org", 550, "5.7.1", "failed", "rcpt", "", "<b@example.org>... Relaying denied"},
        Line{"Nov  2 10:00:01 mx smtpd[99]: 1234abcd mta delivery evpid=1234abcd5678ef90 from=<a@example.org> "
             "to=<ann@example.net> "
             "rcpt=<-> source=\"198.51.100.1\" relay=\"192.0.2.1 (mx.example.net)\" delay=2s result=\"PermFail\" "
             "stat=\"550 5.1.1 no "
             "mailbox \\\"ann\\\"\"",
             "opensmtpd", "ann@example.net", 550, "5.1.1", "failed", "any", "mx.example.net", "no mailbox \\\"ann\\\""},
        Line{"Nov  2 10:00:01 mx smtpd[99]: smtp-out: Failed to resolve MX for [relay:example.net,mx]: No MX found for "
             "domain",
             "opensmtpd", "", 0, "", "delayed", "any", "", "No MX found for domain"},
        Line{
            "Nov 02 10:00:01 host=smtp.example.net tls=on auth=on user=c from=c@example.org recipients=ann@example.net "
            "smtpstatus=550 smtpmsg='550 5.1.1 there's no ann' errormsg='recipient address ann@example.net not "
            "accepted by "
            "the server' exitcode=EX_DATAERR",
            "msmtp", "ann@example.net", 550, "5.1.1", "failed", "rcpt", "smtp.example.net", "there's no ann"},
        Line{"Nov 02 10:00:01 host=smtp.example.net tls=on auth=off from=c@example.org recipients=ann@example.net "
             "errormsg='cannot connect to smtp.example.net, port 25: Connection timed out' exitcode=EX_TEMPFAIL",
             "msmtp", "ann@example.net", 0, "", "failed", "connect", "smtp.example.net",
             "cannot connect to smtp.example.net, port 25: Connection timed out"},
        Line{"Nov  2 10:00:01 mx smtpd[99]: 1234abcd smtp failed-command command=\"RCPT TO:<b@example.org>\" "
             "result=\"550 Invalid "
             "recipient: <b@example.org>\"",
             "opensmtpd", "b@example.org", 550, "", "failed", "rcpt", "", "Invalid recipient: <b@example.org>"},
        Line{"2026-11-02T10:00:01Z,ann@example.net,Fail,Remote Server returned '550 5.1.10 "
             "RESOLVER.ADR.RecipientNotFound; Recipient "
             "not found by SMTP address lookup'",
             "exchange", "ann@example.net", 550, "5.1.10", "failed", "any", "",
             "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"},
        Line{"ann@example.net Defer Reason: [{LED=450 4.7.320 Certificate validation failed [Message=UntrustedRoot] "
             "[LastAttemptedServerName=mx.example.net] "
             "[LastAttemptedIP=192.0.2.1:25]};{MSG=};{FQDN=mx.example.net};{IP=192.0.2.1}]",
             "exchange", "ann@example.net", 450, "4.7.320", "delayed", "any", "mx.example.net",
             "Certificate validation failed [Message=UntrustedRoot] [LastAttemptedServerName=mx.example.net] "
             "[LastAttemptedIP=192.0.2.1:25]"},
        Line{"[NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] recipient <ann@example.net> rejected: 550 "
             "5.1.1 no such "
             "user",
             "haraka", "ann@example.net", 550, "5.1.1", "failed", "rcpt", "", "no such user"},
        Line{"Nov  2 10:00:01 app worker[5]: sending to ann@example.net failed: server said 452 4.2.2 mailbox full", "",
             "ann@example.net", 452, "4.2.2", "delayed", "any", "", "mailbox full"}));

INSTANTIATE_TEST_SUITE_P(
    Json, LogLineOf,
    testing::Values(
        Line{
            R"j({"type":"Bounce","id":"d1","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"x",)j"
            R"j("response":{"code":550,"enhanced_code":{"class":5,"subject":1,"detail":1},"content":"no such user",)j"
            R"j("command":"RCPT TO:<ann@example.net>"},"peer_address":{"name":"mx.example.net.","addr":"192.0.2.1"},"num_attempts":0})j",
            "kumomta", "ann@example.net", 550, "5.1.1", "failed", "rcpt", "mx.example.net", "no such user"},
        Line{R"j({"type":"TransientFailure","recipient":["ann@example.net"],"site":"x","num_attempts":3,)j"
             R"j("response":{"code":421,"enhanced_code":null,"content":"try later","command":null}})j",
             "kumomta", "ann@example.net", 421, "", "delayed", "any", "", "try later"},
        Line{
            R"j({"queue_name": "deferred", "queue_id": "9A8B7C6D5E", "sender": "a@example.org", "recipients": [{"address": )j"
            R"j("ann@example.net", "delay_reason": "host mx.example.net[192.0.2.1] said: 450 4.2.1 busy (in reply to RCPT TO command)"}]})j",
            "postfix", "ann@example.net", 450, "4.2.1", "delayed", "rcpt", "mx.example.net", "busy"},
        Line{
            R"j({"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":)j"
            R"j("ann@example.net","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},)j"
            R"j("mail":{"source":"a@example.org","destination":["ann@example.net"]}})j",
            "amazonses", "ann@example.net", 550, "5.1.1", "failed", "any", "", "user unknown"},
        Line{
            R"j({"email":"ann@example.net","event":"bounce","reason":"550 5.1.1 unknown","status":"5.1.1","sg_event_id":"x"})j",
            "sendgrid", "ann@example.net", 550, "5.1.1", "failed", "any", "", "unknown"},
        Line{
            R"j({"MESSAGE":"4XyZab1cd2z3: x","PRIORITY":"6","recipient":"ann@example.net","smtp_reply":"554 5.7.1 blocked"})j",
            "", "ann@example.net", 554, "5.7.1", "failed", "any", "", "blocked"}));

TEST(LogLine, a_line_about_several_recipients_gives_each) {
  const auto found = read_log_line(
      "Nov  2 10:00:01 mx sendmail[1]: 4A1B2C3D4E5F: to=<a@example.net>,<b@example.net>, delay=1, mailer=esmtp, "
      "relay=mx.example.net. [192.0.2.1], dsn=5.0.0, stat=Service unavailable");
  ASSERT_EQ(found.recipients.size(), 2u);
  EXPECT_EQ(found.recipients[0].refusal.address, "a@example.net");
  EXPECT_EQ(found.recipients[1].refusal.address, "b@example.net");
}

TEST(LogLine, housekeeping_is_known_and_tells_of_nobody) {
  for (const char* line : {"Nov  2 10:00:01 mx postfix/qmgr[1]: 9A8B7C6D5E: removed",
                           "Nov  2 10:00:01 mx postfix/smtpd[1]: connect from a.example[203.0.113.9]",
                           "2026-11-02 10:00:01 1qAbCd-000123-Xy <= a@example.org H=x [203.0.113.9] P=esmtp S=999",
                           "2026-11-02 10:00:01 1qAbCd-000123-Xy Completed"}) {
    const auto found = read_log_line(line);
    EXPECT_TRUE(found.known) << line;
    EXPECT_TRUE(found.recipients.empty()) << line;
  }
}

TEST(LogLine, what_is_no_line_of_a_mail_server_is_not_known) {
  for (const char* line : {"", "hello", "Nov  2 10:00:01 host kernel: eth0 up", "the 550 people who came", "{\"a\": 1}",
                           "GET /550 HTTP/1.1 200 512", "Nov  2 10:00:01 host cron[1]: (root) CMD (true)"}) {
    EXPECT_FALSE(read_log_line(line).known) << line;
  }
}

TEST(LogLine, secrets_are_left_out) {
  const auto found = read_log_line(
      "Nov  2 10:00:01 mx smtpd[99]: 1234abcd smtp failed-command command=\"AUTH PLAIN AGFubgBzZWNyZXQxMjM=\" "
      "result=\"535 "
      "Authentication failed for AGFubgBzZWNyZXQxMjM=\"");
  ASSERT_EQ(found.recipients.size(), 1u);
  EXPECT_EQ(found.recipients.front().refusal.text, "Authentication failed for [redacted]");
}

}  // namespace
}  // namespace postil::diagnose
