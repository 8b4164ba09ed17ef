#include "address/xtext.hpp"

#include <gtest/gtest.h>

namespace postil::address {
namespace {

TEST(Xtext, there_and_back) {
  std::string all;
  for (char c = ' '; c < 127; ++c) all += c;
  const auto encoded = encode_xtext(all);
  EXPECT_EQ(encoded.find(' '), std::string::npos);
  EXPECT_EQ(encoded.find('='), std::string::npos);
  EXPECT_EQ(decode_xtext(encoded), all);
  EXPECT_EQ(encode_xtext("a+b=c d"), "a+2Bb+3Dc+20d");
}

TEST(Xtext, errors) {
  for (const char* bad : {"+", "+2", "+zz", "+2G", "a b", "a=b", "a\n", "\x7f", "a+", "\xc3\xbc", "++0A"})
    EXPECT_EQ(decode_xtext(bad).error(), XtextError::syntax) << bad;
  for (const char* control : {"a+0A", "a+0D+0Ab", "+00", "+7F", "+1b", "+09"})
    EXPECT_EQ(decode_xtext(control).error(), XtextError::control) << control;
  EXPECT_EQ(decode_xtext("+C3+BC").error(), XtextError::not_ascii);
}

TEST(Orcpt, rfc822) {
  const auto original = parse_orcpt("rfc822;Bob+2Btag@example.com", false);
  ASSERT_TRUE(original);
  EXPECT_EQ(original->type, "rfc822");
  EXPECT_EQ(original->address, "Bob+tag@example.com");
  EXPECT_EQ(format_orcpt(*original, false), "rfc822;Bob+2Btag@example.com");
  for (const char* bad : {"", ";", "rfc822", "rfc822;", ";a@b", "rf c;a@b", "rfc822;a b", "rfc822;a+0D+0Ab"})
    EXPECT_FALSE(parse_orcpt(bad, true)) << bad;
  EXPECT_TRUE(parse_orcpt("rfc822;" + std::string(493, 'a'), false));
  EXPECT_FALSE(parse_orcpt("rfc822;" + std::string(494, 'a'), false));
}

TEST(Orcpt, utf8) {
  EXPECT_EQ(parse_orcpt("utf-8;b\\x{FC}ro@x", false)->address, "büro@x");
  EXPECT_EQ(parse_orcpt("UTF-8;büro@x", true)->address, "büro@x");
  EXPECT_FALSE(parse_orcpt("utf-8;büro@x", false));
  EXPECT_EQ(parse_orcpt("utf-8;\\x{1F600}\\x{2B}@x", false)->address, "😀+@x");
  for (const char* bad : {"utf-8;\\x{}", "utf-8;\\x{D800}", "utf-8;\\x{110000}", "utf-8;\\x{0A}", "utf-8;\\x{9B}",
                          "utf-8;\\", "utf-8;\\x{41", "utf-8;\\u{41}", "utf-8;+0A", "utf-8;\\x{0000041}", "utf-8;+FF"})
    EXPECT_FALSE(parse_orcpt(bad, true)) << bad;
  const OriginalRecipient original{"utf-8", "bü+=\\ro@x"};
  EXPECT_EQ(format_orcpt(original, false), "utf-8;b\\x{FC}\\x{2B}\\x{3D}\\x{5C}ro@x");
  EXPECT_EQ(format_orcpt(original, true), "utf-8;bü\\x{2B}\\x{3D}\\x{5C}ro@x");
  EXPECT_EQ(parse_orcpt(format_orcpt(original, false), false)->address, original.address);
  EXPECT_EQ(parse_orcpt(format_orcpt(original, true), true)->address, original.address);
}

}  // namespace
}  // namespace postil::address
