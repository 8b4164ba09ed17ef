// Forms of lines of mail servers' logs, from the line to the reason: each stands for one that some version writes.
#include <gtest/gtest.h>

#include "diagnose/diagnosis.hpp"
#include "diagnose/log_line.hpp"
#include "diagnose/recognise.hpp"

namespace postil::diagnose {
namespace {

struct Form {
  const char* line;
  const char* outcome;  // "nothing": of nobody's delivery
  const char* address;
  const char* reason;  // where there is something to explain
};

class LogForm : public testing::TestWithParam<Form> {};

TEST_P(LogForm, tells_what_became_of_the_message_and_why) {
  const auto& want = GetParam();
  auto found = read_log_line(want.line);
  ASSERT_TRUE(found.known) << want.line;
  if (std::string_view(want.outcome) == "nothing") {
    EXPECT_TRUE(found.recipients.empty()) << want.line;
    return;
  }
  Reading reading;
  reading.input = Input::log_line;
  reading.recipients = std::move(found.recipients);
  const auto report = judge(std::move(reading));
  ASSERT_EQ(report.recipients.size(), 1u) << want.line;
  const auto& told = report.recipients.front();
  EXPECT_EQ(dsn::to_string(told.observed.action), want.outcome) << want.line;
  EXPECT_EQ(told.observed.refusal.address, want.address) << want.line;
  EXPECT_EQ(told.explanation ? knowledge::entry(told.explanation->reason).key : "", want.reason) << want.line;
}

INSTANTIATE_TEST_SUITE_P(
    Sendmail, LogForm,
    testing::Values(
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: to=<ann@example.net>, ctladdr=<app@example.org> (1001/1001), delay=00:00:02, xdelay=00:00:02, mailer=esmtp, pri=120345, relay=mx.example.net. [192.0.2.1], dsn=2.0.0, stat=Sent (Ok: queued as 4XyZ))j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(Nov  2 10:00:01 mx sendmail[471]: 5A2A01kX000471: to=<ann@example.net>, ctladdr=<app@example.org> (1001/1001), delay=00:30:02, xdelay=00:00:30, mailer=esmtp, pri=210345, relay=mx.example.net. [192.0.2.1], dsn=4.0.0, stat=Deferred: Connection timed out with mx.example.net.)j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: STARTTLS=client, error: connect failed=-1, reason=sslv3 alert handshake failure, SSL_error=1, errno=0, retry=-1)j",
            "failed", "", "tls_handshake_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: collect: premature EOM: Connection reset by a.example)j",
            "failed", "", "connection_dropped"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: ruleset=check_relay, arg1=[203.0.113.9], arg2=203.0.113.9, relay=[203.0.113.9], reject=421 4.3.2 Too many open connections.)j",
            "delayed", "", "too_many_connections"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: Milter: to=<b@example.org>, reject=451 4.7.1 Greylisting in action, please come back in 00:05:00)j",
            "delayed", "b@example.org", "greylisted"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: Password verification failed, user=bob, relay=[203.0.113.9])j",
            "failed", "", "auth_credentials"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found: checkpass failed, relay=a.example [203.0.113.9])j",
            "failed", "", "auth_credentials"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: rejecting commands from a.example [203.0.113.9] due to pre-greeting traffic after 0 seconds)j",
            "failed", "", "protocol_error"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: SYSERR(root): mx.example.org. config error: mail loops back to me (MX problem?))j",
            "failed", "", "routing_loop"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: SYSERR(root): Too many hops 26 (25 max): from <app@example.org> via localhost, to <ann@example.net>)j",
            "failed", "", "routing_loop"},
        Form{
            R"j(Nov  2 10:00:01 mx sm-mta[471]: STARTTLS=client, relay=mx.example.net., version=TLSv1.3, verify=OK, cipher=TLS_AES_256_GCM_SHA384, bits=256/256)j",
            "nothing", "", ""}));

INSTANTIATE_TEST_SUITE_P(
    OpenSmtpd, LogForm,
    testing::Values(
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 mta delivery evpid=1234abcd5678ef91 from=<a@example.org> to=<ann@example.net> rcpt=<-> source="198.51.100.1" relay="192.0.2.1 (mx.example.net)" delay=1s result="Ok" stat="250 2.0.0 Ok: queued as 4XyZ")j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 mta delivery evpid=1234abcd5678ef91 from=<a@example.org> to=<ann@example.net> rcpt=<-> source="-" relay="example.net" delay=4h2m result="TempFail" stat="Network error on destination MXs")j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: 0000000000000000 mta delivery evpid=1234abcd5678ef91 from=<a@example.org> to=<ann@example.net> rcpt=<-> source="-" relay="example.net" delay=1s result="TempFail" stat="Temporary failure in MX lookup")j",
            "delayed", "ann@example.net", "no_mail_host"},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: 0000000000000000 mta delivery evpid=1234abcd5678ef91 from=<a@example.org> to=<ann@example.net> rcpt=<-> source="-" relay="example.net" delay=1s result="TempFail" stat="No valid route to remote MX")j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 smtp authentication user=bob result=permfail)j",
             "failed", "", "auth_credentials"},
        Form{R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 smtp authentication user=bob result=tempfail)j",
             "delayed", "", "auth_service_down"},
        Form{R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 mta error reason=Connection timeout)j", "delayed", "",
             "connect_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: 1234abcd5678ef90 mta error reason=TLS required but not supported by remote host)j",
            "delayed", "", "tls_handshake_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: relay: PermFail for 1234abcd5678ef91: session=1234abcd5678ef90, from=<a@example.org>, to=<ann@example.net>, rcpt=<->, source=198.51.100.1, relay=192.0.2.1 (mx.example.net), delay=2s, stat=550 5.1.1 No such user)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: relay: Ok for 1234abcd5678ef91: session=1234abcd5678ef90, from=<a@example.org>, to=<ann@example.net>, rcpt=<->, source=198.51.100.1, relay=192.0.2.1 (mx.example.net), delay=2s, stat=250 2.0.0 Ok)j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(Nov  2 10:00:01 mx smtpd[99]: relay: Expire for 1234abcd5678ef91: from=<a@example.org>, to=<bob@example.org>, rcpt=<->, delay=4d, stat=Message expired)j",
            "failed", "bob@example.org", "expired_in_queue"}));

INSTANTIATE_TEST_SUITE_P(
    Haraka, LogForm,
    testing::Values(
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound]  delivered file="1762077601_1762077601_0_55_a1b2_1_mx" domain=example.net host=mx.example.net ip=192.0.2.1 port=25 mode=SMTP tls=Y auth=N response="Ok: queued as 4XyZ" delay=1.2 fails=0 rcpts=1/0/0)j",
            "delivered", "", ""},
        Form{
            R"j(2026-11-02T10:00:01.123Z [NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] delivered file=1762077601_0_55 domain=example.net host=mx.example.net ip=192.0.2.1 port=25 mode=SMTP tls=Y auth=N response="2.0.0 OK" delay=1.2 fails=0 rcpts=1/0/0)j",
            "delivered", "", ""},
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] recipient <ann@example.net> deferred: 451 4.7.1 Greylisted, try again in 5 minutes)j",
            "delayed", "ann@example.net", "greylisted"},
        Form{
            R"j([INFO] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] Temp failing 1762077601_1762077601_0_55_a1b2_1_mx for 64 seconds: Upstream error: 421 4.7.28 Gmail has detected an unusual rate of mail from your IP address)j",
            "delayed", "", "rate_limited"},
        Form{
            R"j([INFO] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] bouncing mail: Too many failures (Tried all MXs))j",
            "failed", "", "expired_in_queue"},
        Form{
            R"j([ERROR] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] Ongoing connection failed to 192.0.2.1:25 : Error: connect ECONNREFUSED 192.0.2.1:25)j",
            "delayed", "", "connect_failed"},
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] MX Lookup for example.net failed: Error: queryMx ESERVFAIL example.net)j",
            "delayed", "", "no_mail_host"},
        Form{
            R"j([ERROR] [0F0F0F0F-1111-2222-3333-444444444444.1.1] [outbound] Remote end 192.0.2.1:25 closed connection while we were processing mail. Trying next MX.)j",
            "delayed", "", "connection_dropped"},
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1] [core] recipient <b@example.org> code=DENY msg="I cannot deliver mail for <b@example.org>" sender=a@example.com)j",
            "failed", "b@example.org", "user_unknown"},
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1] [core] recipient <b@example.org> code=DENYSOFT msg="Greylisted, please try again" sender=a@example.com)j",
            "delayed", "b@example.org", "greylisted"},
        Form{
            R"j([NOTICE] [0F0F0F0F-1111-2222-3333-444444444444.1] [core] message mid=<1@example.com> size=999 rcpts=1/0/0 delay=0.2 code=DENY msg="spam score exceeded threshold")j",
            "failed", "", "spam_content"}));

INSTANTIATE_TEST_SUITE_P(
    MaddyAndChasquid, LogForm,
    testing::Values(
        Form{
            "May 18 05:04:02 mx maddy[471]: remote_queue: delivery attempt failed\t"
            R"j({"attempts_count":1,"msg_id":"2f6f32e9","rcpt":"ann@example.net","reason":"user unknown","remote_server":"mx.example.net.","smtp_code":550,"smtp_enchcode":"5.1.1","smtp_msg":"no such user"})j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            "queue: delivery attempt failed\t"
            R"j({"msg_id":"2f6f32e9","rcpt":"ann@example.net","reason":"dial tcp 192.0.2.1:25: i/o timeout","smtp_code":451,"smtp_enchcode":"4.4.0","smtp_msg":"No usable MXs, last err: dial tcp 192.0.2.1:25: i/o timeout"})j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{
            "smtp: RCPT error\t"
            R"j({"msg_id":"2f6f32e9","rcpt":"bob@example.org","reason":"User does not exist","smtp_code":550,"smtp_enchcode":"5.1.1","smtp_msg":"User does not exist"})j",
            "failed", "bob@example.org", "user_unknown"},
        Form{"queue: delivered\t"
             R"j({"attempt":1,"msg_id":"2f6f32e9","rcpt":"ann@example.net"})j",
             "delivered", "ann@example.net", ""},
        Form{"2026-11-02 10:00:01.123 abc12 from=app@example.org to=ann@example.net failed (permanent): MAIL+RCPT 550 "
             "5.1.1 no such user",
             "failed", "ann@example.net", "user_unknown"},
        Form{"2026-11-02 10:00:01.123 abc12 from=app@example.org to=ann@example.net failed (temporary): Could not "
             "dial: dial tcp 192.0.2.1:25: connect: connection refused",
             "delayed", "ann@example.net", "connect_failed"},
        Form{"2026-11-02 10:00:01.123 203.0.113.9:4711 rejected from=a@example.com to=[bob@example.org] - relay not "
             "allowed",
             "failed", "bob@example.org", "relay_denied"}));

INSTANTIATE_TEST_SUITE_P(
    KumoMta, LogForm,
    testing::Values(
        Form{
            R"j({"type":"Delivery","id":"1d98076abbbc11ed940250ebf67f93bd","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"ip-1->(mx1|mx2).example.net@smtp_client","size":1047,"response":{"code":250,"enhanced_code":{"class":2,"subject":0,"detail":0},"content":"OK ids=8a5475ccbbc611eda12250ebf67f93bd","command":"."},"peer_address":{"name":"mx1.example.net.","addr":"192.0.2.1:25"},"timestamp":1762077601,"created":1762077600,"num_attempts":0,"bounce_classification":"Uncategorized","egress_pool":"pool0","egress_source":"ip-1","feedback_report":null,"meta":{},"headers":{},"delivery_protocol":"ESMTP","reception_protocol":"HTTP","nodeid":"557f3ad4-2c8c-11ee-976e-782d7e12e173"})j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j({"type":"TransientFailure","id":"1d98076abbbc11ed940250ebf67f93bd","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"x","size":0,"response":{"code":421,"enhanced_code":{"class":4,"subject":7,"detail":0},"content":"[TSS04] Messages from 198.51.100.1 temporarily deferred due to unexpected volume or user complaints","command":"MAIL FROM:<a@example.org>"},"peer_address":{"name":"mta7.am0.yahoodns.net.","addr":"192.0.2.1:25"},"num_attempts":2,"bounce_classification":"Uncategorized","egress_pool":"pool0"})j",
            "delayed", "ann@example.net", "rate_limited"},
        Form{
            R"j({"type":"AdminBounce","id":"1d98076abbbc11ed940250ebf67f93bd","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"","size":0,"response":{"code":551,"enhanced_code":{"class":5,"subject":7,"detail":0},"content":"Administrator bounced with reason: purge","command":null},"peer_address":null,"num_attempts":3,"bounce_classification":"Uncategorized","egress_pool":null})j",
            "failed", "ann@example.net", "policy_other"},
        Form{
            R"j({"type":"Reception","id":"1d98076abbbc11ed940250ebf67f93bd","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"","size":1047,"response":{"code":250,"enhanced_code":null,"content":"","command":null},"peer_address":{"name":"app.example.org","addr":"198.51.100.9:4000"},"num_attempts":0,"egress_pool":null,"reception_protocol":"ESMTP"})j",
            "nothing", "", ""},
        Form{
            R"j({"type":"Delayed","id":"1d98076abbbc11ed940250ebf67f93bd","sender":"a@example.org","recipient":"ann@example.net","queue":"example.net","site":"","size":0,"response":{"code":400,"enhanced_code":null,"content":"Context: ReadyQueueWasFull","command":null},"peer_address":null,"num_attempts":0,"egress_pool":null})j",
            "nothing", "", ""}));

INSTANTIATE_TEST_SUITE_P(
    Wrapped, LogForm,
    testing::Values(
        Form{
            R"j(<22>1 2026-11-02T10:00:01.123456+01:00 mx postfix/smtp 4711 - - 4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)))j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(<22>1 2026-11-02T10:00:01.123456Z mx postfix/smtp 4711 - [timeQuality tzKnown="1" isSynced="1"] 4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)))j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(<22>1 2026-11-02T10:00:01.123456+01:00 mx postfix/smtp 4711 - - 4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw))j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(<22>1 2026-11-02T10:00:01.123456Z mx postfix/smtp 4711 - - 4XyZab1cd2z3: to=<ann@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.1]:25: Connection timed out))j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{
            R"j(<22>1 2026-11-02T10:00:01.123456Z mx postfix/qmgr 4711 - - 4XyZab1cd2z3: from=<a@example.org>, size=550, nrcpt=1 (queue active))j",
            "nothing", "", ""},
        Form{
            R"j({"__REALTIME_TIMESTAMP":"1762077601123456","_HOSTNAME":"mx","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"4711","PRIORITY":"6","MESSAGE":"4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw)"})j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j({"__REALTIME_TIMESTAMP":"1762077601123456","_HOSTNAME":"mx","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"4711","PRIORITY":"6","MESSAGE":"4XyZab1cd2z3: to=<ann@example.net>, relay=none, delay=30, dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.1]:25: Connection timed out)"})j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{
            R"j({"host":"mx","ident":"postfix/smtp","pid":"4711","message":"4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw)"})j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j({"process":{"name":"postfix/smtp","pid":4711},"message":"4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw)"})j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(4XyZab1cd2z3: to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw))j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(to=<ann@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw))j",
            "delivered", "ann@example.net", ""}));

INSTANTIATE_TEST_SUITE_P(
    Exim, LogForm,
    testing::Values(
        Form{
            R"j(2026-11-02T10:00:01+0100 mx exim[77]: 2026-11-02 10:00:01 1qAbCd-000123-Xy ** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 550 5.1.1 No such user)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(Nov  2 10:00:01 mx exim[77]: 1qAbCd-000123-Xy ** ann@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<ann@example.net>: 550 5.1.1 No such user)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j({"__REALTIME_TIMESTAMP":"1762077601123456","SYSLOG_IDENTIFIER":"exim","MESSAGE":"1qAbCd-000123-Xy ** bob@example.org R=localuser T=x: unknown user"})j",
            "failed", "bob@example.org", "user_unknown"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == ann@example.net R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host for 'example.net')j",
            "delayed", "ann@example.net", "connect_failed"},
        Form{R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1] Connection timed out)j", "delayed",
             "", "connect_failed"},
        Form{R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1]:25 Connection refused)j", "delayed",
             "", "connect_failed"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1]: Remote host closed connection in response to initial connection)j",
            "delayed", "", "connection_dropped"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1]: SMTP timeout after end of data (9999 bytes written): Connection timed out)j",
            "delayed", "", "connection_dropped"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1] TLS error on connection (SSL_connect): error:0A00010B:SSL routines::wrong version number)j",
            "delayed", "", "tls_handshake_failed"},
        Form{R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy H=mx.example.net [192.0.2.1]: DANE error: tlsa lookup DEFER)j",
             "delayed", "", "mta_sts_or_dane_failed"},
        Form{
            R"j(2026-11-02 10:00:01 TLS error on connection from a.example (x) [203.0.113.9] (SSL_accept): error:0A0000C1:SSL routines::no shared cipher)j",
            "failed", "", "tls_handshake_failed"},
        Form{
            R"j(2026-11-02 10:00:01 SMTP call from a.example [203.0.113.9] dropped: too many syntax or protocol errors (last command was "foo", C=EHLO,MAIL))j",
            "failed", "", "protocol_error"},
        Form{
            R"j(2026-11-02 10:00:01 SMTP protocol synchronization error (input sent without waiting for greeting): rejected connection from H=[203.0.113.9] input="EHLO x\r\n")j",
            "failed", "", "protocol_error"},
        Form{
            R"j(2026-11-02 10:00:01 SMTP protocol synchronization error (next input sent too soon: pipelining was not advertised): rejected "junk1" H=[203.0.113.9] next input="junk2\r\n")j",
            "failed", "", "protocol_error"},
        Form{
            R"j(2026-11-02 10:00:01 H=a.example [203.0.113.9] F=<a@example.com> rejected RCPT <z@example.net>: mx.example.net [192.0.2.1] : SMTP error from remote mail server after RCPT TO:<z@example.net>: 550 5.1.1 no such user)j",
            "failed", "z@example.net", "user_unknown"},
        Form{
            R"j(2026-11-02 10:00:01 H=a.example [203.0.113.9] sender verify fail for <a@example.com>: mx.example.com [192.0.2.1] : SMTP error from remote mail server after RCPT TO:<a@example.com>: 550 Unknown user)j",
            "nothing", "", ""},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy ** ann@example.net R=dnslookup: remote host address is the local host)j",
            "failed", "ann@example.net", "routing_loop"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == ann@example.net R=dnslookup defer (-1): remote host address is the local host)j",
            "delayed", "ann@example.net", "routing_loop"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == bob@example.org R=alias defer (-17): error in redirect data: missing or malformed local part in "bad address")j",
            "delayed", "bob@example.org", "server_error"},
        Form{R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy ** bob@example.org : syntax error in redirection data)j",
             "failed", "bob@example.org", "server_error"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == bob@example.org R=never T=t3 defer (-29): User 0 set for local_delivery transport is on the never_users list)j",
            "delayed", "bob@example.org", "server_error"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == bob@example.org R=a defer (-1): expansion of "${lookup" failed in a router: missing })j",
            "delayed", "bob@example.org", "server_error"},
        Form{
            R"j(2026-11-02 10:00:01 H=a.example [203.0.113.9] F=<a@example.com> rejected RCPT <b@example.org>: SIZE value too big)j",
            "failed", "b@example.org", "message_too_big"},
        Form{R"j(2026-11-02 10:00:01 H=[203.0.113.9] dropped by 'connect' ACL: Country is banned)j", "failed", "",
             "unknown"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy plain authenticator failed H=smtp.example.com [192.0.2.1] 535 5.7.8 Error: authentication failed)j",
            "delayed", "", "auth_credentials"},
        Form{
            R"j(2026-11-02 10:00:01 plain_login authenticator failed for a.example (x) [203.0.113.9]: 435 Unable to authenticate at present (set_id=bob): failed to open /etc/passwd)j",
            "delayed", "", "auth_service_down"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy ** bob@example.org R=lists: bob@example.org is a closed mailing list)j",
            "failed", "bob@example.org", "recipient_restricted"},
        Form{
            R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy == ann@example.net R=x T=smtp defer (-19) H=mx.example.net [192.0.2.1]: Malformed SMTP reply (an empty line) in response to DATA)j",
            "delayed", "ann@example.net", "protocol_error"}));

INSTANTIATE_TEST_SUITE_P(
    Postfix, LogForm,
    testing::Values(
        Form{
            R"j(2026-11-02 10:00:01.234 [4711] 1qAbCd-00000000123-Xyz9 ** ann@example.net F=<a@example.org> R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.1]:25 I=[198.51.100.1]:40000 X=TLS1.3:ECDHE_SECP256R1__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=yes DN="CN=mx.example.net": SMTP error from remote mail server after pipelined RCPT TO:<ann@example.net>: 550-5.1.1 No such user\n550 5.1.1 see https://example.net/help QT=2s DT=1s)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtp[4711]: 4XyZab1cd2z3: to=ann@example.net, orig_to=root, relay=mx.example.net[192.0.2.1]:25, delay=1.2, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4Xyw))j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/local[4711]: 4XyZab1cd2z3: to=dan@example.org, relay=local, delay=0.1, dsn=5.1.1, status=bounced (unknown user: "dan"))j",
            "failed", "dan@example.org", "user_unknown"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtp[4711]: 4XyZab1cd2z3: to=<ann@example.net>, relay=smtp.example.com[192.0.2.1]:587, delay=1.2, dsn=4.7.8, status=deferred (SASL authentication failed; server smtp.example.com[192.0.2.1] said: 535 5.7.8 Error: authentication failed: wrong password))j",
            "delayed", "ann@example.net", "auth_credentials"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtp[4711]: 4XyZab1cd2z3: SASL authentication failed; server smtp.example.com[192.0.2.1] said: 535 5.7.8 Error: authentication failed: wrong password)j",
            "delayed", "", "auth_credentials"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: proxy-reject: END-OF-MESSAGE: 554 5.7.0 Reject, id=31619-02 - spam; from=<a@example.com> to=<b@example.org> proto=ESMTP helo=<x>)j",
            "failed", "b@example.org", "spam_content"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: Connection lost to authentication server)j",
            "failed", "", "auth_service_down"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: host[192.0.2.5]: SASL CRAM-MD5 authentication failed: Invalid authentication mechanism)j",
            "failed", "", "auth_mechanism"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: SASL: Connect to private/auth failed: Connection refused)j",
            "failed", "", "auth_service_down"},
        Form{R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: fatal: no SASL authentication mechanisms)j", "failed", "",
             "auth_service_down"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: Connection rate limit exceeded: 31 from a.example[203.0.113.9] for service smtpd)j",
            "delayed", "", "too_many_connections"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: Connection concurrency limit exceeded: 51 from a.example[203.0.113.9] for service smtpd)j",
            "delayed", "", "too_many_connections"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: Message delivery request rate limit exceeded: 334 from a.example[203.0.113.9] for service submission)j",
            "delayed", "", "rate_limited"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 504 5.5.2 <user@host>: Sender address rejected: need fully-qualified address; from=<user@host> to=<b@example.org> proto=SMTP helo=<test>)j",
            "failed", "b@example.org", "address_syntax"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 504 5.5.2 <user>: Recipient address rejected: need fully-qualified address; from=<a@example.com> to=<user> proto=SMTP helo=<test>)j",
            "failed", "user", "address_syntax"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/qmgr[4711]: 4XyZab1cd2z3: from=<a@example.org>, status=force-expired, returned to sender)j",
            "failed", "", "expired_in_queue"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/virtual[4711]: 4XyZab1cd2z3: to=<bob@example.org>, relay=virtual, delay=1.2, dsn=5.2.2, status=bounced (maildir delivery failed: error writing message: File too large))j",
            "failed", "bob@example.org", "mailbox_full"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: lost connection after DATA (4096 bytes) from a.example[203.0.113.9])j",
            "failed", "", "connection_dropped"},
        Form{R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: lost connection after AUTH from a.example[203.0.113.9])j",
             "nothing", "", ""},
        Form{R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: timeout after END-OF-MESSAGE from a.example[203.0.113.9])j",
             "failed", "", "connection_dropped"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/postscreen[4711]: PREGREET 11 after 0.1 from [203.0.113.9]:4711: EHLO x\r\n)j",
            "failed", "", "protocol_error"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/cleanup[4711]: warning: 4XyZab1cd2z3: virtual_alias_maps map lookup problem for b@example.org -- message not accepted, try again later)j",
            "delayed", "", "server_error"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/cleanup[4711]: warning: 4XyZab1cd2z3: message rejected: hopcount exceeded)j",
            "delayed", "", "routing_loop"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/trivial-rewrite[4711]: warning: connect to mysql server 127.0.0.1: Can't connect to MySQL server on '127.0.0.1' (111))j",
            "delayed", "", "server_error"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/qmgr[4711]: warning: connect to transport private/filter: Connection refused)j",
            "delayed", "", "server_error"},
        Form{
            R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: warning: hostname a.example does not resolve to address 203.0.113.9)j",
            "nothing", "", ""},
        Form{R"j(Nov  2 10:00:01 mx postfix/smtpd[4711]: SSL_accept error from a.example[203.0.113.9]: -1)j", "failed",
             "", "tls_handshake_failed"}));

INSTANTIATE_TEST_SUITE_P(
    Exchange, LogForm,
    testing::Values(
        Form{
            R"j(2026-11-02T10:00:01.123Z,198.51.100.2,EX1,192.0.2.1,mx.example.net,08DA1234ABCD5678;2026-11-02T10:00:00.000Z;0,Outbound,SMTP,FAIL,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,ann@example.net,550 5.1.1 <ann@example.net> User unknown,4096,1,,,Hello,app@example.org,app@example.org,,Originating,,198.51.100.9,198.51.100.2,S:x=1)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,198.51.100.2,EX1,192.0.2.1,mx.example.net,08DA1234ABCD5678;2026-11-02T10:00:00.000Z;0,Outbound,SMTP,SEND,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,ann@example.net,250 2.1.5 Recipient OK,4096,1,,,Hello,app@example.org,app@example.org,,Originating)j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(2026-11-02T10:00:01.123Z,,,,EX1,,,STOREDRIVER,DELIVER,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,bob@example.org,,4096,1,,,Hello,app@example.org,app@example.org,,Incoming)j",
            "delivered", "bob@example.org", ""},
        Form{
            R"j(2026-11-02T10:00:01.123Z,,,,EX1,,,ROUTING,FAIL,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,bob@example.org,'550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup',4096,1,,,"Hello, you",app@example.org,app@example.org)j",
            "failed", "bob@example.org", "user_unknown"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,198.51.100.2,EX1,192.0.2.1,mx.example.net,,Outbound,SMTP,DEFER,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,ann@example.net,[{LRT=11/2/2026 10:00:01 AM};{LED=451 4.7.1 Greylisting in action, please come back later};{FQDN=mx.example.net};{IP=192.0.2.1}],4096,1,,,Hello,app@example.org,app@example.org)j",
            "delayed", "ann@example.net", "greylisted"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,198.51.100.2,EX1,192.0.2.1,mx.example.net,,Inbound,SMTP,RECEIVE,123456,<1@example.org>,0b1c2d3e-0000-0000-0000-000000000000,bob@example.org,,4096,1,,,550 ways to fail,app@example.org,app@example.org)j",
            "nothing", "", ""},
        Form{
            R"j(2026-11-02T10:00:01.123Z,Outbound to Internet,08DA1234ABCD5678,12,198.51.100.2:30123,192.0.2.1:25,<,550 5.1.1 User unknown,)j",
            "failed", "", "user_unknown"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,Outbound to Internet,08DA1234ABCD5678,2,,192.0.2.1:25,*,,"Failed to connect. Winsock error code: 10060, Win32 error code: 10060, Destination domain: example.net, Error Message: A connection attempt failed because the connected party did not properly respond after a period of time.")j",
            "delayed", "", "connect_failed"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,08DA1234ABCD5678,198.51.100.2:25,203.0.113.9:50123,203.0.113.9,<1@example.com>,x@example.com,x@example.com,bob@example.org,1,Content Filter Agent,OnEndOfData,RejectMessage,550 5.7.1 Message rejected as spam by Content Filtering.,SclAtOrAboveRejectThreshold,9,)j",
            "failed", "bob@example.org", "spam_content"},
        Form{
            R"j(2026-11-02T10:00:01.123Z,08DA1234ABCD5678,198.51.100.2:25,203.0.113.9:50123,203.0.113.9,,x@example.com,,bob@example.org,1,Recipient Filter Agent,OnRcptToCommand,RejectCommand,550 5.1.1 User unknown,RecipientDoesNotExist,bob@example.org,)j",
            "failed", "bob@example.org", "user_unknown"}));

INSTANTIATE_TEST_SUITE_P(
    Courier, LogForm,
    testing::Values(
        Form{
            R"j(courieresmtp: id=00000000000A1234.000000005FA0.00000B2C,from=<app@example.org>,addr=<ann@example.net>: 550 5.1.1 no such user)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(Nov  2 10:00:01 mx courieresmtpd: error,relay=::ffff:203.0.113.9,from=<a@example.com>,to=<b@example.org>: 550 User unknown.)j",
            "failed", "b@example.org", "user_unknown"}));

INSTANTIATE_TEST_SUITE_P(
    Others, LogForm,
    testing::Values(
        Form{
            R"j(2026-11-02 10:00:01 H=[203.0.113.9] rejected EHLO or HELO localhost: syntactically invalid argument(s))j",
            "failed", "", "helo_invalid"},
        Form{
            R"j(2026-11-02T10:00:01Z INFO RCPT TO rejected (delivery.rcpt-to-rejected) queueId = 1, hostname = "mx.example.net", to = "ann@example.net", code = 550, details = "5.1.1 no such user", elapsed = 5ms)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(2026-11-02T10:00:01Z INFO Message delivered (delivery.delivered) queueId = 1, hostname = "mx.example.net", to = "ann@example.net", code = 250, details = "2.0.0 Ok", elapsed = 5ms)j",
            "delivered", "ann@example.net", ""},
        Form{
            R"j(2026-11-02T10:00:01Z INFO Connection error (delivery.connect-error) queueId = 1, hostname = "mx.example.net", reason = "Connection refused", elapsed = 5ms)j",
            "delayed", "", "connect_failed"},
        Form{
            R"j(2026-11-02T10:00:01Z INFO Delivery attempt started (delivery.attempt-start) queueId = 1, to = "ann@example.net")j",
            "nothing", "", ""},
        Form{
            R"j(l=error m="permanent failure delivering from queue" err="550 5.1.1 no such user" pkg=queue cid=1a msgid=5 recipient=ann@example.net)j",
            "failed", "ann@example.net", "user_unknown"},
        Form{
            R"j(l=error m="temporary failure delivering from queue" err="451 4.7.1 greylisted" pkg=queue cid=1a msgid=5 recipient=ann@example.net backoff=15m0s)j",
            "delayed", "ann@example.net", "greylisted"},
        Form{
            R"j(@40000000690726310f4a2b3c delivery 12: failure: 192.0.2.1_does_not_like_recipient./Remote_host_said:_550_5.1.1_no_such_user/Giving_up_on_192.0.2.1./)j",
            "failed", "", "user_unknown"},
        Form{
            R"j(@40000000690726310f4a2b3c delivery 13: deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/)j",
            "delayed", "", "connect_failed"},
        Form{
            R"j(Nov  2 10:00:01 mx qmail: 1762077601.123456 delivery 14: success: 192.0.2.1_accepted_message./Remote_host_said:_250_ok/)j",
            "delivered", "", ""}));

TEST(LogForm, lines_with_a_priority_are_a_log) {
  const std::string line = "<22>1 2026-11-02T10:00:01Z mx postfix/qmgr 4711 - - 4XyZab1cd2z3: removed\n";
  EXPECT_TRUE(looks_like_log(line + line));
  EXPECT_FALSE(looks_like_log("< 220 mx.example.net ESMTP\n> EHLO x\n< 554 5.7.1 <ann@example.net> no\n"));
}

TEST(LogForm, sendmail_s_relay_is_told_without_its_marks) {
  const auto found = read_log_line(
      "Nov  2 10:00:01 mx sm-mta[471]: 5A2A01kX000471: to=<ann@example.net>, delay=00:00:01, mailer=esmtp, pri=30345, "
      "relay=mx.example.net., dsn=4.0.0, stat=Deferred: Operation timed out");
  ASSERT_EQ(found.recipients.size(), 1u);
  EXPECT_EQ(found.recipients.front().refusal.host, "mx.example.net");
}

TEST(LogForm, the_lines_of_a_reply_in_exim_s_log_are_lines) {
  const auto found = read_log_line(
      R"j(2026-11-02 10:00:01 1qAbCd-000123-Xy ** ann@example.net R=x T=y H=mx.example.net [192.0.2.1]: )j"
      R"j(SMTP error from remote mail server after end of data: 550-5.7.1 We do not\n550 5.7.1 like it.)j");
  ASSERT_EQ(found.recipients.size(), 1u);
  EXPECT_EQ(found.recipients.front().refusal.text, "We do not like it.");
}

TEST(LogForm, a_login_that_a_smarthost_refuses_is_not_said_by_us) {
  const auto found = read_log_line(
      "2026-11-02 10:00:01 1qAbCd-000123-Xy plain authenticator failed H=smtp.example.com [192.0.2.1] 535 5.7.8 no");
  ASSERT_EQ(found.recipients.size(), 1u);
  const auto& refusal = found.recipients.front().refusal;
  EXPECT_EQ(refusal.side, Side::remote);
  EXPECT_EQ(refusal.host, "smtp.example.com");
  EXPECT_EQ(refusal.code, 535);
}

}  // namespace
}  // namespace postil::diagnose
