#include "diagnose/classify.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "refusal_of.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Action;
using knowledge::Reason;
using knowledge::Role;
using knowledge::Stage;

std::string_view key(Reason reason) {
  return knowledge::entry(reason).key;
}

struct Collision {
  const char* text;
  const char* host;
  Stage stage;
  Reason reason;
};

class Collisions : public testing::TestWithParam<Collision> {};

TEST_P(Collisions, what_stands_beside_the_code_decides) {
  const auto& c = GetParam();
  Refusal refusal = refusal_of(std::string_view(c.text));
  refusal.host = c.host;
  refusal.stage = c.stage;
  const auto found = classify(refusal);
  EXPECT_EQ(key(found.reason), key(c.reason)) << c.text << " by " << found.rule;
}

constexpr auto any = Stage::any;
constexpr const char* outlook = "example-org.mail.protection.outlook.com";
constexpr const char* google = "gmail-smtp-in.l.google.com";

INSTANTIATE_TEST_SUITE_P(
    SameCode, Collisions,
    testing::Values(
        Collision{"556 5.1.10 recipient address has null MX", "", any, Reason::recipient_null_mx},
        Collision{
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.org not found by SMTP address lookup",
            outlook, any, Reason::user_unknown},
        Collision{"550 5.1.10 no", "", any, Reason::unknown},
        Collision{"521 5.3.2 no", "", Stage::connect, Reason::host_accepts_no_mail},
        Collision{"521 5.7.1 Service unavailable; client [192.0.2.1] blocked using dnsbl.example", "", Stage::connect,
                  Reason::dnsbl_listed},
        Collision{"521 5.2.1 :  (CON:B1)", "", Stage::connect, Reason::vendor_ip_block},
        Collision{"556 no", "", any, Reason::recipient_null_mx},
        Collision{"556 Invalid account. Tenant or Domain not found", "", any, Reason::unknown},
        Collision{"556 remote ip check error", "freemx1.sinamail.sina.com.cn", any, Reason::spf_fail},
        Collision{"550 5.1.8 <ann@example.com>: Sender address rejected: Domain not found", "", any,
                  Reason::sender_domain_unresolvable},
        Collision{"550 5.1.8 Access denied, bad outbound sender", outlook, any, Reason::sender_account_limited},
        Collision{"550 5.1.0 Sender denied", outlook, any, Reason::customer_block_rule},
        Collision{"550 5.1.0 no", "", any, Reason::unknown},
        Collision{"450 4.4.1 connect to mx.example.org[192.0.2.1]:25: No route to host", "", any,
                  Reason::connect_failed},
        Collision{"550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", outlook, any,
                  Reason::user_unknown},
        Collision{"550 5.4.1 Relay Access Denied", outlook, any, Reason::relay_denied},
        Collision{"550 5.5.0 Requested action not taken: mailbox unavailable", "eur.olc.protection.outlook.com", any,
                  Reason::user_unknown},
        Collision{"503 5.5.0 Error: need RCPT command", "", any, Reason::protocol_error},
        Collision{"552 5.2.2 mailbox full", "", any, Reason::mailbox_full},
        Collision{"550 5.2.2 Submission quota exceeded", outlook, any, Reason::sender_account_limited},
        Collision{"550 5.2.1 The email account that you tried to reach is disabled", google, any,
                  Reason::mailbox_disabled},
        Collision{"550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", google,
                  any, Reason::recipient_rate_limited},
        Collision{"550 5.2.1 <bob@example.org>... Addressee unknown, relay=[192.0.2.1]", "ff-ip4-mx-vip1.prodigy.net",
                  any, Reason::user_unknown},
        Collision{"552 5.1.1 Boite du destinataire pleine. OFR_417 [417]", "smtp-in.orange.fr", any,
                  Reason::mailbox_full},
        Collision{"452 4.1.1 <bob@comcast.net> user over quota", "mx1.comcast.net", any, Reason::mailbox_full},
        Collision{"432 4.7.12 A password transition is needed", "", Stage::auth, Reason::auth_mechanism},
        Collision{"432 4.3.2 Concurrent connections limit exceeded", outlook, Stage::message,
                  Reason::too_many_connections},
        Collision{"432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "", Stage::message,
                  Reason::recipient_rate_limited},
        Collision{"550 5.7.12 Sender was not authenticated by organization", outlook, Stage::rcpt,
                  Reason::recipient_restricted},
        Collision{"550 5.7.13 no permission for this public folder", outlook, Stage::rcpt,
                  Reason::recipient_restricted},
        Collision{"550 5.7.27 Sender address has null MX", "mx.example.org", any, Reason::sender_null_mx},
        Collision{"550 5.7.27 mail from example.com did not pass SPF checks. x7 - gsmtp", google, any,
                  Reason::spf_fail},
        Collision{"550 5.7.29 ARC validation failure", "mx.example.org", any, Reason::arc_fail},
        Collision{"550 5.7.29 this message was not sent over a TLS connection. x7 - gsmtp", google, any,
                  Reason::tls_required},
        Collision{"550 5.7.30 REQUIRETLS support required", "mx.example.org", any, Reason::requiretls_unsupported},
        Collision{"550 5.7.30 this message did not pass DKIM. x7 - gsmtp", google, any, Reason::dkim_fail},
        Collision{"550 5.5.1 Protocol error", "", Stage::ehlo, Reason::protocol_error},
        Collision{"550 5.5.1 No such user", "", Stage::rcpt, Reason::user_unknown},
        Collision{"451 4.7.1 Greylisted, come back later", "", any, Reason::greylisted},
        Collision{"450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]", "", any,
                  Reason::ptr_missing},
        Collision{"454 4.7.1 <bob@example.org>: Relay access denied", "", any, Reason::relay_denied},
        Collision{"450 4.7.1 Error: too much mail from 192.0.2.1", "", any, Reason::rate_limited},
        Collision{"552 Too many recipients", "", Stage::rcpt, Reason::too_many_recipients},
        Collision{"552 5.3.4 Message size exceeds fixed limit", "", Stage::mail, Reason::message_too_big},
        Collision{"554 5.7.9 Message not accepted for policy reasons", "mta5.am0.yahoodns.net", Stage::message,
                  Reason::policy_other}));

// 5.7.1 is all things to all servers.
INSTANTIATE_TEST_SUITE_P(
    Status571, Collisions,
    testing::Values(Collision{"550 5.7.1 Unable to relay", "", any, Reason::relay_denied},
                    Collision{"554 5.7.1 blocked using zen.spamhaus.org", "", any, Reason::dnsbl_listed},
                    Collision{"550 5.7.1 Message content rejected, UBE", "", any, Reason::spam_content},
                    Collision{"550 5.7.1 Client does not have permissions to send as this sender", "", any,
                              Reason::send_as_denied},
                    Collision{"550 5.7.1 rejected by the DMARC policy of example.com", "", any, Reason::dmarc_reject},
                    Collision{"550 5.7.1 No PTR record", "", any, Reason::ptr_missing},
                    Collision{"550 5.7.1 No such user!", "", any, Reason::user_unknown},
                    Collision{"550 5.7.1 SPF check failed", "", any, Reason::spf_fail},
                    Collision{"550 5.7.1 Virus found", "", any, Reason::virus},
                    Collision{"550 5.7.1 something", "", any, Reason::policy_other}));

// What people ask about, with the answer that they need. Not: what is easily answered instead.
struct Question {
  const char* text;
  const char* host;
  Stage stage;
  Reason reason;
  Role who;
  Action action;
  Reason not_this;
};

class Questions : public testing::TestWithParam<Question> {};

TEST_P(Questions, cause_and_fix) {
  const auto& q = GetParam();
  Refusal refusal = refusal_of(std::string_view(q.text));
  refusal.host = q.host;
  refusal.stage = q.stage;
  const auto found = classify(refusal);
  EXPECT_EQ(key(found.reason), key(q.reason)) << q.text << " by " << found.rule;
  EXPECT_EQ(knowledge::to_string(found.who), knowledge::to_string(q.who)) << q.text;
  EXPECT_EQ(knowledge::to_string(found.action), knowledge::to_string(q.action)) << q.text;
  EXPECT_NE(found.reason, q.not_this);
}

INSTANTIATE_TEST_SUITE_P(
    Asked, Questions,
    testing::Values(
        // A typing error in the domain leads to a domain that takes no mail; no host is down.
        Question{
            "556 5.1.10 <zz@yahooo.com>: Recipient address rejected: Domain yahooo.com does not accept mail (nullMX)",
            "", Stage::rcpt, Reason::recipient_null_mx, Role::sender, Action::correct_address, Reason::connect_failed},
        // AOL's block of an address, not a host without mail.
        Question{"521 5.2.1 Service unavailable. Please try again later", "mx-aol.mail.gm0.yahoodns.net", any,
                 Reason::vendor_ip_block, Role::sender_admin, Action::contact, Reason::host_accepts_no_mail},
        Question{"521 5.2.1 : (CON:B1)", "", any, Reason::vendor_ip_block, Role::sender_admin, Action::contact,
                 Reason::host_accepts_no_mail},
        Question{"530 5.7.0 Must issue a STARTTLS command first", "", any, Reason::tls_required, Role::sender,
                 Action::fix_config, Reason::auth_credentials},
        Question{"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit "
                 "https://aka.ms/smtp_auth_disabled",
                 "", Stage::auth, Reason::auth_mechanism, Role::sender_admin, Action::fix_auth,
                 Reason::auth_credentials},
        Question{"550 5.7.60 SMTP; Client does not have permissions to send as this sender", "", any,
                 Reason::send_as_denied, Role::sender, Action::fix_auth, Reason::auth_credentials},
        Question{"550 5.7.1 Client does not have permissions to send as this sender", "", any, Reason::send_as_denied,
                 Role::sender, Action::fix_auth, Reason::auth_credentials},
        Question{"554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", "", any, Reason::send_as_denied,
                 Role::sender, Action::fix_auth, Reason::recipient_restricted},
        // The server could not ask; the password may be right.
        Question{"535 5.7.8 Error: authentication failed: Connection lost to authentication server", "", Stage::auth,
                 Reason::auth_service_down, Role::sender_admin, Action::retry, Reason::auth_credentials},
        // A firewall wrote the X letters.
        Question{"500 5.0.0 'XXXXXXXX': command not understood", "", Stage::starttls, Reason::tls_handshake_failed,
                 Role::sender_admin, Action::fix_config, Reason::feature_unsupported},
        Question{"553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b@example.net", "", any,
                 Reason::send_as_denied, Role::sender, Action::fix_auth, Reason::address_syntax},
        Question{"553 5.7.1 Sender address rejected: not owned by auth user.", "smtp.yandex.ru", any,
                 Reason::send_as_denied, Role::sender, Action::fix_auth, Reason::address_syntax},
        // Nobody is on a list here.
        Question{"554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org; Error: open "
                 "resolver; https://check.spamhaus.org/returnc/pub/192.0.2.53/",
                 "", any, Reason::dnsbl_misconfigured_receiver, Role::recipient_admin, Action::contact,
                 Reason::dnsbl_listed},
        Question{"550 5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all "
                 "senders to authenticate with either SPF or DKIM.",
                 "", any, Reason::unauthenticated, Role::sender_admin, Action::fix_dns, Reason::dmarc_reject},
        // The reply itself says which check failed.
        Question{
            "550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level. "
            "Spf= Fail, Dkim= Pass, DMARC= Pass",
            "", any, Reason::spf_fail, Role::sender_admin, Action::fix_dns, Reason::vendor_ip_block},
        Question{"421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume or user "
                 "complaints - 4.16.55.1",
                 "", any, Reason::rate_limited, Role::sender_admin, Action::throttle, Reason::vendor_ip_block},
        Question{"550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "", any, Reason::user_unknown,
                 Role::sender, Action::correct_address, Reason::connect_failed},
        Question{"451 4.7.1 Greylisting in action, please come back later", "", any, Reason::greylisted, Role::nobody,
                 Action::retry, Reason::vendor_ip_block},
        Question{"450 4.2.0 <bob@example.org>: Recipient address rejected: Greylisted for 60 seconds", "", any,
                 Reason::greylisted, Role::nobody, Action::retry, Reason::dnsbl_listed},
        Question{"550 5.5.1 Protocol error", "", any, Reason::protocol_error, Role::developer, Action::fix_config,
                 Reason::user_unknown},
        Question{"PREGREET 11 after 0.1 from [192.0.2.7]:4711: EHLO x", "", any, Reason::protocol_error,
                 Role::developer, Action::fix_config, Reason::user_unknown},
        Question{"550 5.1.1 <x@example.org>: Recipient address rejected: User unknown in virtual mailbox table", "",
                 any, Reason::user_unknown, Role::sender, Action::correct_address, Reason::mailbox_disabled},
        Question{"552 5.2.3 Your message exceeded Google's message size limits", "", any, Reason::message_too_big,
                 Role::sender, Action::change_content, Reason::mailbox_full},
        Question{"552 5.3.4 Message size exceeds fixed limit", "", any, Reason::message_too_big, Role::sender,
                 Action::change_content, Reason::mailbox_full},
        // Google is not down; the way out is closed.
        Question{"connect to gmail-smtp-in.l.google.com[192.0.2.1]:25: Connection timed out", "", any,
                 Reason::port25_blocked, Role::sender_admin, Action::fix_config, Reason::connect_failed},
        Question{"550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", "", any,
                 Reason::sender_account_limited, Role::sender_admin, Action::fix_config, Reason::vendor_ip_block},
        Question{"451 4.7.500 Server busy. Please try again later from [192.0.2.7]. (AS77712344)", "", any,
                 Reason::rate_limited, Role::sender_admin, Action::throttle, Reason::server_busy}));

TEST(Questions, what_helps_beyond_the_reason_has_a_note) {
  const auto note = [](std::string_view text) { return classify(refusal_of(text)).note; };
  EXPECT_EQ(note("550 5.1.1 <x@example.org>: User unknown in local recipient table"), "note.address.table_local");
  EXPECT_EQ(note("554 5.7.1 blocked using zen.spamhaus.org; Error: open resolver"), "note.lists.error_answer");
  EXPECT_EQ(note("550 5.5.1 Protocol error"), "note.system.early_talker");
  EXPECT_EQ(note("550 5.1.1 no such user"), "");
}

TEST(Classify, what_does_not_tell_stays_unknown_with_the_cause) {
  const auto because = [](std::string_view text) {
    const auto found = classify(refusal_of(text));
    EXPECT_EQ(found.reason, Reason::unknown) << text << " by " << found.rule;
    EXPECT_EQ(found.confidence, 0);
    return found.because;
  };
  EXPECT_EQ(because(""), "explain.because.no_words");
  EXPECT_EQ(because("colourless green ideas"), "explain.because.no_known_words");
  EXPECT_EQ(because("554 colourless"), "explain.because.no_detail");
  EXPECT_EQ(because("550 5.0.0 colourless"), "explain.because.generic_status");
  EXPECT_EQ(because("599 colourless"), "explain.because.unknown_code");
  EXPECT_EQ(because("550 5.1.10 colourless"), "explain.because.5110_other");
}

TEST(Classify, words_of_an_address_are_no_words_of_the_reply) {
  EXPECT_EQ(key(classify(refusal_of("550 5.1.1 <mailbox.full@spamhaus.example>: User unknown")).reason),
            "user_unknown");
  EXPECT_EQ(key(classify(refusal_of("550 <virus@greylist.example>")).reason), "unknown");
}

TEST(Classify, a_code_that_agrees_makes_it_surer) {
  const double alone = classify(refusal_of("550 user unknown")).confidence;
  const double agreed = classify(refusal_of("550 5.1.1 user unknown")).confidence;
  EXPECT_GE(alone, 0.8);
  EXPECT_GT(agreed, alone);
  EXPECT_LT(agreed, 1);
}

TEST(Classify, general_words_yield_to_a_clear_code) {
  EXPECT_EQ(key(classify(refusal_of("552 5.2.2 rejected")).reason), "mailbox_full");
  EXPECT_LT(classify(refusal_of("550 message rejected")).confidence, 0.8);
}

TEST(Classify, the_report_s_own_words_count_where_the_reply_tells_nothing) {
  Refusal refusal = refusal_of("554 colourless");
  refusal.more = "We could not deliver your mail because the mailbox is full.";
  const auto found = classify(refusal);
  EXPECT_EQ(key(found.reason), "mailbox_full");
  EXPECT_LT(found.confidence, 0.8);
  refusal.text = "no such user";
  EXPECT_EQ(key(classify(refusal).reason), "user_unknown");
}

TEST(Classify, waiting_over_names_what_it_waited_for) {
  const auto waited = classify(refusal_of("550 4.4.7 message expired: connect to mx.example.org: Connection refused"));
  EXPECT_EQ(key(waited.reason), "expired_in_queue");
  EXPECT_EQ(key(waited.underlying), "connect_failed");
  EXPECT_TRUE(waited.expired);
  // A full mailbox does not pass by itself: it is the cause.
  const auto full = classify(refusal_of("552 5.2.2 mailbox full; I'm not going to try again"));
  EXPECT_EQ(key(full.reason), "mailbox_full");
  EXPECT_TRUE(full.expired);
}

TEST(Classify, the_program_says_beside_the_reply_that_it_has_given_up) {
  Refusal refusal = refusal_of("451 Resources temporarily unavailable, please try again later");
  refusal.more = "I'm not going to try again; this message has been in the queue too long.";
  const auto given_up = classify(refusal);
  EXPECT_EQ(key(given_up.reason), "expired_in_queue");
  EXPECT_EQ(key(given_up.underlying), "server_busy");
  refusal.delayed = true;  // it is tried again, whatever stands there
  EXPECT_EQ(key(classify(refusal).reason), "server_busy");
}

TEST(Classify, what_is_tried_again_has_not_waited_too_long) {
  Refusal refusal;
  refusal.delayed = true;
  refusal.text = "Unable to deliver to domain for 12 hours. Last attempt failed because: Can't connect to host";
  const auto told = classify(refusal);
  EXPECT_EQ(key(told.reason), "connect_failed");
  EXPECT_FALSE(told.expired);
  refusal.text = "Unable to deliver to domain for 12 hours.";
  const auto likely = classify(refusal);
  EXPECT_EQ(key(likely.reason), "connect_failed");
  EXPECT_LT(likely.confidence, 0.8);
  refusal.delayed = false;
  EXPECT_EQ(key(classify(refusal).reason), "expired_in_queue");
}

TEST(Classify, a_reply_for_good_is_not_explained_by_another_attempt_s_network) {
  Refusal refusal = refusal_of("550 colourless green ideas");
  refusal.more = "554 <bob@example.org>... Remote protocol error: Connection reset by peer";
  EXPECT_EQ(key(classify(refusal).reason), "unknown");
  refusal.text.clear();  // nothing was said
  EXPECT_EQ(key(classify(refusal).reason), "connection_dropped");
}

TEST(Classify, an_account_that_is_off_is_the_recipient_s_where_the_words_name_one) {
  EXPECT_EQ(key(classify(refusal_of("525 5.7.13 User account disabled")).reason), "sender_account_limited");
  EXPECT_EQ(key(classify(refusal_of("525 5.7.13 <bob@example.org>: Recipient address rejected: User account disabled"))
                    .reason),
            "mailbox_disabled");
}

TEST(Classify, a_code_for_now_makes_a_reason_for_good_less_sure) {
  EXPECT_GE(classify(refusal_of("550 no such user")).confidence, 0.8);
  EXPECT_LT(classify(refusal_of("550 5.0.0 no such user")).confidence, 0.8);  // no class was known for it
  EXPECT_LT(classify(refusal_of("450 4.0.0 no such user")).confidence, 0.8);
  EXPECT_GE(classify(refusal_of("450 4.1.1 no such user")).confidence, 0.8);  // both say so
}

TEST(Classify, words_that_no_rule_knows_make_a_basic_code_less_sure) {
  EXPECT_GE(classify(refusal_of("551")).confidence, 0.8);
  EXPECT_LT(classify(refusal_of("551 colourless green ideas")).confidence, 0.8);
}

TEST(Classify, names_the_list_and_the_provider) {
  const auto found = classify(refusal_of("550 5.7.1 Client host [192.0.2.7] blocked using zen.spamhaus.org"));
  EXPECT_EQ(found.list, "zen.spamhaus.org");
  Refusal refusal = refusal_of("550 5.1.1 gone");
  refusal.host = "alt1.GMAIL-smtp-in.l.google.com.";
  EXPECT_EQ(classify(refusal).vendor, "gmail");
  refusal.host = "notgoogle.com";
  EXPECT_EQ(classify(refusal).vendor, "");
}

TEST(Classify, hostile_text_is_only_text) {
  for (std::string unit : {"a", "user ", "550-5.7.1 ", "@", "<a@b>", "\xFF", "(?:", "spf fail dkim ", "\xD0\xAF"}) {
    Refusal refusal;
    while (refusal.text.size() < 200000) refusal.text += unit;
    refusal.more = refusal.text;
    const auto begin = std::chrono::steady_clock::now();
    classify(refusal);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2)) << unit;
  }
}

TEST(Words, that_tell_two_causes_are_not_said_without_reserve) {
  for (const auto* text : {"550 5.1.1 no such user, or the message was found to be spam",
                           "550 <bob@example.org>: Destinatario desconocido o mailbox lleno"}) {
    const auto found = classify(refusal_of(std::string_view(text)));
    EXPECT_NE(found.reason, Reason::unknown) << text;
    EXPECT_LT(found.confidence, 0.8) << text;
  }
  EXPECT_GE(classify(refusal_of(std::string_view("550 User unknown"))).confidence, 0.8);
}

TEST(Words, that_follow_an_address_and_dots_are_not_part_of_it) {
  const auto found = classify(refusal_of(std::string_view("550 bob@example.org...User unknown")));
  EXPECT_EQ(key(found.reason), "user_unknown");
}

TEST(Words, of_a_quoted_reply_are_not_those_of_the_program_that_quotes_it) {
  Refusal refusal;
  refusal.text = "host mx.example.org[192.0.2.1] said: 554 Rcpt <bob@example.org> does not exist";
  EXPECT_EQ(key(classify(refusal).reason), "user_unknown");
}

TEST(Codes, that_a_report_made_of_the_basic_code_are_not_said_without_reserve) {
  Refusal refusal = refusal_of(std::string_view("550 5.1.1"));
  EXPECT_GE(classify(refusal).confidence, 0.8);
  refusal.enhanced_of_report = true;
  EXPECT_LT(classify(refusal).confidence, 0.8);
}

TEST(Codes, beside_words_that_no_rule_knows_are_not_said_without_reserve) {
  const auto found = classify(refusal_of(std::string_view("550 5.1.1 zyx wvut srqp")));
  EXPECT_EQ(key(found.reason), "user_unknown");
  EXPECT_LT(found.confidence, 0.8);
}

}  // namespace
}  // namespace postil::diagnose
