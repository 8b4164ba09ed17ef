#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace postil {
namespace {

TEST(Bytes, LettersAreAsciiOnly) {
  EXPECT_TRUE(iequals("PostMaster", "pOSTmASTER"));
  EXPECT_FALSE(iequals("abc", "ab"));
  EXPECT_FALSE(iequals("[", "{"));  // 0x20 apart, no letters
  EXPECT_FALSE(iequals("\xC3\x84", "\xC3\xA4"));
  EXPECT_EQ(to_lower("A[Z]\xC3\x84"), "a[z]\xC3\x84");
  EXPECT_EQ(to_upper("a{z}"), "A{Z}");
  EXPECT_TRUE(istarts_with("MAIL FROM:<a>", "mail from:"));
  EXPECT_FALSE(istarts_with("MAIL", "mail from:"));
}

TEST(Bytes, TrimAndSplit) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(split("", ',').size(), 1u);
  EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
}

TEST(Bytes, Utf8) {
  const std::string_view good[] = {"",
                                   "abc",
                                   "\x7F",
                                   "\xC2\x80",
                                   "\xDF\xBF",
                                   "\xE0\xA0\x80",
                                   "\xED\x9F\xBF",
                                   "\xEE\x80\x80",
                                   "\xEF\xBF\xBF",
                                   "\xF0\x90\x80\x80",
                                   "\xF4\x8F\xBF\xBF"};
  for (const auto text : good) EXPECT_TRUE(is_utf8(text)) << testing::PrintToString(std::string(text));
  const std::string_view bad[] = {"\x80",      // a tail alone
                                  "\xC0\xAF",  // overlong
                                  "\xC1\xBF",
                                  "\xE0\x9F\xBF",
                                  "\xF0\x8F\xBF\xBF",
                                  "\xED\xA0\x80",  // a surrogate
                                  "\xED\xBF\xBF",
                                  "\xF4\x90\x80\x80",  // above U+10FFFF
                                  "\xF5\x80\x80\x80",
                                  "\xFE",
                                  "\xFF",
                                  "\xC2",  // cut
                                  "\xE2\x82",
                                  "\xF0\x90\x80",
                                  "\xC2 ",
                                  "a\xE2\x82z"};
  for (const auto text : bad) EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(std::string(text));
}

// Against the definition: every code point and nothing else has one form.
TEST(Bytes, Utf8OfEveryCodePoint) {
  for (std::uint32_t c = 0; c <= 0x110000; ++c) {
    std::string text;
    if (c < 0x80) {
      text = {static_cast<char>(c)};
    } else if (c < 0x800) {
      text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      text = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    const bool wanted = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
    ASSERT_EQ(is_utf8(text), wanted) << c;
  }
}

TEST(Bytes, PrintableNeverGivesControlsOrBrokenUtf8) {
  EXPECT_EQ(printable("a\r\nb\0c\x1B[0m", 100), "a??b");  // the literal ends at its NUL
  EXPECT_EQ(printable(std::string_view("a\0b\x7F", 4)), "a?b?");
  EXPECT_EQ(printable("\xC3\xA4\xFFx"), "\xC3\xA4?x");
  // A character is not cut in half, and the limit is one of octets.
  EXPECT_EQ(printable("aa\xC3\xA4", 3), "aa");
  EXPECT_EQ(printable("aa\xC3\xA4", 4), "aa\xC3\xA4");
  EXPECT_EQ(printable(std::string(2000, 'x')).size(), 512u);
  std::string all;
  for (int i = 0; i < 256; ++i) {
    for (int j = 0; j < 256; j += 7) all += {static_cast<char>(i), static_cast<char>(j)};
  }
  const std::string shown = printable(all, all.size());
  EXPECT_TRUE(is_utf8(shown));
  for (const char c : shown) EXPECT_FALSE(is_control(c));
}

TEST(Bytes, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("listen", "listen"), 0u);
  EXPECT_EQ(edit_distance("listen", "lsiten"), 2u);
  EXPECT_EQ(edit_distance("listen", "lisen"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3u);
  EXPECT_EQ(edit_distance(std::string(64, 'a'), std::string(64, 'b')), 64u);
  EXPECT_GE(edit_distance(std::string(65, 'a'), std::string(65, 'a')), 64u) << "far away";
}

}  // namespace
}  // namespace postil
