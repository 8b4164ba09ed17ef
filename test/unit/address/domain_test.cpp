#include "address/domain.hpp"

#include <gtest/gtest.h>

namespace postil::address {
namespace {

TEST(ToAscii, forms) {
  EXPECT_EQ(to_ascii("MÜNCHEN.Example"), "xn--mnchen-3ya.example");
  EXPECT_EQ(to_ascii("Example.ORG."), "example.org");
  EXPECT_EQ(to_ascii("faß.de"), "xn--fa-hia.de");  // IDNA2008, not 2003's "fass"
  EXPECT_EQ(to_ascii("пример.испытание"), "xn--e1afmkfd.xn--80akhbyknj4f");
  EXPECT_EQ(to_ascii("_25._tcp.mx.example"), "_25._tcp.mx.example");
  EXPECT_EQ(to_ascii("mu\xCC\x88nchen.example"), "xn--mnchen-3ya.example");  // decomposed
}

TEST(ToAscii, errors) {
  for (const char* bad : {"", ".", "a..b", ".a", "a b", "a\xff.x", "ü..x", "a@b", "ü\n.x", "[1.2.3.4]"})
    EXPECT_EQ(to_ascii(bad).error(), DomainError::syntax) << bad;
  EXPECT_EQ(to_ascii(std::string(64, 'a') + ".x").error(), DomainError::too_long);
  EXPECT_EQ(to_ascii(std::string(2000, 'a')).error(), DomainError::too_long);
  std::string many;
  for (int i = 0; i < 130; ++i) many += "a.";
  EXPECT_EQ(to_ascii(many + "x").error(), DomainError::too_long);
  std::string umlauts;
  for (int i = 0; i < 70; ++i) umlauts += "ü";
  EXPECT_EQ(to_ascii(umlauts + ".x").error(), DomainError::too_long);
}

TEST(ToUnicode, forms) {
  EXPECT_EQ(to_unicode("xn--mnchen-3ya.example"), "münchen.example");
  EXPECT_EQ(to_unicode("XN--MNCHEN-3YA.example"), "münchen.example");
  EXPECT_EQ(to_unicode("plain.example"), "plain.example");
  EXPECT_EQ(to_unicode("xn--\x01.example"), "xn--\x01.example");
  EXPECT_EQ(to_unicode("xn--a.example"), "xn--a.example");
  EXPECT_EQ(to_unicode(""), "");
}

TEST(Qualified, has_a_dot_inside) {
  EXPECT_TRUE(qualified("a.b"));
  for (const char* no : {"", "a", "a.", ".a", "[1.2.3.4]"}) EXPECT_FALSE(qualified(no)) << no;
}

TEST(Nfc, composes) {
  EXPECT_EQ(nfc("u\xCC\x88"), "ü");
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("\xff\xfe"), "\xff\xfe");
}

}  // namespace
}  // namespace postil::address
