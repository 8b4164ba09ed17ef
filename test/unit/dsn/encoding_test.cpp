#include "dsn/encoding.hpp"

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace postil::dsn {
namespace {

TEST(Encoding, field_folds_at_spaces) {
  EXPECT_EQ(field("A", "b c"), "A: b c\r\n");
  EXPECT_EQ(field("A", ""), "A:\r\n");
  std::string words;
  for (int i = 0; i < 40; ++i) words += (i ? " word" : "word") + std::to_string(i);
  const auto folded = field("Diagnostic-Code", words);
  std::string unfolded;
  for (auto line : split(folded, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    EXPECT_LE(line.size(), 78u);
    unfolded += line;
  }
  EXPECT_EQ(unfolded, "Diagnostic-Code: " + words);
}

TEST(Encoding, field_cuts_what_no_line_can_hold) {
  for (const auto& value : {std::string(5000, 'x'), "a " + std::string(5000, 'x') + "   b", std::string(5000, ' ')}) {
    const auto folded = field("X", value);
    auto lines = split(folded, '\n');
    EXPECT_TRUE(lines.back().empty());
    lines.pop_back();
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_LE(lines[i].size(), 998u);
      EXPECT_TRUE(i == 0 || lines[i].starts_with(' '));
      EXPECT_FALSE(trim(lines[i].substr(0, lines[i].size() - 1)).empty());
    }
  }
}

TEST(Encoding, safe_text) {
  EXPECT_EQ(safe_text("a\r\nb\x1b"), "a??b?");
  EXPECT_EQ(safe_text("ü\xc2\x9b\xe2\x80\xae\xe2\x81\xa6x"), "ü???x");
  EXPECT_EQ(safe_ascii("ü€x\n"), "??x?");
}

TEST(Encoding, quoted_printable) {
  EXPECT_EQ(quoted_printable("a=b ü \n.\nFrom x"), "a=3Db =C3=BC=20\r\n=2E\r\n=46rom x");
  const auto text = quoted_printable(std::string(300, 'a') + " \n" + std::string(75, 'b') + "\xc3\xbc\n");
  for (auto line : split(text, '\n')) EXPECT_LE(line.size(), 77u);
  EXPECT_EQ(quoted_printable(std::string(76, 'a') + "\n"), std::string(76, 'a') + "\r\n");
}

TEST(Encoding, encoded_words) {
  EXPECT_EQ(encoded_words("plain"), "plain");
  EXPECT_EQ(encoded_words("für"), "=?utf-8?B?ZsO8cg==?=");
  std::string long_text;
  for (int i = 0; i < 50; ++i) long_text += "ж";
  for (const auto word : split(encoded_words(long_text), ' ')) EXPECT_LE(word.size(), 75u);
}

TEST(Encoding, base64_lines) {
  EXPECT_EQ(base64_lines(""), "");
  EXPECT_EQ(base64_lines("abc"), "YWJj\r\n");
  EXPECT_EQ(base64_lines(std::string(58, 'a')).size(), 78u + 6u);
}

}  // namespace
}  // namespace postil::dsn
