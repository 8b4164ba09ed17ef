#include "message/header_filter.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace postil::message {
namespace {

struct Filtered {
  std::string out;
  std::size_t hops, header_octets;
  bool utf8, no_header, too_big;
  std::string content_language, accept_language, message_id;
  friend bool operator==(const Filtered&, const Filtered&) = default;
};

Filtered filter(const HeaderFilter::Options& options, std::string_view in, std::size_t piece) {
  HeaderFilter filter(options);
  std::string out;
  for (; !in.empty(); in.remove_prefix(std::min(piece, in.size()))) filter.feed(in.substr(0, piece), out);
  filter.finish(out);
  return {out,
          filter.hops(),
          filter.header_octets(),
          filter.utf8_header(),
          filter.no_header(),
          filter.too_big(),
          filter.content_language(),
          filter.accept_language(),
          filter.message_id()};
}

Filtered filter(const HeaderFilter::Options& options, std::string_view in) {
  const auto whole = filter(options, in, in.size() + 1);
  for (std::size_t piece = 1; piece < 40 && piece <= in.size(); ++piece) {
    EXPECT_EQ(filter(options, in, piece), whole) << "cut at " << piece << ": " << in;
  }
  // one cut, anywhere
  for (std::size_t cut = 1; cut < in.size(); ++cut) {
    HeaderFilter two(options);
    std::string out;
    two.feed(in.substr(0, cut), out);
    two.feed(in.substr(cut), out);
    two.finish(out);
    EXPECT_EQ(out, whole.out) << cut;
  }
  return whole;
}

HeaderFilter::Options relay() {
  return {.prepend = "Received: by us\r\n"};
}

HeaderFilter::Options submission() {
  return {.prepend = "Received: by us\r\n",
          .date_if_missing = "Date: today\r\n",
          .message_id_if_missing = "Message-ID: <new@us>\r\n",
          .remove_bcc = true,
          .remove_return_path = true};
}

constexpr std::string_view whole_header = "Date: x\r\nMessage-ID: <m@d>\r\n";

TEST(HeaderFilter, relayed_mail_passes_octet_for_octet) {
  for (const std::string in :
       {"Subject: x\r\n\r\nBody\r\n", "Bcc: a\r\nReturn-Path: <b>\r\n\r\n", "A:\r\n b\r\n\tc\r\n\r\nBcc: x\r\n",
        "a :b\r\n\r\n", "A: b\r\n", "A: b", "A: b\r\n\r\n\r\n\r\n", "\r\nbody", "A: b\n\nbody\n"})
    EXPECT_EQ(filter(relay(), in).out, "Received: by us\r\n" + in);
}

TEST(HeaderFilter, submission_loses_bcc) {
  const auto seen =
      filter(submission(), std::string(whole_header) +
                               "To: a\r\nBCC: secret@x,\r\n more@x\r\nResent-Bcc : s\r\nReturn-path: <x>\r\n"
                               "Bcc-Not: 1\r\nBcc:\r\nbcc: s\r\n\ts\r\n \r\nCc: c\r\n\r\nBcc: body\r\n");
  EXPECT_EQ(seen.out,
            "Received: by us\r\n" + std::string(whole_header) + "To: a\r\nBcc-Not: 1\r\nCc: c\r\n\r\nBcc: body\r\n");
}

TEST(HeaderFilter, bcc_as_last_field) {
  EXPECT_EQ(filter(submission(), std::string(whole_header) + "Bcc: s\r\n\r\nb").out,
            "Received: by us\r\n" + std::string(whole_header) + "\r\nb");
  EXPECT_EQ(filter(submission(), std::string(whole_header) + "Bcc: s").out,
            "Received: by us\r\n" + std::string(whole_header));
}

TEST(HeaderFilter, adds_what_is_missing_before_the_empty_line) {
  EXPECT_EQ(filter(submission(), "Subject: x\r\n\r\nDate: body\r\n").out,
            "Received: by us\r\nSubject: x\r\nDate: today\r\nMessage-ID: <new@us>\r\n\r\nDate: body\r\n");
  EXPECT_EQ(filter(submission(), "date: old\r\n\r\n").out,
            "Received: by us\r\ndate: old\r\nMessage-ID: <new@us>\r\n\r\n");
  EXPECT_EQ(filter(submission(), "Resent-Date: x\r\n").out,
            "Received: by us\r\nResent-Date: x\r\nDate: today\r\nMessage-ID: <new@us>\r\n");
  EXPECT_EQ(filter(submission(), "Subject: no end").out,
            "Received: by us\r\nSubject: no end\r\nDate: today\r\nMessage-ID: <new@us>\r\n");
  EXPECT_EQ(filter(submission(), "").out, "Received: by us\r\nDate: today\r\nMessage-ID: <new@us>\r\n");
  EXPECT_EQ(filter(submission(), "\r\nbody\r\n").out,
            "Received: by us\r\nDate: today\r\nMessage-ID: <new@us>\r\n\r\nbody\r\n");
}

TEST(HeaderFilter, message_without_header_gets_an_empty_line) {
  for (const std::string body : {"Hello there\r\nX: y\r\n", " folded: first\r\n", ": no name\r\n", "no end",
                                 "From ann Mon 12:00\r\n", "\rx: y\r\n", "B\xc3\xbc: x\r\n", "a\tb: c\r\n"}) {
    const auto seen = filter(submission(), body);
    EXPECT_EQ(seen.out, "Received: by us\r\nDate: today\r\nMessage-ID: <new@us>\r\n\r\n" + body);
    EXPECT_TRUE(seen.no_header);
    EXPECT_EQ(seen.header_octets, 0u) << body;
    EXPECT_EQ(filter(relay(), body).out, "Received: by us\r\n\r\n" + body);
  }
}

TEST(HeaderFilter, header_ends_at_a_line_that_is_no_field) {
  const auto seen = filter(relay(), "Subject: x\r\nnot a field\r\nTo: y\r\n\r\nb");
  EXPECT_EQ(seen.out, "Received: by us\r\nSubject: x\r\n\r\nnot a field\r\nTo: y\r\n\r\nb");
  EXPECT_FALSE(seen.no_header);
  EXPECT_EQ(seen.header_octets, 12u);
}

TEST(HeaderFilter, endless_name_is_no_field_and_not_held) {
  const std::string in = std::string(5000, 'a') + ": x\r\n\r\n";
  EXPECT_EQ(filter(relay(), in, 1).out, "Received: by us\r\n\r\n" + in);
  HeaderFilter once(relay());
  std::string out;
  once.feed(std::string(100000, 'a'), out);
  EXPECT_GT(out.size(), 99000u);
}

TEST(HeaderFilter, facts) {
  const auto seen =
      filter(relay(),
             "Received: a\r\nreceived: b\r\n\tc\r\nReceived-SPF: none\r\nContent-Language: de\r\n"
             "Accept-Language: ru, \r\n en;q=0.5 \r\nMessage-Id:\r\n <a@b>\r\nContent-Language: fr\r\n\r\n"
             "Received: body\r\n");
  EXPECT_EQ(seen.hops, 2u);
  EXPECT_EQ(seen.content_language, "de");
  EXPECT_EQ(seen.accept_language, "ru,  en;q=0.5");
  EXPECT_EQ(seen.message_id, "<a@b>");
  EXPECT_FALSE(seen.utf8);
  EXPECT_TRUE(filter(relay(), "Subject: \xc3\xbc\r\n\r\n").utf8);
  EXPECT_FALSE(filter(relay(), "Subject: u\r\n\r\n\xc3\xbc").utf8);
  EXPECT_EQ(filter(relay(), "A: b\r\n\r\nccc").header_octets, 8u);
  EXPECT_EQ(filter(submission(), "A: b\r\n\r\n").message_id, "<new@us>");
  EXPECT_LE(filter(relay(), "Content-Language: " + std::string(500, 'x') + "\r\n\r\n", 7).content_language.size(),
            100u);
}

TEST(HeaderFilter, too_big) {
  auto options = relay();
  options.header_octets_max = 20;
  EXPECT_FALSE(filter(options, "A: 345678901234\r\n\r\n" + std::string(100, 'b')).too_big);
  EXPECT_TRUE(filter(options, "A: 3456789012345678\r\n\r\n").too_big);
}

TEST(HeaderFilter, cuts_do_not_matter_on_random_input) {
  Prng random(3);
  const std::string_view parts[] = {"\r\n",
                                    "\n",
                                    "\r",
                                    ":",
                                    " ",
                                    "\t",
                                    "Bcc",
                                    "Date",
                                    "Received",
                                    "x",
                                    "\xc3\xbc",
                                    "Bcc: s\r\n",
                                    "Message-ID: <a>\r\n",
                                    "\r\n\r\n"};
  for (int round = 0; round < 3000; ++round) {
    std::string in;
    for (auto n = random.below(12); n > 0; --n) in += parts[random.below(std::size(parts))];
    const auto whole = filter(submission(), in, in.size() + 1);
    for (const std::size_t piece : {1u, 2u, 3u, 5u})
      ASSERT_EQ(filter(submission(), in, piece), whole) << testing::PrintToString(in);
  }
}

}  // namespace
}  // namespace postil::message
