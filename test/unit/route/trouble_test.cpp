#include "route/trouble.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/bytes.hpp"
#include "route/block_words.hpp"

namespace postil::route {
namespace {

using smtp::Outcome;
using smtp::Stage;
using smtp::Trouble;

// "550 5.1.1 text" as a server's reply.
reply::RemoteReply remote(std::string_view line) {
  reply::RemoteReply out;
  out.code = static_cast<reply::Code>(std::stoi(std::string(line.substr(0, 3))));
  const std::string text(line.size() > 4 ? line.substr(4) : "");
  if (const auto code = reply::leading_enhanced_code(text)) out.enhanced = *code;
  out.lines = {text};
  return out;
}
Outcome refused(Stage stage, std::string_view line) {
  return {stage, Trouble::none, remote(line), {}};
}
Outcome broken(Stage stage, Trouble trouble) {
  return {stage, trouble, {}, "x"};
}

std::string show(const Judgement& j) {
  std::string out = std::string(reply::to_string(j.scope)) + " ";
  out += j.permanence == reply::Permanence::success     ? "good"
         : j.permanence == reply::Permanence::temporary ? "wait"
                                                        : "fail";
  out += " " + std::string(to_string(j.cause)) + " " + reply::to_string(j.status);
  if (j.try_other_hosts) out += " +hosts";
  if (j.try_other_connection) out += " +connection";
  if (j.try_without_tls) out += " +clear";
  return out;
}

struct Case {
  Stage stage;
  const char* reply;
  const char* judgement;
  Context context{};
};

TEST(Trouble, Replies) {
  const Context smarthost{.smarthost = true}, reused{.connection_reused = true}, others{.others_taken = true},
      end{.sent_to_end = true}, tls{.after_tls = true}, smarthost_tls{.smarthost = true, .after_tls = true};
  const Case cases[] = {
      {Stage::end_of_data, "250 2.0.0 ok", "message good delivered 2.0.0", end},
      {Stage::end_of_data, "250 2.6.0 ok", "message good delivered 2.6.0", end},
      {Stage::end_of_data, "250 ok", "message good delivered 2.0.0", end},
      // greeting
      {Stage::greeting, "421 4.7.0 later", "host wait host_deferred 4.7.0 +hosts"},
      {Stage::greeting, "450 busy", "host wait host_deferred 4.3.2 +hosts"},
      {Stage::greeting, "421 too many connections from you", "host wait rate_limited 4.3.2 +hosts"},
      {Stage::greeting, "521 mx.example does not accept mail", "host fail host_accepts_no_mail 5.3.2 +hosts"},
      {Stage::greeting, "521", "host fail host_accepts_no_mail 5.3.2 +hosts"},
      {Stage::greeting, "521 5.3.2 go away", "host fail host_accepts_no_mail 5.3.2 +hosts"},
      {Stage::ehlo, "521 5.3.2 no mail", "host fail host_accepts_no_mail 5.3.2 +hosts"},
      {Stage::greeting, "521 5.7.1 go away", "host wait refused_us 4.7.1 +hosts"},
      {Stage::greeting, "521 5.2.1 : (CON:B1)", "host wait refused_us 4.2.1 +hosts"},
      {Stage::greeting, "521 you are blocked", "host wait refused_us 4.7.1 +hosts"},
      {Stage::greeting, "521 5.3.2 your IP is listed", "host wait refused_us 4.3.2 +hosts"},
      {Stage::greeting, "554 no SMTP service here", "host wait refused_us 4.3.2 +hosts"},
      {Stage::greeting, "554 5.7.1 blocked", "host wait refused_us 4.7.1 +hosts"},
      {Stage::greeting, "550 blocked by a policy", "host wait refused_us 4.7.1 +hosts"},
      {Stage::greeting, "554 4.3.2 classes differ", "host wait refused_us 4.3.2 +hosts"},
      {Stage::greeting, "554 no", "host wait smarthost_refused 4.3.2 +hosts", smarthost},
      {Stage::greeting, "521 5.3.2 no mail", "host wait smarthost_refused 4.3.2 +hosts", smarthost},
      {Stage::ehlo, "550 bad name", "host wait refused_us 4.3.2 +hosts"},
      {Stage::ehlo, "451 later", "host wait host_deferred 4.3.2 +hosts"},
      {Stage::starttls, "421 bye", "host wait host_deferred 4.3.2 +hosts"},
      // login
      {Stage::auth, "421 4.3.0 bye", "host wait host_deferred 4.3.0 +hosts", smarthost_tls},
      {Stage::mail, "530 5.7.0 Authentication required", "host wait auth_failed 4.7.0", smarthost_tls},
      {Stage::rcpt, "530 login first", "host wait auth_failed 4.7.0", smarthost_tls},
      {Stage::mail, "535 5.7.8 no", "host wait auth_failed 4.7.8", smarthost_tls},
      {Stage::mail, "530 5.7.0 Must issue a STARTTLS command first", "host wait tls_failed 4.7.0 +hosts"},
      {Stage::mail, "530 5.7.0 Authentication required", "message fail message_refused 5.7.0", tls},
      // session
      {Stage::idle, "421 4.4.2 idle", "session wait host_deferred 4.4.2 +hosts +connection"},
      {Stage::idle, "503 RSET?", "session wait host_deferred 4.3.2 +hosts +connection"},
      {Stage::rcpt, "421 4.3.2 closing", "session wait host_deferred 4.3.2 +hosts"},
      {Stage::mail, "421 closing", "session wait host_deferred 4.3.2 +hosts +connection", reused},
      {Stage::end_of_data, "421 closing", "session wait host_deferred 4.3.2 +hosts", end},
      {Stage::mail, "503 EHLO first", "session wait protocol_error 4.5.1 +hosts +connection", reused},
      {Stage::mail, "503 EHLO first", "message fail message_refused 5.5.1"},
      // MAIL
      {Stage::mail, "451 4.7.1 later", "message wait message_deferred 4.7.1"},
      {Stage::mail, "451 later", "message wait message_deferred 4.3.0 +hosts"},
      {Stage::mail, "452 4.3.1 disk full", "host wait host_deferred 4.3.1 +hosts"},
      {Stage::mail, "452 disk full", "host wait host_deferred 4.3.1 +hosts"},
      {Stage::mail, "550 5.7.1 no", "message fail message_refused 5.7.1"},
      {Stage::mail, "550 no", "message fail message_refused 5.0.0"},
      {Stage::mail, "550 5.7.1 no", "message fail message_refused 5.7.1", smarthost_tls},
      {Stage::mail, "552 too big", "message fail too_big 5.3.4"},
      {Stage::mail, "552 5.3.4 too big", "message fail too_big 5.3.4"},
      {Stage::mail, "553 who", "message fail message_refused 5.1.7"},
      {Stage::mail, "501 what", "message fail message_refused 5.5.4"},
      // RCPT
      {Stage::rcpt, "550 5.1.1 unknown", "recipient fail recipient_refused 5.1.1"},
      {Stage::rcpt, "550 unknown", "recipient fail recipient_refused 5.0.0"},
      {Stage::rcpt, "550 4.1.1 classes differ", "recipient fail recipient_refused 5.0.0"},
      {Stage::rcpt, "551 moved", "recipient fail recipient_refused 5.1.6"},
      {Stage::rcpt, "553 what", "recipient fail recipient_refused 5.1.3"},
      {Stage::rcpt, "556 no mail", "recipient fail recipient_refused 5.1.10"},
      {Stage::rcpt, "521 5.7.1 blocked", "recipient fail recipient_refused 5.7.1"},
      {Stage::rcpt, "599 odd", "recipient fail recipient_refused 5.0.0"},
      {Stage::rcpt, "450 4.2.1 later", "recipient wait recipient_deferred 4.2.1 +hosts"},
      {Stage::rcpt, "450 later", "recipient wait recipient_deferred 4.0.0 +hosts"},
      {Stage::rcpt, "451 4.3.0 the table of users cannot be read", "recipient wait recipient_deferred 4.3.0 +hosts"},
      {Stage::rcpt, "451 4.7.1 try again later", "recipient wait recipient_deferred 4.7.1"},
      {Stage::rcpt, "450 4.2.1 later", "recipient wait recipient_deferred 4.2.1 +hosts", end},
      {Stage::rcpt, "450 4.7.1 Greylisted, please wait", "recipient wait greylisted 4.7.1"},
      {Stage::rcpt, "450 4.2.1 The user is receiving mail at a rate limit", "recipient wait rate_limited 4.2.1"},
      {Stage::rcpt, "452 4.5.3 too many recipients", "recipient wait recipient_deferred 4.5.3", others},
      {Stage::rcpt, "452 too many recipients", "recipient wait recipient_deferred 4.5.3", others},
      {Stage::rcpt, "452 4.2.2 mailbox full", "recipient wait recipient_deferred 4.2.2", others},
      {Stage::rcpt, "452 4.2.2 mailbox full", "recipient wait recipient_deferred 4.2.2 +hosts"},
      {Stage::rcpt, "552 too many recipients", "recipient wait recipient_deferred 4.5.3", others},
      {Stage::rcpt, "552 5.5.3 too many recipients", "recipient wait recipient_deferred 4.5.3", others},
      {Stage::rcpt, "550 5.5.3 too many recipients", "recipient wait recipient_deferred 4.5.3", others},
      {Stage::rcpt, "550 5.5.3 too many recipients", "recipient fail recipient_refused 5.5.3"},
      {Stage::rcpt, "552 full", "recipient fail recipient_refused 5.2.2"},
      {Stage::rcpt, "552 5.2.2 mailbox full", "recipient fail recipient_refused 5.2.2", others},
      // DATA and the end
      {Stage::data, "451 4.3.0 later", "host wait host_deferred 4.3.0 +hosts"},
      {Stage::data, "451 later", "message wait message_deferred 4.3.0 +hosts"},
      {Stage::data, "451 4.7.1 later", "message wait message_deferred 4.7.1"},
      {Stage::data, "554 no", "message fail message_refused 5.0.0"},
      {Stage::body, "552 5.3.4 too much", "message fail too_big 5.3.4"},
      {Stage::body, "452 4.3.1 disk full", "host wait host_deferred 4.3.1 +hosts"},
      {Stage::end_of_data, "452 4.3.1 disk full", "host wait host_deferred 4.3.1 +hosts", end},
      {Stage::end_of_data, "550 5.7.1 spam", "message fail message_refused 5.7.1", end},
      {Stage::end_of_data, "554 spam", "message fail message_refused 5.0.0", end},
      {Stage::end_of_data, "552 5.2.3 too long", "message fail too_big 5.2.3", end},
      {Stage::end_of_data, "552 full", "message fail message_refused 5.2.2", end},
      {Stage::end_of_data, "451 4.7.1 greylisting in action", "message wait greylisted 4.7.1", end},
      {Stage::end_of_data, "451 4.7.1 later", "message wait message_deferred 4.7.1", end},
      {Stage::end_of_data, "451 4.2.0 later", "message wait message_deferred 4.2.0 +hosts", end},
  };
  for (const auto& c : cases)
    EXPECT_EQ(show(judge(refused(c.stage, c.reply), c.context)), c.judgement) << to_string(c.stage) << " " << c.reply;
}

TEST(Trouble, WithoutAReply) {
  const Context reused{.connection_reused = true}, end{.sent_to_end = true}, required{.tls_required = true};
  struct TroubleCase {
    Stage stage;
    Trouble trouble;
    const char* judgement;
    Context context{};
  };
  const TroubleCase cases[] = {
      {Stage::connect, Trouble::connection_lost, "host wait connect_failed 4.4.1 +hosts"},
      {Stage::connect, Trouble::timed_out, "host wait connect_failed 4.4.1 +hosts"},
      {Stage::greeting, Trouble::timed_out, "host wait timed_out 4.4.2 +hosts"},
      {Stage::greeting, Trouble::connection_lost, "host wait connection_lost 4.4.2 +hosts"},
      {Stage::greeting, Trouble::reply_malformed, "host wait protocol_error 4.5.0 +hosts"},
      {Stage::ehlo, Trouble::reply_too_long, "host wait protocol_error 4.5.0 +hosts"},
      {Stage::idle, Trouble::connection_lost, "session wait connection_lost 4.4.2 +hosts +connection", reused},
      {Stage::mail, Trouble::connection_lost, "session wait connection_lost 4.4.2 +hosts +connection", reused},
      {Stage::mail, Trouble::connection_lost, "host wait connection_lost 4.4.2 +hosts"},
      {Stage::rcpt, Trouble::connection_lost, "host wait connection_lost 4.4.2 +hosts", reused},
      {Stage::body, Trouble::timed_out, "host wait timed_out 4.4.2 +hosts"},
      {Stage::end_of_data, Trouble::connection_lost, "host wait connection_lost 4.4.2", end},
      {Stage::end_of_data, Trouble::timed_out, "host wait timed_out 4.4.2", end},
      {Stage::end_of_data, Trouble::reply_malformed, "host wait protocol_error 4.5.0", end},
      {Stage::tls, Trouble::tls_failed, "host wait tls_failed 4.7.5 +hosts +connection +clear"},
      {Stage::tls, Trouble::tls_failed, "host wait tls_failed 4.7.5 +hosts", required},
      {Stage::starttls, Trouble::tls_not_offered, "host wait tls_failed 4.7.4 +hosts", required},
      {Stage::auth, Trouble::auth_no_mechanism, "host wait auth_failed 4.7.0 +hosts"},
      {Stage::auth, Trouble::auth_not_offered, "host wait auth_failed 4.7.0 +hosts"},
      {Stage::auth, Trouble::auth_rejected, "host wait auth_failed 4.7.8"},
      {Stage::body, Trouble::body_unreadable, "message wait local_trouble 4.3.0"},
      {Stage::body, Trouble::body_line_ends, "message wait local_trouble 4.6.0"},
      {Stage::rcpt, Trouble::local_shutdown, "session wait shut_down 4.3.2"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(show(judge(broken(c.stage, c.trouble), c.context)), c.judgement)
        << to_string(c.stage) << " " << to_string(c.trouble);
  Outcome login{Stage::auth, Trouble::auth_rejected, remote("535 5.7.8 no"), {}};
  EXPECT_EQ(show(judge(login, {.smarthost = true})), "host wait auth_failed 4.7.8");
  login.reply = remote("454 4.7.0 later");
  EXPECT_EQ(show(judge(login, {.smarthost = true})), "host wait auth_failed 4.7.0 +hosts");
  login.reply = remote("235 in");
  EXPECT_EQ(show(judge(login, {.smarthost = true})), "host wait auth_failed 4.7.8");
  EXPECT_EQ(show(judge({Stage::starttls, Trouble::tls_refused, remote("454 4.7.0 no"), {}}, {})),
            "host wait tls_failed 4.7.0 +hosts");
  EXPECT_EQ(show(judge({Stage::data, Trouble::reply_malformed, remote("250 what"), {}}, {})),
            "host wait protocol_error 4.5.0 +hosts");
}

// Whatever comes, there is a judgement, and what it says holds together.
TEST(Trouble, EverythingHasAJudgement) {
  for (int stage = 0; stage <= static_cast<int>(Stage::idle); ++stage) {
    for (int trouble = 0; trouble <= static_cast<int>(Trouble::body_line_ends); ++trouble) {
      for (int code = 0; code < 600; ++code) {
        if (code > 0 && (code < 200 || code % 100 > 60)) continue;
        for (unsigned flags = 0; flags < 64; ++flags) {
          const Context context{(flags & 1) != 0, (flags & 2) != 0,  (flags & 4) != 0,
                                (flags & 8) != 0, (flags & 16) != 0, (flags & 32) != 0};
          Outcome o{static_cast<Stage>(stage), static_cast<Trouble>(trouble), {}, {}};
          if (code > 0) {
            if (code % 10 > 2 && flags != 0) continue;
            if (trouble > 0 && code % 50 != 0) continue;  // enough
            o.reply.emplace();
            o.reply->code = static_cast<reply::Code>(code);
          }
          const Judgement j = judge(o, context);
          const int klass = j.permanence == reply::Permanence::success     ? 2
                            : j.permanence == reply::Permanence::temporary ? 4
                                                                           : 5;
          ASSERT_EQ(j.status.klass, klass);
          if (context.sent_to_end && (code < 400 || o.trouble != Trouble::none)) {
            ASSERT_FALSE(j.try_other_hosts || j.try_other_connection);
          }
          if (code < 500 || o.trouble != Trouble::none) {
            ASSERT_NE(j.permanence, reply::Permanence::permanent);  // only a 5yz is for good
          }
          if (j.permanence == reply::Permanence::success) {
            ASSERT_TRUE(code / 100 == 2 && o.trouble == Trouble::none);
          }
        }
      }
    }
  }
}

TEST(Trouble, Missing) {
  EXPECT_EQ(show(judge_missing(smtp::Missing::eight_bit_mime)), "host fail needs_8bitmime 5.6.3 +hosts");
  EXPECT_EQ(show(judge_missing(smtp::Missing::binarymime)), "host fail needs_binarymime 5.6.3 +hosts");
  EXPECT_EQ(show(judge_missing(smtp::Missing::smtputf8_address)), "host fail needs_smtputf8_address 5.6.7 +hosts");
  EXPECT_EQ(show(judge_missing(smtp::Missing::smtputf8_header)), "host fail needs_smtputf8_header 5.6.9 +hosts");
  EXPECT_EQ(show(judge_missing(smtp::Missing::size)), "host fail too_big 5.3.4 +hosts");
  EXPECT_EQ(show(judge_missing(smtp::Missing::deliverby)), "host fail needs_deliverby 5.3.3 +hosts");
}

TEST(Trouble, OfDns) {
  EXPECT_EQ(show(judge_cause(Cause::null_mx)), "recipient fail null_mx 5.1.10");
  EXPECT_EQ(show(judge_cause(Cause::domain_not_found)), "recipient fail domain_not_found 5.1.2");
  EXPECT_EQ(show(judge_cause(Cause::only_invalid_null_mx)), "recipient fail only_invalid_null_mx 5.4.4");
  EXPECT_EQ(show(judge_cause(Cause::no_address)), "recipient fail no_address 5.4.4");
  EXPECT_EQ(show(judge_cause(Cause::mail_loop)), "recipient fail mail_loop 5.4.6");
  EXPECT_EQ(show(judge_cause(Cause::dns_temporary)), "host wait dns_temporary 4.4.3");
  EXPECT_EQ(show(judge_cause(Cause::dns_bogus)), "host wait dns_bogus 4.4.3");
}

TEST(Trouble, Conclusions) {
  const Judgement null = judge(refused(Stage::greeting, "521 5.3.2 no mail"), {});
  const Judgement refusal = judge(refused(Stage::greeting, "554 5.7.1 no"), {});
  const Judgement unreachable = judge(broken(Stage::connect, Trouble::timed_out), {});
  const Judgement lost = judge(broken(Stage::rcpt, Trouble::connection_lost), {});
  const Judgement eight = judge_missing(smtp::Missing::eight_bit_mime);
  const auto of = [](std::vector<Judgement> hosts) {
    Judgement by = hosts.at(deciding(hosts));
    by.try_other_hosts = by.try_other_connection = by.try_without_tls = false;
    return show(by);
  };
  EXPECT_EQ(of({null}), "host fail host_accepts_no_mail 5.3.2");
  EXPECT_EQ(of({null, null, null}), "host fail host_accepts_no_mail 5.3.2");
  // One that may take it later, wherever it stands in the order, is enough to wait.
  EXPECT_EQ(of({null, unreachable}), "host wait connect_failed 4.4.1");
  EXPECT_EQ(of({unreachable, null}), "host wait connect_failed 4.4.1");
  EXPECT_EQ(of({null, refusal, null}), "host wait refused_us 4.7.1");
  EXPECT_EQ(of({unreachable, refusal, lost}), "host wait refused_us 4.7.1");
  EXPECT_EQ(of({unreachable, lost}), "host wait connection_lost 4.4.2");
  EXPECT_EQ(of({eight}), "host fail needs_8bitmime 5.6.3");
  EXPECT_EQ(of({null, eight}), "host fail needs_8bitmime 5.6.3");
  EXPECT_EQ(of({eight, unreachable}), "host wait connect_failed 4.4.1");
  const auto index = [](std::vector<Judgement> hosts) { return deciding(hosts); };
  EXPECT_EQ(index({null, null}), 0u);
  EXPECT_EQ(index({unreachable, null, unreachable}), 0u);
  EXPECT_EQ(index({null, lost, refusal, unreachable, refusal}), 2u);
  EXPECT_EQ(index({null, eight, eight}), 1u);
}

// Texts of real servers at the door.
TEST(Trouble, WordsOfABlock) {
  for (const char* text : {
           "521 5.7.1 Service unavailable; client [192.0.2.4] blocked using zen.spamhaus.org",
           "521 5.2.1 :  (CON:B1)  https://postmaster.example/error-codes#421con1",
           "521 5.2.1 Service unavailable. Please try again later",
           "521 blocked by sbc:blacklist.mailrelay.example",
           "521 DNSRBL: 521< 192.0.2.4 >_is_blocked.",
           "521 mail.example Your host is listed in bl.spamcop.net",
           "521 Your IP address has a poor reputation",
           "521 rejected by local policy",
           "521 Access denied",
           "521 5.5.1 Protocol error",
           "521 5.3.2 Too many connections",
           "521 You are not allowed to connect.",
           "521-mx.example 521 Client host rejected: cannot find your reverse hostname",
           "521 Connection refused",
           "521 4.3.2 temporarily overloaded",
           "521 Unsolicited bulk mail is not welcome",
           "521 5.3.2 Relay access denied",
           "521 see https://www.spamhaus.org/query/ip/192.0.2.4",
           "521 Blocklisted: dul",
       }) {
    const auto reply = remote(text);
    EXPECT_FALSE(says_no_mail_at_all(reply)) << text;
  }
  for (const char* text : {
           "521 Host does not accept mail",
           "521 5.3.2 Host does not accept mail",
           "521 host7.example.net does not accept mail",
           "521 mx.policy.example does not accept mail",
           "521 spam-trap.blocked.example 5.3.2 no mail here",
           "521 5.3.2 System not accepting network messages",
           "521 Server does not accept mail",
           "521 host7.example.net does not accept mail; contact abuse@example.net",
           "521 host7.example.net does not accept mail; contact https://example.net/contact",
           "521 This machine only sends mail.",
           "521 no SMTP service here",
           "521 mx1.marble-blockhouse.example SMTP service not available, never",
           "521",
           "521 5.3.2 mail.limited.example: Example Limited takes no mail here; do not retry",
           "521 Dieser Rechner nimmt keine Post an",
       }) {
    EXPECT_TRUE(says_no_mail_at_all(remote(text))) << text;
  }
  EXPECT_FALSE(says_no_mail_at_all(remote("554 Host does not accept mail")));
}

// The names are those of queue::Reason, which delivery maps one to one.
TEST(Trouble, CausesAreReasons) {
  std::ifstream file(POSTIL_SOURCE_DIR "/src/queue/reason.def");
  ASSERT_TRUE(file);
  std::set<std::string> reasons;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("REASON(")) continue;
    reasons.insert(line.substr(7, line.find(',') - 7));
  }
  for (int i = 0; i <= static_cast<int>(Cause::too_big); ++i) {
    EXPECT_TRUE(reasons.contains(std::string(to_string(static_cast<Cause>(i))))) << to_string(static_cast<Cause>(i));
  }
}

}  // namespace
}  // namespace postil::route
