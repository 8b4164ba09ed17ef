#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "base/prng.hpp"
#include "message/date.hpp"
#include "message/dot_stuffer.hpp"
#include "message/header_block.hpp"
#include "message/line_ends.hpp"
#include "message/line_scanner.hpp"
#include "message/trace_field.hpp"

namespace postil::message {
namespace {

WallTime at(std::int64_t unix_seconds) {
  return wall_from_microseconds(unix_seconds * 1'000'000);
}

TEST(Date, rfc5322) {
  EXPECT_EQ(rfc5322_date(at(1795328432)), "Sun, 22 Nov 2026 06:20:32 +0000");
  EXPECT_EQ(rfc5322_date(at(1795328432), 330), "Sun, 22 Nov 2026 11:50:32 +0530");
  EXPECT_EQ(rfc5322_date(at(1795328432), -570), "Sat, 21 Nov 2026 20:50:32 -0930");
  EXPECT_EQ(rfc5322_date(at(0)), "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(rfc5322_date(at(951782400)), "Tue, 29 Feb 2000 00:00:00 +0000");
  EXPECT_EQ(rfc5322_date(at(-1)), "Wed, 31 Dec 1969 23:59:59 +0000");
  EXPECT_EQ(rfc5322_date(WallTime::max()), "Thu, 30 Dec 9999 00:00:00 +0000");
  EXPECT_EQ(rfc5322_date(WallTime::min()), "Tue, 2 Jan 1900 00:00:00 +0000");
  EXPECT_EQ(rfc3339_date(at(1795328432)), "2026-11-22T06:20:32Z");
}

TEST(Date, rfc3339_is_read) {
  EXPECT_EQ(parse_rfc3339_utc("2026-11-22T06:20:32Z"), at(1795328432));
  EXPECT_EQ(parse_rfc3339_utc("2000-02-29t00:00:00.000001z"), at(951782400) + Duration(1));
  EXPECT_EQ(parse_rfc3339_utc("1970-01-01T00:00:00Z"), at(0));
  EXPECT_EQ(parse_rfc3339_utc("9999-12-31T23:59:60Z"), at(253402300800));
  for (const char* bad :
       {"", "2026-11-22", "2026-11-22T06:20:32", "2026-11-22T06:20:32+00:00", "2026-11-22 06:20:32Z",
        "2026-11-22T06:20:32.Z", "2026-11-22T06:20:32ZZ", "2026-11-31T06:20:32Z", "2026-13-22T06:20:32Z",
        "2026-11-22T24:20:32Z", "2026-11-22T06:60:32Z", "2026-11-22T06:20:61Z", "1969-12-31T23:59:59Z",
        "12026-11-22T06:20:32Z", "2026-11-22T06:20:3xZ"})
    EXPECT_FALSE(parse_rfc3339_utc(bad)) << bad;
}

ReceivedFacts common() {
  ReceivedFacts facts;
  facts.helo = "mail.example.com";
  facts.client_ip = "192.0.2.7";
  facts.client_name = "host.example.com";
  facts.host = "mx.example.net";
  facts.id = "7Q3K-9F2M-4T8XB";
  facts.single_recipient = "bob@example.net";
  facts.time = at(1795328432);
  return facts;
}

TEST(Received, full) {
  auto facts = common();
  facts.tls = true;
  facts.authenticated = true;
  facts.tls_version = "TLSv1.3";
  facts.tls_cipher = "TLS_AES_256_GCM_SHA384";
  EXPECT_EQ(received_field(facts),
            "Received: from mail.example.com (host.example.com [192.0.2.7])\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)\r\n"
            "\tby mx.example.net (Postil) with ESMTPSA id 7Q3K-9F2M-4T8XB\r\n"
            "\tfor <bob@example.net>;\r\n"
            "\tSun, 22 Nov 2026 06:20:32 +0000\r\n");
}

TEST(Received, priority) {
  auto facts = common();
  facts.priority = 4;
  EXPECT_TRUE(
      received_field(facts).ends_with("\tfor <bob@example.net> PRIORITY 4;\r\n"
                                      "\tSun, 22 Nov 2026 06:20:32 +0000\r\n"));
  facts.priority = -9;
  facts.single_recipient = "";
  EXPECT_TRUE(
      received_field(facts).ends_with("id 7Q3K-9F2M-4T8XB\r\n"
                                      "\tPRIORITY -9;\r\n"
                                      "\tSun, 22 Nov 2026 06:20:32 +0000\r\n"));
}

TEST(Received, variants) {
  auto facts = common();
  facts.single_recipient = "";
  facts.client_name = "";
  facts.client_ip = "2001:db8::1";
  EXPECT_EQ(received_field(facts),
            "Received: from mail.example.com ([IPv6:2001:db8::1])\r\n"
            "\tby mx.example.net (Postil) with ESMTP id 7Q3K-9F2M-4T8XB;\r\n"
            "\tSun, 22 Nov 2026 06:20:32 +0000\r\n");
  facts.client_ip = "";
  EXPECT_TRUE(received_field(facts).starts_with("Received: from mail.example.com\r\n"));
  facts.helo = "";
  EXPECT_TRUE(received_field(facts).starts_with("Received: from unknown\r\n"));
  facts.local = true;
  EXPECT_TRUE(received_field(facts).starts_with("Received: by mx.example.net (Postil) id "));
  facts = common();
  facts.helo = "[IPv6:2001:db8::1]";
  EXPECT_TRUE(received_field(facts).starts_with("Received: from [IPv6:2001:db8::1] (host.example.com"));
}

TEST(Received, keywords) {
  ReceivedFacts facts;
  EXPECT_EQ(with_keyword(facts), "ESMTP");
  facts.esmtp = false;
  EXPECT_EQ(with_keyword(facts), "SMTP");
  facts.esmtp = true;
  facts.tls = true;
  EXPECT_EQ(with_keyword(facts), "ESMTPS");
  facts.smtputf8 = true;
  EXPECT_EQ(with_keyword(facts), "UTF8SMTPS");
  facts.authenticated = true;
  EXPECT_EQ(with_keyword(facts), "UTF8SMTPSA");
  facts.lmtp = true;
  EXPECT_EQ(with_keyword(facts), "UTF8LMTPSA");
  facts.smtputf8 = facts.tls = false;
  EXPECT_EQ(with_keyword(facts), "LMTPA");
}

// What the client says must not make a line, a field or a comment of its own.
TEST(Received, hostile_client) {
  for (const std::string& evil :
       {std::string("a\r\nX-Evil: y"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x1b[2J"),
        std::string("a) with ESMTPSA (b"), std::string("a;b"), std::string(5000, 'x'), std::string("[a\r\n]"),
        std::string("\xff\xfe"), std::string("\"quoted\""), std::string("a\\")}) {
    for (const bool utf8 : {false, true}) {
      auto facts = common();
      facts.helo = facts.client_name = facts.client_ip = facts.tls_cipher = facts.tls_version = evil;
      facts.tls = true;
      facts.smtputf8 = utf8;
      const auto field = received_field(facts);
      int depth = 0;
      for (std::size_t i = 0; i < field.size(); ++i) {
        if (field[i] == '(') ++depth;
        if (field[i] == ')') --depth;
        EXPECT_GE(depth, 0);
        if (field[i] == '\r') {
          EXPECT_EQ(field[i + 1], '\n');
          EXPECT_TRUE(i + 2 == field.size() || field[i + 2] == '\t') << field;
          ++i;
          continue;
        }
        EXPECT_TRUE(field[i] == '\t' || !is_control(field[i])) << field;
      }
      EXPECT_EQ(depth, 0);
      EXPECT_EQ(count_fields(field, "Received"), 1u);
      EXPECT_EQ(header_block(field), field);
      EXPECT_TRUE(utf8 || !has_8bit(field));
      EXPECT_TRUE(is_utf8(field));
    }
  }
}

TEST(Received, recipient_that_does_not_fit_is_left_out) {
  auto facts = common();
  facts.single_recipient = "büro@x";
  EXPECT_EQ(received_field(facts).find("for <"), std::string::npos);
  facts.smtputf8 = true;
  EXPECT_NE(received_field(facts).find("for <büro@x>"), std::string::npos);
}

TEST(ReturnPath, field) {
  EXPECT_EQ(return_path_field("a@b"), "Return-Path: <a@b>\r\n");
  EXPECT_EQ(return_path_field(""), "Return-Path: <>\r\n");
}

std::string line_ends(std::string_view in, std::size_t piece) {
  LineEnds ends;
  std::string out;
  for (; !in.empty(); in.remove_prefix(std::min(piece, in.size()))) ends.feed(in.substr(0, piece), out);
  ends.finish(out);
  return out;
}

TEST(LineEnds, all_become_crlf_in_any_cut) {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"a", "a\r\n"},
                                                                 {"a\n", "a\r\n"},
                                                                 {"a\r\n", "a\r\n"},
                                                                 {"a\r", "a\r\n"},
                                                                 {"\n\n", "\r\n\r\n"},
                                                                 {"\r\r\n", "\r\n\r\n"},
                                                                 {"a\nb\r\nc\rd", "a\r\nb\r\nc\r\nd\r\n"},
                                                                 {"\n\r", "\r\n\r\n"}};
  for (const auto& [in, out] : cases)
    for (std::size_t piece = 1; piece <= in.size() + 1; ++piece) EXPECT_EQ(line_ends(in, piece), out) << piece;
}

TEST(DotStuffer, scanner_gives_back_what_was_stuffed) {
  Prng random(5);
  const std::string_view parts[] = {"\r\n", ".", "..", "a", "\r", "\n", "\r\n.", ".\r\n", "\r\n.\r\n"};
  for (int round = 0; round < 20000; ++round) {
    std::string message;
    for (auto n = random.below(10); n > 0; --n) message += parts[random.below(std::size(parts))];
    std::string wire;
    DotStuffer stuffer;
    for (std::string_view rest = message; !rest.empty();) {
      const auto piece = rest.substr(0, 1 + random.below(5));
      stuffer.feed(piece, wire);
      rest.remove_prefix(piece.size());
    }
    stuffer.finish(wire);
    const auto sent = wire.size();
    wire += "QUIT\r\n";
    std::string back;
    DataScanner scanner;
    const auto result = scanner.feed(wire, back);
    ASSERT_TRUE(result.end);
    ASSERT_EQ(result.consumed, sent) << testing::PrintToString(message);
    ASSERT_EQ(back, message.empty() || message.ends_with("\r\n") ? message : message + "\r\n");
  }
}

TEST(HeaderBlock, reads) {
  const std::string_view head = "A: 1\r\nB:\r\n 2\r\n\t3\r\na: 4\r\n\r\nC: 5\r\n";
  EXPECT_EQ(header_block(head), head.substr(0, head.find("\r\n\r\n") + 2));
  EXPECT_EQ(field(head, "b"), "2\t3");
  EXPECT_EQ(field(head, "a"), "1");
  EXPECT_EQ(field(header_block(head), "C"), std::nullopt);
  EXPECT_EQ(count_fields(head, "A"), 2u);
  EXPECT_EQ(header_block("no field\r\nA: 1\r\n"), "");
  EXPECT_EQ(header_block(" folded: 1\r\n"), "");
  EXPECT_EQ(header_block("A: 1\nB: 2\n\nbody"), "A: 1\nB: 2\n");
  EXPECT_EQ(header_block("A: cut"), "A: cut");
  EXPECT_EQ(header_block(""), "");
}

}  // namespace
}  // namespace postil::message
