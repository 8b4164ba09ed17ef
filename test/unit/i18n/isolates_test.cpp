#include "i18n/isolates.hpp"

#include <gtest/gtest.h>

#include "i18n/columns.hpp"

namespace postil::i18n {
namespace {

// The line with [ and ] where the isolates stand.
std::string shown(std::string line) {
  line = with_isolates(line);
  const auto replace = [&line](std::string_view mark, const char* by) {
    for (auto at = line.find(mark); at != std::string::npos; at = line.find(mark)) line.replace(at, mark.size(), by);
  };
  replace("\xe2\x81\xa8", "[");
  replace("\xe2\x81\xa9", "]");
  return line;
}

TEST(Isolates, each_literal_in_a_right_to_left_line_has_them) {
  EXPECT_EQ(shown("\u0627\u0644\u0631\u0645\u0632 550 5.1.1 \u064a\u0639\u0646\u064a"),
            "\u0627\u0644\u0631\u0645\u0632 [550 5.1.1] \u064a\u0639\u0646\u064a");
  EXPECT_EQ(shown("\u0623 <ann@example.org>, \u0628 mx.example.org."),
            "\u0623 [<ann@example.org>], \u0628 [mx.example.org].");
  EXPECT_EQ(shown("\u0623 (RCPT TO) \u0628 (\u062c 550-5.1.1) --long"),
            "\u0623 [(RCPT TO)] \u0628 (\u062c [550-5.1.1]) [--long]");
  EXPECT_EQ(shown("\u0623: \"a b\" \u0628 bounce.eml! \u062c .eml"),
            "\u0623: [\"a b\"] \u0628 [bounce.eml]! \u062c [.eml]");
}

TEST(Isolates, what_needs_none_has_none) {
  for (const char* line :
       {"", "550 5.1.1 no such user", "Der Code 550 5.1.1 hei\u00dft", "\u043a\u043e\u0434 550 5.1.1",
        "\u0627\u0644\u0631\u0645\u0632 550 \u0623\u0648 5.1.1", "\u0623 ... \u0628 - ()"}) {
    EXPECT_EQ(with_isolates(line), line);
  }
}

TEST(Isolates, columns_and_escapes_stay_apart) {
  EXPECT_EQ(shown("  x.7.1  \u0623   postil check example.org"), "  [x.7.1]  \u0623   [postil check example.org]");
  EXPECT_EQ(shown("a b  c d \u0623"), "[a b]  [c d] \u0623");
  EXPECT_EQ(shown("\r\x1b[Kmx.example.org \u0623"), "\r\x1b[K[mx.example.org] \u0623");
  EXPECT_EQ(shown("\u0623\x1b["), "\u0623\x1b[");
}

TEST(Isolates, they_take_no_cell) {
  const std::string line = "\u0627\u0644\u0631\u0645\u0632 550 5.1.1 \u0623";
  EXPECT_NE(with_isolates(line), line);
  EXPECT_EQ(width_cells(with_isolates(line)), width_cells(line));
}

TEST(Isolates, the_languages_are_known) {
  for (const char* language : {"ar", "ar-EG", "fa", "he", "ur"}) EXPECT_TRUE(is_right_to_left(language));
  for (const char* language : {"", "en", "arn", "pt-BR", "zh-Hans"}) EXPECT_FALSE(is_right_to_left(language));
}

}  // namespace
}  // namespace postil::i18n
