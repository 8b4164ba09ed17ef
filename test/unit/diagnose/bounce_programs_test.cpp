// Bounces of programs that write no report: XMail, and what Exim adds of the words of a local program.
#include <gtest/gtest.h>

#include "diagnose/bounce.hpp"
#include "diagnose/classify.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

std::string mail(std::string_view body) {
  return "From: Mail System <mailer-daemon@relay.example>\nTo: carol@sender.example\nSubject: failure\n\n" +
         std::string(body);
}

knowledge::Reason reason_of(const Reading& reading) {
  return reading.recipients.empty() ? knowledge::Reason::unknown : classify(reading.recipients[0].refusal).reason;
}

TEST(BounceOfPrograms, xmail_says_the_error_in_its_first_line) {
  const auto read = read_bounce(
      mail("[<00>] XMail bounce: Rcpt=[ann@example.net];Error=[Spool file has reached max retry ops]\n\n\n"
           "[<01>] Error sending message [17.4.relay] from [relay.example].\n\n"
           "ID:        <S1>\nMail From: <carol@sender.example>\nRcpt To:   <ann@example.net>\n"
           "Server:    <mx.example.net> [192.0.2.7]\n\n\n"
           "[<02>] The reason of the delivery failure was:\n\nSpool file has reached max retry ops\n\n\n"
           "[<05>] Here is listed the initial part of the message:\n\nReceived: from a by b; now\n\nis blocked\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(read.recipients[0].refusal.text, "Spool file has reached max retry ops");
  EXPECT_EQ(reason_of(read), knowledge::Reason::expired_in_queue);
}

TEST(BounceOfPrograms, xmail_quotes_the_reply) {
  const auto read =
      read_bounce(mail("[<00>] XMail bounce: Rcpt=[ann@example.net];Error=[550 5.1.1 no such user]\n\n"
                       "[<02>] The reason of the delivery failure was:\n\n550 5.1.1 no such user\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.code, 550);
  EXPECT_EQ(reason_of(read), knowledge::Reason::user_unknown);
}

TEST(BounceOfPrograms, what_exim_adds_of_a_program_belongs_to_its_recipient) {
  const auto read = read_bounce(
      mail("A message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent "
           "error. The following address(es) failed:\n\n  ann@example.net\n    (generated from info@example.net)\n"
           "    local delivery failed\n\nThe following text was generated during the delivery attempt:\n\n"
           "------ ann@example.net ------\n\nmaildrop: maildir over quota.\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(reason_of(read), knowledge::Reason::mailbox_full);
}

TEST(BounceOfPrograms, what_sendmail_makes_of_a_failure_is_not_its_cause) {
  const auto loop =
      read_bounce(mail("   ----- The following addresses had permanent fatal errors -----\n<ann@example.net>\n"
                       "    (reason: Local configuration error)\n\n   ----- Transcript of session follows -----\n"
                       "553 5.3.5 mx.example.net. config error: mail loops back to me (MX problem?)\n"
                       "554 5.3.5 Local configuration error\n"));
  ASSERT_EQ(loop.recipients.size(), 1U);
  EXPECT_EQ(reason_of(loop), knowledge::Reason::routing_loop);
  const auto full = read_bounce(
      mail("   ----- The following addresses had permanent fatal errors -----\n<ann@example.net>\n\n"
           "   ----- Transcript of session follows -----\nprocmail: Quota exceeded while writing \"/var/mail/ann\"\n"
           "550 5.0.0 <ann@example.net>... Can't create output\n"));
  ASSERT_EQ(full.recipients.size(), 1U);
  EXPECT_EQ(full.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(reason_of(full), knowledge::Reason::mailbox_full);
}

TEST(BounceOfPrograms, courier_tells_each_recipients_session) {
  const auto read = read_bounce(mail(
      "This is a delivery status notification from relay.example,\nrunning the Courier mail server, version "
      "1.3.\n\nYour message to the following recipients cannot be delivered:\n\n<ann@example.net>:\n    "
      "mx.example.net [192.0.2.7]:\n >>> RCPT TO:<ann@example.net>\n <<< 550 5.1.1 no such user\n\n"
      "<bob@example.org>:\n    mx.example.org [192.0.2.8]:\n >>> DATA\n <<< 554 5.7.1 refused: message is spam\n"));
  ASSERT_EQ(read.recipients.size(), 2U);
  EXPECT_EQ(read.recipients[0].refusal.text, "no such user");
  EXPECT_EQ(read.recipients[1].refusal.text, "refused: message is spam");
  EXPECT_EQ(read.recipients[1].refusal.code, 554);
}

TEST(BounceOfPrograms, what_msmtp_adds_is_no_part_of_the_reply) {
  const auto reply = find_reply(
      "msmtp: envelope from address ann@example.com not accepted by the server\n"
      "msmtp: server message: 554 Email rejected\nmsmtp: could not send mail (account default from /etc/msmtprc)");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->code, 554);
  EXPECT_EQ(reply->text, "Email rejected");
}

TEST(BounceOfPrograms, what_stands_before_the_address_may_be_the_cause) {
  const auto read = read_bounce(mail("Unknown addressee: ann@example.net\n\n--- Unsent message follows ---\nTo: x\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(reason_of(read), knowledge::Reason::user_unknown);
}

TEST(BounceOfPrograms, sendmails_word_behind_the_address_leaves_the_transcript_its_cause) {
  const auto read = read_bounce(
      mail("   ----- The following addresses had delivery problems -----\n<ann@example.net>  (unrecoverable error)\n\n"
           "   ----- Transcript of session follows -----\n... while talking to mx.example.net:\n"
           ">>> RCPT To:<ann@example.net>\n<<< 550 <ann@example.net>... User unknown\n"
           "550 <ann@example.net>... User unknown\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(reason_of(read), knowledge::Reason::user_unknown);
}

TEST(BounceOfPrograms, header_fields_told_first_are_not_the_returned_message) {
  const auto read =
      read_bounce(mail("This report relates to a message you sent with the following header fields:\n\n"
                       "  Return-path: <carol@sender.example>\n  Received: from a by b; now\n  Subject: blocked\n\n"
                       "Your message cannot be delivered to the following recipients:\n\n"
                       "  Recipient address: ann@store.example.net\n  Original address: ann@example.net\n"
                       "  Reason: Over quota\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(reason_of(read), knowledge::Reason::mailbox_full);
}

TEST(BounceOfPrograms, gateways_name_recipients_in_their_own_ways) {
  auto read =
      read_bounce(mail("Message title: notes\nThe following recipient(s) could not be reached:\n"
                       "  ANN(MS:NET/PO7)\nThis recipient was invalid.\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "ANN(MS:NET/PO7)");
  EXPECT_EQ(reason_of(read), knowledge::Reason::user_unknown);
  read =
      read_bounce(mail("Delivery failed to X400:C=us;A=adm;O=org;S=ann;.\nReason: 1 (no transfer)\n"
                       "diagnostic: 15 (unsupported content type).\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(read.recipients[0].refusal.address, "X400:C=us;A=adm;O=org;S=ann");
  EXPECT_EQ(reason_of(read), knowledge::Reason::charset_or_8bit);
}

TEST(BounceOfPrograms, where_sendmail_got_the_message_from_is_no_cause) {
  const auto read =
      read_bounce(mail("The original message was received at Mon, 5 Mar 2007 05:42:33 +0100\nfrom [192.0.2.7]\n\n"
                       "   ----- The following addresses had permanent fatal errors -----\n<ann@example.net>\n"
                       "    (reason: 550 Denied by a policy.)\n\n   ----- Transcript of session follows -----\n"
                       "... while talking to mx.example.net.:\n>>> DATA\n<<< 550 Denied by a policy.\n"
                       "554 5.0.0 Service unavailable\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(reason_of(read), knowledge::Reason::policy_other);
  EXPECT_EQ(read.recipients[0].refusal.more.find("192.0.2.7"), std::string::npos);
}

TEST(BounceOfPrograms, what_is_said_of_one_recipient_is_a_sentence_of_its_own) {
  const auto read = read_bounce(
      mail("Your message did not reach some or all of the intended recipients.\n\n"
           "The following recipient(s) could not be reached:\n\n      Miller, Ann on 8/2/99 10:11 AM\n"
           "            Unable to deliver it, for reasons of its own\n            MSEXCH:MSExchangeMTA:SITE:HOST\n"));
  ASSERT_EQ(read.recipients.size(), 1U);
  EXPECT_EQ(reason_of(read), knowledge::Reason::unknown);
}

TEST(BounceOfPrograms, fields_of_the_returned_message_are_no_words_of_the_report) {
  const auto read = read_bounce(
      mail("This is a multi-part message in MIME format.\n\nContent-Type: text/plain;\n\tcharset=\"iso-8859-1\"\n\n"
           "The message to ann@example.net was stopped for reasons unknown.\n"
           "From: carol@sender.example\nSubject: The domain of the sender does not exist\n"));
  for (const auto& observed : read.recipients) {
    EXPECT_EQ(observed.refusal.text.find("charset"), std::string::npos);
    EXPECT_EQ(observed.refusal.text.find("does not exist"), std::string::npos);
  }
  ASSERT_EQ(read.recipients.size(), 1U);
}

TEST(BounceOfPrograms, the_code_of_a_delay_does_not_say_that_the_time_is_over) {
  for (const auto& [action, reason] : {std::pair{"delayed", knowledge::Reason::connect_failed},
                                       std::pair{"failed", knowledge::Reason::expired_in_queue}}) {
    const auto read = read_bounce(mail("Reporting-MTA: dns; relay.example\n\nAction: " + std::string(action) +
                                       "\nFinal-Recipient: rfc822;ann@example.net\nStatus: 4.4.7\n"));
    ASSERT_EQ(read.recipients.size(), 1U);
    EXPECT_EQ(reason_of(read), reason);
  }
}

}  // namespace
}  // namespace postil::diagnose
