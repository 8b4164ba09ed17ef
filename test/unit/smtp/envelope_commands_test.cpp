#include "smtp/envelope_commands.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace postil::smtp {
namespace {

using reply::TextId;

TextId mail_refusal(std::string_view argument) {
  const auto mail = parse_mail(argument, true);
  EXPECT_FALSE(mail.has_value()) << argument;
  return mail ? TextId::ok : mail.error().text;
}

TEST(EnvelopeCommands, MailWithAll) {
  const auto mail =
      parse_mail("from: <a@Example.ORG> SIZE=123 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=c+3Dd@e", true);
  ASSERT_TRUE(mail.has_value());
  EXPECT_EQ(mail->sender.address, "a@example.org");
  EXPECT_EQ(mail->size_octets, 123u);
  EXPECT_EQ(mail->body, BodyType::eight_bit);
  EXPECT_TRUE(mail->smtputf8);
  EXPECT_EQ(mail->ret, Ret::headers);
  EXPECT_EQ(mail->envid, "a+2Bb");
  EXPECT_EQ(mail->auth, "c=d@e");
}

TEST(EnvelopeCommands, Size) {
  EXPECT_EQ(parse_mail("FROM:<> SIZE=18446744073709551615", true)->size_octets,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_mail("FROM:<> SIZE=99999999999999999999", true)->size_octets,
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_mail("FROM:<> SIZE=00000000000000000001", true)->size_octets, 1u);
  EXPECT_EQ(mail_refusal("FROM:<> SIZE=000000000000000000001"), TextId::mail_param_bad);
  EXPECT_EQ(mail_refusal("FROM:<> SIZE=+1"), TextId::mail_param_bad);
}

TEST(EnvelopeCommands, AuthThatIsNoMailboxSaysNothing) {
  EXPECT_EQ(parse_mail("FROM:<> AUTH=somebody", true)->auth, "<>");
  EXPECT_EQ(parse_mail("FROM:<> AUTH=<>", true)->auth, "<>");
  EXPECT_EQ(parse_mail("FROM:<>", true)->auth, "");
  EXPECT_EQ(mail_refusal("FROM:<> AUTH=a+0Ab@example.org"), TextId::mail_param_bad);
}

TEST(EnvelopeCommands, RcptWithAll) {
  const auto rcpt = parse_rcpt("TO:<b@example.net> NOTIFY=DELAY,FAILURE ORCPT=rfc822;b+2B@example.net", true, false);
  ASSERT_TRUE(rcpt.has_value());
  EXPECT_EQ(rcpt->notify, 4 | 8);
  EXPECT_EQ(rcpt->orcpt, "rfc822;b+2B@example.net");
  EXPECT_EQ(parse_rcpt("TO:<b@example.net> NOTIFY=never", true, false)->notify, 1);
  EXPECT_EQ(parse_rcpt("TO:<b@example.net>", false, false)->notify, 0);
}

TEST(EnvelopeCommands, Utf8NeedsItsParameter) {
  EXPECT_EQ(mail_refusal("FROM:<\xc3\xa4@example.org>"), TextId::mail_needs_smtputf8);
  EXPECT_TRUE(parse_mail("FROM:<\xc3\xa4@example.org> SMTPUTF8", true)->sender.utf8);
  EXPECT_EQ(parse_rcpt("TO:<\xc3\xa4@example.org>", true, false).error().text, TextId::rcpt_needs_smtputf8);
  EXPECT_EQ(parse_rcpt("TO:<a@example.org> ORCPT=utf-8;\xc3\xa4@x", true, false).error().text,
            TextId::rcpt_needs_smtputf8);
  EXPECT_TRUE(parse_rcpt("TO:<a@example.org> ORCPT=utf-8;\xc3\xa4@x", true, true).has_value());
}

TEST(EnvelopeCommands, WhenItIsToLeaveAndToArrive) {
  auto mail = parse_mail("FROM:<> HOLDFOR=999999999 BY=+0120;rt MT-PRIORITY=-9", true);
  ASSERT_TRUE(mail.has_value());
  EXPECT_EQ(mail->hold.request, "for;999999999");
  EXPECT_EQ(mail->hold.interval, seconds(999'999'999));
  EXPECT_TRUE(mail->by.mode == DeliverBy::Mode::give_back && mail->by.trace);
  EXPECT_EQ(mail->by.seconds, 120);
  EXPECT_EQ(mail->priority, -9);
  mail = parse_mail("FROM:<> HOLDUNTIL=2026-11-22T06:20:32.5Z BY=-7;N MT-PRIORITY=0", true);
  ASSERT_TRUE(mail.has_value());
  EXPECT_EQ(mail->hold.request, "until;2026-11-22T06:20:32.5Z");
  EXPECT_EQ(unix_microseconds(mail->hold.until), 1'795'328'432'500'000);
  EXPECT_TRUE(mail->by.mode == DeliverBy::Mode::notify && !mail->by.trace);
  EXPECT_EQ(mail->by.seconds, -7);
  EXPECT_EQ(mail->priority, 0);
  EXPECT_FALSE(parse_mail("FROM:<>", true)->priority);
}

TEST(EnvelopeCommands, TheReplyNamesTheParameter) {
  const auto unknown = parse_mail("FROM:<> HOLDING=1", true);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, 555);
  EXPECT_EQ(reply::text_of(unknown.error()), "MAIL parameter HOLDING is not known");
}

}  // namespace
}  // namespace postil::smtp
