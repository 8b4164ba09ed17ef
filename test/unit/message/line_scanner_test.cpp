#include "message/line_scanner.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/prng.hpp"

namespace postil::message {
namespace {

struct Seen {
  std::string out;
  bool end = false;
  std::size_t consumed = 0;
  BodyFacts facts;
};

Seen scan(std::string_view in, std::size_t piece) {
  Seen seen;
  DataScanner scanner;
  while (!in.empty() && !seen.end) {
    const auto result = scanner.feed(in.substr(0, piece), seen.out);
    seen.consumed += result.consumed;
    seen.end = result.end;
    EXPECT_EQ(scanner.ended(), result.end);
    in.remove_prefix(result.consumed);
  }
  seen.facts = scanner.facts();
  return seen;
}

// In one piece; and every cut must give the same.
Seen scan(std::string_view in) {
  const auto whole = scan(in, in.size() + 1);
  for (std::size_t piece = 1; piece <= in.size() && piece < 40; ++piece) {
    const auto cut = scan(in, piece);
    EXPECT_EQ(cut.out, whole.out) << piece;
    EXPECT_EQ(cut.end, whole.end) << piece;
    EXPECT_EQ(cut.consumed, whole.consumed) << piece;
    EXPECT_EQ(cut.facts.octets, whole.facts.octets);
    EXPECT_EQ(cut.facts.longest_line, whole.facts.longest_line);
    EXPECT_EQ(cut.facts.bare_cr, whole.facts.bare_cr);
    EXPECT_EQ(cut.facts.bare_lf, whole.facts.bare_lf);
    EXPECT_EQ(cut.facts.nul, whole.facts.nul);
    EXPECT_EQ(cut.facts.eight_bit, whole.facts.eight_bit);
    EXPECT_EQ(cut.facts.ends_with_crlf, whole.facts.ends_with_crlf);
  }
  return whole;
}

TEST(DataScanner, ends_at_crlf_dot_crlf_only) {
  const auto seen = scan("a\r\n.\r\nQUIT\r\n");
  EXPECT_TRUE(seen.end);
  EXPECT_EQ(seen.out, "a\r\n");
  EXPECT_EQ(seen.consumed, 6u);
}

TEST(DataScanner, empty_message) {
  const auto seen = scan(".\r\nRSET\r\n");
  EXPECT_TRUE(seen.end);
  EXPECT_EQ(seen.out, "");
  EXPECT_EQ(seen.consumed, 3u);
  EXPECT_TRUE(seen.facts.ends_with_crlf);
}

TEST(DataScanner, lookalikes_do_not_end) {
  using std::string_view_literals::operator""sv;
  for (const auto text : {"x\n.\n"sv, "x\n.\r\n"sv, "x\r\n.\n"sv, "x\r.\r"sv, "x\r.\n"sv, "x\n.\r"sv, "x\r.\r\n"sv,
                          "x\r\n.\r"sv, "x\r\n.\r\r\n"sv, "x\r\r\n.\r\r\n"sv, "x\r\n\0.\r\n"sv, "x\r\n.\0\r\n"sv,
                          "x\r\n. \r\n"sv, "x\r\n..\r\n"sv, ".\n"sv, ".\r\r\n"sv, "\n.\r\n"sv, "\r.\r\n"sv}) {
    const auto seen = scan(std::string(text) + "MAIL FROM:<evil@x>\r\n");
    EXPECT_FALSE(seen.end) << testing::PrintToString(std::string(text));
    EXPECT_NE(seen.out.find("MAIL FROM"), std::string::npos);
  }
}

TEST(DataScanner, takes_off_one_leading_dot) {
  EXPECT_EQ(scan("..a\r\n...\r\nb.c\r\n.d\r\n.\r\n").out, ".a\r\n..\r\nb.c\r\nd\r\n");
  EXPECT_EQ(scan(".\rx\r\n.\r\n").out, "\rx\r\n");
  EXPECT_EQ(scan(".\nx\r\n.\r\n").out, "\nx\r\n");
  EXPECT_EQ(scan("a\n.b\r\n.\r\n").out, "a\n.b\r\n");  // an LF begins no line
}

TEST(DataScanner, facts) {
  EXPECT_TRUE(scan("a\rb\r\n.\r\n").facts.bare_cr);
  EXPECT_TRUE(scan("a\r\r\n.\r\n").facts.bare_cr);
  EXPECT_TRUE(scan("\ra\r\n.\r\n").facts.bare_cr);
  EXPECT_TRUE(scan("a\nb\r\n.\r\n").facts.bare_lf);
  EXPECT_TRUE(scan("\r\n\n\r\n.\r\n").facts.bare_lf);
  EXPECT_TRUE(scan("a\xff\r\n.\r\n").facts.eight_bit);
  EXPECT_TRUE(scan(std::string("a\0b\r\n.\r\n", 8)).facts.nul);
  const auto clean = scan("abc\r\n\r\n..de\r\n.\r\n").facts;
  EXPECT_FALSE(clean.bare_cr || clean.bare_lf || clean.eight_bit || clean.nul);
  EXPECT_TRUE(clean.ends_with_crlf);
  EXPECT_EQ(clean.octets, 12u);
  EXPECT_EQ(clean.longest_line, 3u);
}

TEST(DataScanner, long_lines_split_nowhere) {
  for (const std::size_t n : {78u, 510u, 998u, 1000u, 1024u, 4096u, 16384u, 65536u}) {
    const std::string line(n, 'a');
    std::string out;
    DataScanner scanner;
    EXPECT_FALSE(scanner.feed(line, out).end);
    EXPECT_FALSE(scanner.feed(".\r\n", out).end);
    EXPECT_TRUE(scanner.feed(".\r\n", out).end);
    EXPECT_EQ(out, line + ".\r\n");
    EXPECT_EQ(scanner.facts().longest_line, n + 1);
  }
}

// A slow reading of the rules, octet by octet, as the oracle.
struct Oracle {
  std::string out;
  bool end = false;
  std::size_t consumed = 0;
};
Oracle slow(std::string_view in) {
  Oracle oracle;
  const std::string text = "\r\n" + std::string(in);
  for (std::size_t i = 2; i < text.size(); ++i) {
    if (text[i] == '.' && text[i - 2] == '\r' && text[i - 1] == '\n') {
      if (text.compare(i, 3, ".\r\n") == 0) {
        oracle.end = true;
        oracle.consumed = i + 3 - 2;
        return oracle;
      }
      continue;
    }
    oracle.out += text[i];
  }
  oracle.consumed = in.size();
  return oracle;
}

TEST(DataScanner, agrees_with_the_rules_on_random_input) {
  Prng random(7);
  const char letters[] = {'\r', '\n', '.', 'a', '\r', '\n', '\0', '\xe4'};
  for (int round = 0; round < 20000; ++round) {
    std::string in;
    for (auto n = random.below(24); n > 0; --n) in += letters[random.below(sizeof letters)];
    in += "x";  // nothing held back at the end
    const auto expected = slow(in);
    const auto seen = scan(in, 1 + random.below(6));
    ASSERT_EQ(seen.out, expected.out) << testing::PrintToString(in);
    ASSERT_EQ(seen.end, expected.end) << testing::PrintToString(in);
    ASSERT_EQ(seen.consumed, expected.consumed) << testing::PrintToString(in);
  }
}

TEST(BodyObserver, agrees_with_counting_on_random_input) {
  Prng random(8);
  const char letters[] = {'\r', '\n', 'a', 'b', '\r', '\n'};
  for (int round = 0; round < 20000; ++round) {
    std::string in;
    for (auto n = random.below(60); n > 0; --n) in += letters[random.below(sizeof letters)];
    BodyObserver observer;
    for (std::string_view rest = in; !rest.empty();) {
      const auto piece = rest.substr(0, 1 + random.below(9));
      observer.feed(piece);
      rest.remove_prefix(piece.size());
    }
    bool bare_cr = false, bare_lf = false;
    std::uint64_t line = 0, longest = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (in[i] == '\r' && i + 1 < in.size() && in[i + 1] == '\n') {
        longest = std::max(longest, line);
        line = 0;
        ++i;
        continue;
      }
      bare_cr = bare_cr || in[i] == '\r';
      bare_lf = bare_lf || in[i] == '\n';
      ++line;
    }
    const auto facts = observer.facts();
    ASSERT_EQ(facts.octets, in.size());
    ASSERT_EQ(facts.bare_cr, bare_cr) << testing::PrintToString(in);
    ASSERT_EQ(facts.bare_lf, bare_lf) << testing::PrintToString(in);
    ASSERT_EQ(facts.longest_line, std::max(longest, line)) << testing::PrintToString(in);
    ASSERT_EQ(facts.ends_with_crlf, in.empty() || in.ends_with("\r\n"));
  }
}

}  // namespace
}  // namespace postil::message
