#include "mime/message.hpp"

#include <gtest/gtest.h>

#include "mime/text.hpp"

namespace postil::mime {
namespace {

TEST(Text, any_charset_becomes_utf8) {
  EXPECT_EQ(to_utf8("caf\xe9", "iso-8859-1"), "café");
  EXPECT_EQ(to_utf8("caf\xe9", "no-such-charset"), "café");
  EXPECT_EQ(to_utf8("caf\xe9"), "café");
  EXPECT_EQ(to_utf8("café", "us-ascii"), "café");
  EXPECT_EQ(to_utf8("\xcf\xd4\xd7\xc5\xd4", "koi8-r"), "ответ");
  EXPECT_EQ(to_utf8("\x1b$B%f!<%6!<\x1b(B unknown", "iso-2022-jp"), "ユーザー unknown");
  EXPECT_EQ(to_utf8("\x1b$B%f!<%6!<\x1b(B unknown"), "ユーザー unknown");
  EXPECT_EQ(to_utf8("Hi +AOk-", "unicode-1-1-utf-7"), "Hi é");
  EXPECT_EQ(to_utf8("bad \xff utf-8", "utf-8"), "bad \xef\xbf\xbd utf-8");
  EXPECT_EQ(to_utf8("bell\a and\ttab"), "bell and\ttab");
}

TEST(Text, any_line_ends_become_lf) {
  EXPECT_EQ(unify_lines("a\r\nb\rc\nd\r\r\ne"), "a\nb\nc\nd\ne");
  EXPECT_EQ(unify_lines("\xef\xbb\xbfx"), "x");
  EXPECT_EQ(unify_lines(std::string_view("\xff\xfe"
                                         "5\0"
                                         "0\0",
                                         6)),
            "50");
}

constexpr std::string_view report =
    "From MAILER-DAEMON Mon Nov  2 10:00:00 2026\r\n"
    "From: =?utf-8?B?UG9zdMOkbXRlcg==?= <postmaster@example.net>\r\n"
    "Subject: Undelivered\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "  boundary=\"b1\"\r\n\r\n"
    "--b1\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "na=EFve\r\n"
    "--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
    "Final-Recipient: rfc822; ann@example.org\r\nAction: failed\r\n"
    "--b1\r\nContent-Type: message/rfc822\r\n\r\nSubject: original\r\nTo: ann@example.org\r\n\r\nhello\r\n"
    "--b1--\r\n";

TEST(Message, a_report_is_taken_apart) {
  const auto mail = parse(report);
  EXPECT_EQ(mail.field("from"), "Postämter <postmaster@example.net>");
  ASSERT_EQ(mail.parts.size(), 4u);
  EXPECT_EQ(mail.parts[0].type, "text/plain");
  EXPECT_EQ(mail.parts[0].text, "naïve");
  EXPECT_EQ(mail.parts[1].type, "message/delivery-status");
  EXPECT_NE(mail.parts[1].text.find("\n\nFinal-Recipient: rfc822; ann@example.org\n"), std::string::npos);
  EXPECT_FALSE(mail.parts[1].returned);
  EXPECT_TRUE(mail.parts[3].returned);
  EXPECT_EQ(find_field(mail.returned_header, "to"), "ann@example.org");
  EXPECT_FALSE(mail.truncated);
}

TEST(Message, line_ends_do_not_matter) {
  for (const char* end : {"\n", "\r"}) {
    std::string text;
    for (const char c : report) {
      if (c == '\n') text += end;
      if (c != '\n' && c != '\r') text += c;
    }
    const auto mail = parse(text);
    ASSERT_EQ(mail.parts.size(), 4u);
    EXPECT_EQ(mail.parts[0].text, "naïve");
  }
}

TEST(Message, parts_are_found_where_the_header_names_no_boundary) {
  const auto mail = parse(
      "From: a@example.net\nSubject: x\nContent-Type: multipart/report; report-type=delivery-status\n\nThis is "
      "MIME.\n\n"
      "--xx/1\nContent-Type: text/plain\n\nwords\n--xx/1\nContent-Type: message/delivery-status\n\nStatus: "
      "5.1.1\n--xx/1--\n");
  ASSERT_EQ(mail.parts.size(), 2u);
  EXPECT_EQ(mail.parts[0].text, "words");
  EXPECT_EQ(mail.parts[1].type, "message/delivery-status");
}

TEST(Message, folds_that_a_copy_lost_are_mended) {
  const auto mail = parse("Received: from x\nby y; now\nTo: ann@example.net\n\nhello\nFrom: none\n");
  EXPECT_EQ(mail.field("Received"), "from x by y; now");
  EXPECT_EQ(mail.field("To"), "ann@example.net");
  ASSERT_EQ(mail.parts.size(), 1u);
  EXPECT_EQ(mail.parts[0].text, "hello\nFrom: none\n");
}

TEST(Message, any_beginning_of_a_mail_can_be_read) {
  for (std::size_t size = 0; size <= report.size(); ++size) (void)parse(report.substr(0, size));
  const auto cut = parse(report.substr(0, report.find("Action")));
  ASSERT_EQ(cut.parts.size(), 2u);
  EXPECT_NE(cut.parts[1].text.find("ann@example.org"), std::string::npos);
}

TEST(Message, limits_hold) {
  std::string many = "From: a@example.net\nSubject: x\nContent-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 1000; ++i) many += "--b\nContent-Type: text/plain\n\nx\n";
  const auto parts = parse(many);
  EXPECT_EQ(parts.parts.size(), Limits{}.parts_max);
  EXPECT_TRUE(parts.truncated);

  std::string deep = "From: a@example.net\nSubject: x\n";
  for (int i = 0; i < 20000; ++i)
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" + std::to_string(i) + "\n";
  (void)parse(deep);

  const auto big = parse("From: a@example.net\nSubject: x\n\n" + std::string(3 * 1024 * 1024, 'x'));
  EXPECT_TRUE(big.truncated);
  ASSERT_EQ(big.parts.size(), 1u);
  EXPECT_EQ(big.parts[0].text.size(), Limits{}.text_octets_max);
}

TEST(Message, a_mail_is_told_from_other_text) {
  EXPECT_TRUE(looks_like_mail(report));
  EXPECT_TRUE(looks_like_mail("Received: x\n y\nX-Odd: 1\nTo: a@example.net\n\nbody"));
  EXPECT_TRUE(looks_like_mail("From: a@example.net\nReceived: by x\nid 1; now\nTo: b@example.net\n\nbody"));
  EXPECT_FALSE(looks_like_mail("550 5.1.1 no such user"));
  EXPECT_FALSE(looks_like_mail("Nov  2 10:00:01 mx postfix/smtp[1]: 9A8B7C6D5E: to=<b@example.org>, status=sent"));
  EXPECT_FALSE(looks_like_mail("To: a@example.net\nHi. This is the qmail-send program"));
  EXPECT_FALSE(looks_like_mail(""));
}

}  // namespace
}  // namespace postil::mime
