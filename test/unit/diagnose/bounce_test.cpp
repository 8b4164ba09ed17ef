#include "diagnose/bounce.hpp"

#include <gtest/gtest.h>

#include "diagnose/diagnosis.hpp"

namespace postil::diagnose {
namespace {

// What is read for each recipient: "address|code|enhanced|action|stage|host|text".
std::string line_of(const Observed& observed) {
  const auto& refusal = observed.refusal;
  std::string out = refusal.address + "|" + (refusal.code == 0 ? "" : std::to_string(refusal.code)) + "|" +
                    reply::to_string(refusal.enhanced);
  for (const std::string_view part : {dsn::to_string(observed.action), knowledge::to_string(refusal.stage),
                                      std::string_view(refusal.host), std::string_view(refusal.text)}) {
    out.append("|").append(part);
  }
  return out;
}

std::vector<std::string> lines_of(const Reading& reading) {
  std::vector<std::string> out;
  for (const auto& observed : reading.recipients) out.push_back(line_of(observed));
  return out;
}

std::string mail(std::string_view body, std::string_view fields = "") {
  return "From: Mail System <mailer-daemon@relay.example>\nTo: carol@sender.example\nSubject: failure\n" +
         std::string(fields) + "\n" + std::string(body);
}

std::string report(std::string_view human, std::string_view status,
                   std::string_view returned = "To: ann@example.net\n\nhello\n") {
  return mail("--b\nContent-Type: text/plain\n\n" + std::string(human) +
                  "\n--b\nContent-Type: message/delivery-status\n\n" + std::string(status) +
                  "\n--b\nContent-Type: message/rfc822\n\n" + std::string(returned) + "\n--b--\n",
              "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n");
}

using Lines = std::vector<std::string>;

TEST(Bounce, a_standard_report_with_two_recipients) {
  const auto read = read_bounce(report(
      "This is the mail system at host relay.example.\n\n"
      "<ann@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1 <ann@example.net>: User\n    unknown (in "
      "reply to RCPT TO "
      "command)\n",
      "Reporting-MTA: dns; relay.example\nX-Postfix-Queue-ID: 1\n\n"
      "Final-Recipient: rfc822; ann@example.net\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.net\n"
      "Diagnostic-Code: smtp; 550 5.1.1 <ann@example.net>: User unknown\n\n"
      "Final-Recipient: rfc822; bob@example.org\nAction: delayed\nStatus: 4.4.1\n"
      "Diagnostic-Code: X-Postfix; connect to mx.example.org[192.0.2.2]:25: Connection timed out\n"));
  EXPECT_EQ(read.mta, "postfix");
  EXPECT_EQ(read.sender, "carol@sender.example");
  EXPECT_EQ(lines_of(read),
            (Lines{"ann@example.net|550|5.1.1|failed|rcpt|mx.example.net|<ann@example.net>: User unknown",
                   "bob@example.org||4.4.1|delayed|connect|mx.example.org|connect to mx.example.org[192.0.2.2]:25: "
                   "Connection timed out"}));
  EXPECT_EQ(read.recipients[0].refusal.side, Side::remote);
  EXPECT_EQ(read.recipients[0].reply, "550 5.1.1 <ann@example.net>: User unknown");
}

TEST(Bounce, nobody_is_told_to_wait_for_what_has_come_back) {
  for (const auto& [action, advice] :
       {std::pair{"delayed", "reason.connect_failed.do"}, std::pair{"failed", "bounce.advice.not_now.do"}}) {
    const auto told = judge(read_bounce(
        report("", "Final-Recipient: rfc822; bob@example.org\nAction: " + std::string(action) +
                       "\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; connect to mx.example.org[192.0.2.2]:25: "
                       "Connection timed out\n")));
    ASSERT_EQ(told.recipients.size(), 1U);
    EXPECT_EQ(told.recipients[0].explanation->reason, knowledge::Reason::connect_failed);
    EXPECT_EQ(told.recipients[0].explanation->act_text, advice);
  }
}

TEST(Bounce, a_reply_of_many_lines_is_one_text) {
  const auto read = read_bounce(report(
      "",
      "Final-Recipient: rfc822; ann@example.net\nAction: failed\nStatus: 5.7.26\nRemote-MTA: dns; mx.example.net\n"
      "Diagnostic-Code: smtp; 550-5.7.26 Unauthenticated email is not accepted\n    550-5.7.26 due to the policy. "
      "See\n    550 5.7.26 "
      "https://help.example/policy\n"));
  EXPECT_EQ(
      lines_of(read),
      (Lines{"ann@example.net|550|5.7.26|failed|any|mx.example.net|Unauthenticated email is not accepted due to the "
             "policy. See https://help.example/policy"}));
}

TEST(Bounce, where_the_report_has_only_numbers_the_human_part_speaks) {
  const auto read = read_bounce(report(
      "   ----- The following addresses had permanent fatal errors -----\n<ann@example.net>\n    (reason: 550 No such "
      "user)\n\n"
      "   ----- Transcript of session follows -----\n... while talking to mx.example.net.:\n>>> RCPT "
      "To:<ann@example.net>\n"
      "<<< 550 No such user\n550 5.1.1 <ann@example.net>... User unknown\n",
      "Reporting-MTA: dns; relay.example\n\nFinal-Recipient: RFC822; ann@example.net\nAction: failed\nStatus: 5.1.1\n"
      "Diagnostic-Code: X-Unix; 67\n"));
  ASSERT_EQ(read.recipients.size(), 1u);
  const auto& refusal = read.recipients.front().refusal;
  EXPECT_EQ(read.mta, "sendmail");
  EXPECT_EQ(refusal.code, 550);
  EXPECT_EQ(refusal.enhanced, (reply::EnhancedCode{5, 1, 1}));
  EXPECT_EQ(refusal.stage, knowledge::Stage::rcpt);
  EXPECT_EQ(refusal.text.substr(0, 12), "No such user");
}

TEST(Bounce, delivered_and_relayed_are_no_failures) {
  const auto read = read_bounce(report("",
                                       "Final-Recipient: rfc822; a@example.net\nAction: delivered\nStatus: 2.0.0\n\n"
                                       "Final-Recipient: rfc822; b@example.net\nAction: relayed\nStatus: 2.0.0\n"));
  ASSERT_EQ(read.recipients.size(), 2u);
  EXPECT_EQ(read.recipients[0].action, dsn::Action::delivered);
  EXPECT_EQ(read.recipients[1].action, dsn::Action::relayed);
}

TEST(BounceText, qmail) {
  const auto read =
      read_bounce(mail("Hi. This is the qmail-send program at relay.example.\nI'm afraid I wasn't able to deliver your "
                       "message to the following "
                       "addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
                       "<ann@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown "
                       "user\nGiving up on 192.0.2.1.\n\n"
                       "<bob@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
                       "--- Below this line is a copy of the message.\n\nReceived: x\nTo: dora@example.com\n"));
  EXPECT_EQ(read.mta, "qmail");
  EXPECT_EQ(lines_of(read),
            (Lines{"ann@example.net|550|5.1.1|failed|rcpt|192.0.2.1|unknown user",
                   "bob@example.org||5.1.1|failed|any||Sorry, no mailbox here by that name. (#5.1.1)"}));
}

TEST(BounceText, exim) {
  const auto read =
      read_bounce(mail("This message was created automatically by mail delivery software.\n\nA message that you sent "
                       "could not be delivered to one or "
                       "more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
                       "  ann@example.net\n    host mx.example.net [192.0.2.1]\n    SMTP error from remote mail server "
                       "after RCPT TO:<ann@example.net>:\n"
                       "    550 5.7.1 <ann@example.net>:\n    Recipient address rejected: Access denied\n"
                       "  bob@example.org\n    all relevant MX records point to non-existent hosts\n\n"
                       "------ This is a copy of the message, including all the headers. ------\n\nReturn-path: "
                       "<carol@sender.example>\n",
                       "X-Failed-Recipients: ann@example.net,\n  bob@example.org\n"));
  EXPECT_EQ(read.mta, "exim");
  EXPECT_EQ(lines_of(read),
            (Lines{"ann@example.net|550|5.7.1|failed|rcpt|mx.example.net|<ann@example.net>: Recipient address "
                   "rejected: Access denied",
                   "bob@example.org|||failed|any||all relevant MX records point to non-existent hosts"}));
}

TEST(BounceText, sendmail_of_old_with_several_hosts) {
  const auto read = read_bounce(mail(
      "   ----- Transcript of session follows -----\nWhile talking to mx.example.net:\n>>> RCPT To:<ann@example.net>\n"
      "<<< 550 <ann@example.net>... User unknown\n550 <ann@example.net>... User unknown\n"
      "550 nowhere.example (smtp)... 550 Host unknown\n554 <bob@nowhere.example>... 550 Host unknown (Authoritative "
      "answer from name "
      "server)\n\n   ----- Unsent message follows -----\nReceived: x\n"));
  ASSERT_EQ(read.recipients.size(), 2u);
  EXPECT_EQ(line_of(read.recipients[0]).substr(0, 32), "ann@example.net|550||failed|rcpt");
  EXPECT_EQ(read.recipients[1].refusal.address, "bob@nowhere.example");
  EXPECT_NE(read.recipients[1].refusal.text.find("Host unknown"), std::string::npos);
}

TEST(BounceText, what_the_other_side_said_counts_before_what_the_program_makes_of_it) {
  const auto read =
      read_bounce(mail("   ----- Transcript of session follows -----\nWhile talking to mx.example.net:\n>>> DATA\n<<< "
                       "550 Blocked by policy\n"
                       "554 <ann@example.net>... Remote protocol error: Connection reset by peer\n\n   ----- Unsent "
                       "message follows -----\n"));
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net|550||failed|data||Blocked by policy"}));
}

TEST(BounceText, opensmtpd_and_its_delays) {
  const auto read =
      read_bounce(mail("    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.\n\n    A message "
                       "is delayed for more than 10 minutes "
                       "for the following\n    list of recipients:\n\nann@example.net: 451 4.7.1 Greylisted\n\n    "
                       "Please note that this is only a temporary "
                       "failure report.\n\n    Below is a copy of the original message:\n\nReceived: x\n"));
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net|451|4.7.1|delayed|any||Greylisted"}));
  EXPECT_TRUE(read.recipients.at(0).refusal.delayed);
}

TEST(BounceText, other_programs) {
  struct Case {
    const char* body;
    const char* line;
  };
  for (const auto& [body, line] : {
           Case{"Your message\n\n  Subject: Offer\n\nwas not delivered to:\n\n  ann@example.net\n\nbecause:\n\n  User "
                "Ann (ann@example.net) not "
                "listed in Domino Directory\n",
                "ann@example.net|||failed|any||because: User Ann (ann@example.net) not listed in Domino Directory"},
           Case{"Delivery to the following recipient failed permanently:\n\n     ann@example.net\n\nTechnical details "
                "of permanent failure:\n"
                "The error that the other server returned was: 550 550 5.1.1 no such user (state 14).\n\n----- "
                "Original message -----\n",
                "ann@example.net|550|5.1.1|failed|any||no such user (state 14)."},
           Case{"Sorry, we were unable to deliver your message to the following address.\n\n<ann@example.net>:\nRemote "
                "host said:\n554 5.7.9 "
                "Message not accepted\n[RCPT_TO]\n\n--- Below this line is a copy of the message.\n",
                "ann@example.net|554|5.7.9|failed|rcpt||Message not accepted"},
           Case{"Unknown user: ann@example.net\n\nOriginal message follows.\n\nReceived: x\n",
                "ann@example.net|||failed|any||Unknown user"},
           Case{"Unable to deliver message to: <ann@example.net>\nDelivery failed for the following "
                "reason:\nmx.example.net[192.0.2.1] responded "
                "with failure: 552 mailbox is over quota (#5.2.2)\n\nThis has been a permanent failure.  No further "
                "delivery attempts will be "
                "made.\n",
                "ann@example.net|552|5.2.2|failed|any|mx.example.net|mailbox is over quota (#5.2.2)"},
           Case{"There was an error delivering your mail to <ann@example.net>.\n\nmx.example.net [192.0.2.1] did not "
                "like our RCPT TO:\n"
                "550 5.1.2 bad host\n\nMessage headers follow.\n\nReceived: x\n",
                "ann@example.net|550|5.1.2|failed|rcpt|mx.example.net|bad host"},
           Case{"Delivery has failed to these recipients or groups:\n\nAnn<mailto:ann@example.net>\nThe mailbox is "
                "unknown.\n\nDiagnostic "
                "information for administrators:\n\nGenerating server: ex.example\n\nann@example.net\n#550 5.1.1 "
                "RESOLVER.ADR.RecipNotFound; not "
                "found ##\n\nOriginal message headers:\n\nReceived: x\n",
                "ann@example.net|550|5.1.1|failed|any||RESOLVER.ADR.RecipNotFound; not found ##"},
       }) {
    EXPECT_EQ(lines_of(read_bounce(mail(body))), (Lines{line})) << body;
  }
}

TEST(BounceText, whom_it_is_about_is_read_from_the_sentence_before) {
  const auto mdaemon = read_bounce(
      mail("YOUR MESSAGE WAS NOT DELIVERED!\n\nThe following addresses did NOT receive a copy of your message:\n\n> "
           "ann@example.net\n\n--- Session Transcript ---\n Attempting SMTP connection to [192.0.2.1 : 25]\n 220 "
           "example.net ready\n MAIL From:<carol@sender.example>\n 250 Sender ok\n RCPT To:<ann@example.net>\n 552 "
           "Message for <ann@example.net> would exceed mailbox quota\n QUIT\n--- End Transcript ---\n"));
  ASSERT_EQ(mdaemon.recipients.size(), 1u);
  EXPECT_EQ(mdaemon.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(mdaemon.recipients[0].refusal.code, 552);
  EXPECT_NE(mdaemon.recipients[0].refusal.text.find("exceed mailbox quota"), std::string::npos);

  const auto imail = read_bounce(mail(
      "undeliverable to ann@example.net\n\nOriginal message follows.\n\nReceived: x\nTo: everybody@list.example\n"));
  EXPECT_EQ(lines_of(imail), (Lines{"ann@example.net|||failed|any||"}));
}

TEST(BounceText, the_sender_and_those_to_turn_to_are_no_recipients) {
  for (const auto* body :
       {"The following destination addresses were unknown:\n\nSMTP <ann@example.net>\n\nPlease reply to "
        "Postmaster@relay.example\nif you feel this message to be in error.\n",
        "The following message has violated system policy:\n\nFrom: carol@sender.example\nTo: ann@example.net\n\n"
        "Virus Name: W32/Example\n"}) {
    const auto read = read_bounce(mail(body));
    ASSERT_EQ(read.recipients.size(), 1u) << body;
    EXPECT_EQ(read.recipients[0].refusal.address, "ann@example.net") << body;
  }
}

// Exchange 5.5 and 2003 name recipients as the address book does.
TEST(BounceText, recipients_without_a_mail_address) {
  const auto old = [](std::string_view body) {
    return lines_of(
        read_bounce(mail("Your message did not reach some or all of the intended recipients.\n\n"
                         "      Subject:\tMinutes\n      Sent:\t08/02/99 10:10\n\n"
                         "The following recipient(s) could not be reached:\n\n" +
                         std::string(body))));
  };
  EXPECT_EQ(old("      Miller, Ann on 08/02/99 10:11\n            The recipient name is not recognized\n"
                "\tThe MTS-ID of the original message is: c=GB;a= ;p=Org;l=SRV-99\n"
                "            MSEXCH:MSExchangeMTA:NORTH:SRV\n\n"
                "      'Bob Hill' on 2/8/99 10:11 AM\n            The recipient's mailbox is full\n"),
            (Lines{"Miller, Ann|||failed|any||The recipient name is not recognized MSEXCH:MSExchangeMTA:NORTH:SRV",
                   "Bob Hill|||failed|any||The recipient's mailbox is full"}));
  EXPECT_EQ(old("      c=GB;a= ;p=Org;o=North;dda:SMTP=ann(a)north.example; on\n      08/02/99 10:11\n"
                "            No such recipient\n"),
            (Lines{"c=GB;a= ;p=Org;o=North;dda:SMTP=ann(a)north.example|||failed|any||No such recipient"}));
  EXPECT_EQ(old("      'ann@example.net' on 8.2.1999 10:11 No such recipient\n"),
            (Lines{"ann@example.net|||failed|any||No such recipient"}));
  EXPECT_EQ(old("      Ann Miller on Fri, 14 Sep 2007 18:52:54 +0300\n            No such recipient\n"),
            (Lines{"Ann Miller|||failed|any||No such recipient"}));
  EXPECT_EQ(lines_of(read_bounce(mail("Your mail to these recipients was not delivered: they take none from "
                                      "carol@sender.example, which is what they asked us to do:\n\n\tann\n"))),
            (Lines{"ann|||failed|any||Your mail to these recipients was not delivered: they take none from "
                   "carol@sender.example, which is what they asked us to do:"}));
  // What is no list of recipients begins none.
  EXPECT_TRUE(lines_of(read_bounce(mail("See you on 8/2/99 10:11\n"))).empty());
}

TEST(BounceText, words_that_tell_need_no_address) {
  const auto told =
      judge(read_bounce(mail("Your memo could not be delivered.\n\nCould not resolve the address Ann Miller\n")));
  ASSERT_EQ(told.recipients.size(), 1u);
  EXPECT_EQ(told.recipients.front().observed.refusal.address, "");
  ASSERT_TRUE(told.recipients.front().explanation);
  EXPECT_EQ(told.recipients.front().explanation->reason, knowledge::Reason::user_unknown);
  // Nor do words that tell nothing make somebody a recipient.
  EXPECT_TRUE(read_bounce(mail("Your memo could not be delivered.\n\nPlease ask somebody.\n")).recipients.empty());
}

TEST(BounceText, a_wrapped_reply_begins_no_other_recipient) {
  EXPECT_EQ(lines_of(read_bounce(mail("<ann@example.net>: host mx.example.net[192.0.2.1] said: 550 5.1.1\n"
                                      "    <carol@sender.example>: unauthorized sender (in reply to RCPT TO command)\n"
                                      "<bob@example.net>: 550 no such user\n"))),
            (Lines{"ann@example.net|550|5.1.1|failed|rcpt|mx.example.net|<carol@sender.example>: unauthorized sender",
                   "bob@example.net|550||failed|any||no such user"}));
}

TEST(BounceText, what_a_list_puts_under_a_bounce_names_no_recipient) {
  EXPECT_EQ(lines_of(read_bounce(mail("Not delivered to:\n\nann@example.net\n550 no such user\n\n"
                                      "_______________________________________________\nBuilders mailing list\n"
                                      "builders@lists.example\nhttps://lists.example/builders\n"))),
            (Lines{"ann@example.net|550||failed|any||no such user"}));
}

TEST(BounceText, an_announced_reason_is_not_the_returned_message) {
  EXPECT_EQ(lines_of(read_bounce(mail("* Below is the original mail and the failure reason:\n\n"
                                      "<ann@example.net>:\nover quota\n\n--- Below is a copy of the message.\n\n"
                                      "To: else@example.net\n"))),
            (Lines{"ann@example.net|||failed|any||over quota"}));
}

TEST(BounceText, the_code_alone_gives_way_to_the_whole_reply) {
  const auto read = read_bounce(
      mail("Your message to ann@example.net couldn't be delivered.\n\nOffice 365\n\nMore Info for Email Admins\n"
           "Status code: 550 5.1.10\n\nThis error occurs because of things that often happen.\n\n"
           "Recipient Address:      ann@example.net\n\nError Details\n"
           "Error:  550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by address lookup\n"));
  ASSERT_EQ(read.recipients.size(), 1u);
  EXPECT_EQ(read.recipients[0].refusal.text, "RESOLVER.ADR.RecipientNotFound; not found by address lookup");
}

TEST(BounceText, header_lines_and_brackets_of_other_languages) {
  const auto german = read_bounce(
      mail("Ihre Nachricht\n\n An: ann@example.net\n Betreff: Angebot\n\nkonnte nicht zugestellt werden an folgende "
           "Empf\u00e4nger:\n\nann@example.net\nDie E-Mail-Adresse konnte nicht gefunden werden.\n",
           "Content-Type: text/plain; charset=utf-8\n"));
  EXPECT_EQ(lines_of(german),
            (Lines{"ann@example.net|||failed|any||Die E-Mail-Adresse konnte nicht gefunden werden."}));
  const auto chinese =
      read_bounce(mail("\u9000\u4fe1\u539f\u56e0\uff1a\u90ae\u4ef6\u5730\u5740\uff08ann@example.net\uff09"
                       "\u4e0d\u5b58\u5728\n",
                       "Content-Type: text/plain; charset=utf-8\n"));
  ASSERT_EQ(chinese.recipients.size(), 1u);
  EXPECT_EQ(chinese.recipients[0].refusal.address, "ann@example.net");
  EXPECT_EQ(lines_of(read_bounce(
                mail("\u53d1\u4ef6\u4eba : carol@list.example\n\u65e0\u6cd5\u53d1\u9001\u5230 ann@example.net\n"
                     "550 no such user\n"))),
            (Lines{"ann@example.net|550||failed|any||no such user"}));
}

TEST(BounceText, what_stands_under_every_mail_is_no_cause) {
  const auto read =
      read_bounce(report("Delivery to the following recipients failed.\n\n       ann@example.net\n\n\n"
                         "This e-mail has been scanned for all\nknown viruses, spam and blocked words.\n\n"
                         "This message is confidential and for members of the\naddressed mailing list only.\n",
                         "Final-Recipient: rfc822; ann@example.net\nAction: failed\nStatus: 5.1.1\n"));
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net||5.1.1|failed|any||"}));
  EXPECT_EQ(read.recipients.at(0).refusal.more, "");
  const auto found =
      read_bounce(mail("<ann@example.net>:\nThe message was scanned by the gateway and a virus was found.\n"));
  ASSERT_EQ(found.recipients.size(), 1u);
  EXPECT_NE(found.recipients[0].refusal.text.find("virus was found"), std::string::npos);
}

TEST(BounceText, without_its_header_it_is_read_as_well) {
  const auto read = read_bounce_text(
      "<ann@example.net>: host mx.example.net[192.0.2.1] said: 552 5.2.2 full (in reply to\n    RCPT TO command)\n");
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net|552|5.2.2|failed|rcpt|mx.example.net|full"}));
}

TEST(BounceText, charsets_and_line_ends_do_not_matter) {
  const std::string body =
      "<ann@example.net>:\r\nLe courrier est refus\xe9. 550 5.1.1 Adresse destinataire invalide\r\n";
  auto text = mail(body, "Content-Type: text/plain; charset=iso-8859-1\n");
  const auto want = Lines{"ann@example.net|550|5.1.1|failed|any||Adresse destinataire invalide"};
  EXPECT_EQ(lines_of(read_bounce(text)), want);
  std::erase(text, '\r');
  EXPECT_EQ(lines_of(read_bounce(text)), want);
  for (auto& c : text) c = c == '\n' ? '\r' : c;
  EXPECT_EQ(lines_of(read_bounce(text)), want);
  EXPECT_EQ(lines_of(read_bounce("From x Mon Nov  2 10:00:00 2026\r" + text)), want);
}

TEST(BounceText, a_notification_in_json) {
  const auto read = read_bounce(mail(
      R"j({"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ann@example.net",)j"
      "\n "
      R"j("action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]}})j"
      "\n--\nTo stop these, write to stop@service.example\n"));
  EXPECT_EQ(read.mta, "amazonses");
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net|550|5.1.1|failed|any||user unknown"}));
}

TEST(Bounce, secrets_in_a_transcript_are_left_out) {
  const auto read = read_bounce(
      mail("<ann@example.net>:\n>>> AUTH PLAIN AGFubgBzZWNyZXQxMjM=\n<<< 535 5.7.8 AGFubgBzZWNyZXQxMjM= is wrong\n"));
  ASSERT_EQ(read.recipients.size(), 1u);
  EXPECT_EQ(read.recipients.front().refusal.text.find("AGFub"), std::string::npos);
  EXPECT_EQ(read.recipients.front().reply.find("AGFub"), std::string::npos);
}

TEST(Bounce, the_address_that_the_sender_knows_stands_for_the_inner_one) {
  const auto read = read_bounce(
      mail("Your message cannot be delivered to the following recipients:\n\n  Recipient address: ann@inner-store\n"
           "  Original address: ann@example.net\n  Reason: Over quota\n"));
  ASSERT_EQ(read.recipients.size(), 1u);
  EXPECT_EQ(read.recipients.front().refusal.address, "ann@example.net");
  EXPECT_NE(read.recipients.front().refusal.text.find("Over quota"), std::string::npos);
}

TEST(Bounce, what_a_program_wrote_need_not_be_a_bounce) {
  const std::string away =
      "From: Ann <ann@example.net>\nTo: carol@sender.example\nReturn-Path: <>\nSubject: Ann is out of the office\n"
      "Auto-Submitted: auto-generated\n\nI am away until Monday. Please write to bob@example.net.\n";
  EXPECT_TRUE(read_bounce(away).recipients.empty());
  const std::string ticket =
      "From: Tickets <tickets@example.net>\nTo: carol@sender.example\nReturn-Path: <>\nSubject: New ticket\n\n"
      "There is a new ticket in \"Abuse\".\n\n\"Ann\" <ann@example.net> wrote:\n> no\n";
  EXPECT_TRUE(read_bounce(ticket).recipients.empty());
}

TEST(Bounce, a_human_part_that_calls_itself_a_report) {
  const auto read = read_bounce(
      report("",
             "The message was not delivered:\n\n<ann@example.net> has restricted SMS e-mail\n--b\n"
             "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
             "Final-Recipient: rfc822; ann@example.net\nAction: failed\nStatus: 5.3.0 (unknown permanent failure)\n"));
  EXPECT_EQ(lines_of(read), (Lines{"ann@example.net||5.3.0|failed|any||has restricted SMS e-mail"}));
}

TEST(Bounce, an_ordinary_mail_tells_of_nobody) {
  EXPECT_TRUE(read_bounce("From: a@example.net\nTo: b@example.net\nSubject: Lunch\n\n").recipients.empty());
  EXPECT_TRUE(read_bounce("From: a@example.net\nTo: b@example.net\nSubject: Lunch\n\nPlease write to\nann@example.net\n"
                          "for my mailbox is full, and the machine has a virus.\n")
                  .recipients.empty());
  // Somebody passed a bounce on.
  EXPECT_EQ(read_bounce("From: a@example.net\nTo: b@example.net\nSubject: What is this?\n\nYour message could not be "
                        "delivered:\n\n<ann@example.net>: the mailbox is full\n")
                .recipients.size(),
            1u);
}

TEST(Bounce, limits_hold_on_hostile_input) {
  std::string many;
  for (int i = 0; i < 5000; ++i)
    many += "Final-Recipient: rfc822; a" + std::to_string(i) + "@example.net\nAction: failed\nStatus: 5.1.1\n\n";
  EXPECT_EQ(read_bounce(report("", many)).recipients.size(), recipients_max);
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "<a" + std::to_string(i) + "@example.net>: 550 5.1.1 no\n";
  EXPECT_LE(read_bounce(mail(text)).recipients.size(), recipients_max);
  const auto big = read_bounce(mail("<ann@example.net>:\n550 " + std::string(900000, 'x') + "\n"));
  for (const auto& observed : big.recipients) EXPECT_LE(observed.refusal.text.size(), refusal_octets_max);
  (void)read_bounce(mail(std::string(500000, '@')));
  (void)read_bounce(mail(std::string(500000, '"') + "@"));
  (void)read_bounce(mail(std::string(300000, '<')));
}

TEST(Bounce, a_complaint_is_none) {
  const auto reading = read_bounce(R"(From: feedback@example.org
To: abuse@example.com
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: text/plain

This is an abuse report for a message from 192.0.2.7 to <bob@example.org>.

--x
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1

--x--
)");
  EXPECT_TRUE(reading.recipients.empty());
}

}  // namespace
}  // namespace postil::diagnose
