#include "address/ip.hpp"

#include <gtest/gtest.h>

namespace postil::address {
namespace {

TEST(Ip, canonical) {
  EXPECT_EQ(canonical_ip("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical_ip("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(canonical_ip("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(canonical_ip("::ffff:c000:201"), "192.0.2.1");
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "::1%lo", "[::1]",
                          ":::", "1::2::3", "localhost", "0x7f.0.0.1", "1.2.3.4/32"})
    EXPECT_FALSE(canonical_ip(bad)) << bad;
  EXPECT_FALSE(canonical_ip(std::string_view("1.2.3.4\0", 8)));
  EXPECT_FALSE(canonical_ip(std::string(5000, '1')));
}

TEST(Ip, kinds) {
  EXPECT_TRUE(Ip::parse("127.9.9.9")->loopback());
  EXPECT_TRUE(Ip::parse("::1")->loopback());
  EXPECT_FALSE(Ip::parse("::2")->loopback());
  EXPECT_TRUE(Ip::parse("0.0.0.0")->any());
  EXPECT_TRUE(Ip::parse("::")->any());
  for (const char* special : {"10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "fe80::1", "fd00::1", "ff02::1",
                              "100.64.0.1", "255.255.255.255", "::", "2001:db8::5"})
    EXPECT_TRUE(Ip::parse(special)->special()) << special;
  for (const char* common : {"8.8.8.8", "172.32.0.1", "2001:4860::1", "9.255.255.255", "100.128.0.1"})
    EXPECT_FALSE(Ip::parse(common)->special()) << common;
}

TEST(Ip, literal_and_reversed) {
  EXPECT_EQ(ip_literal("192.0.2.1"), "[192.0.2.1]");
  EXPECT_EQ(ip_literal("2001:DB8::1"), "[IPv6:2001:db8::1]");
  EXPECT_EQ(ip_literal("a\r\nb"), "[a??b]");
  EXPECT_EQ(reversed_labels(*Ip::parse("192.0.2.1")), "1.2.0.192");
  EXPECT_EQ(reversed_labels(*Ip::parse("2001:db8::567:89ab")),
            "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
}

TEST(Network, contains) {
  const auto v4 = *Network::parse("192.0.2.0/25");
  EXPECT_TRUE(v4.contains("192.0.2.0"));
  EXPECT_TRUE(v4.contains("192.0.2.127"));
  EXPECT_FALSE(v4.contains("192.0.2.128"));
  EXPECT_TRUE(v4.contains("::ffff:192.0.2.5"));
  EXPECT_FALSE(v4.contains("2001:db8::1"));
  EXPECT_FALSE(v4.contains("junk"));
  const auto v6 = *Network::parse("2001:db8::/33");
  EXPECT_TRUE(v6.contains("2001:db8:7fff::1"));
  EXPECT_FALSE(v6.contains("2001:db8:8000::1"));
  EXPECT_TRUE(Network::parse("0.0.0.0/0")->contains("8.8.8.8"));
  EXPECT_FALSE(Network::parse("0.0.0.0/0")->contains("::1"));
  EXPECT_TRUE(Network::parse("::/0")->contains("::1"));
  EXPECT_FALSE(Network::parse("::/0")->contains("8.8.8.8"));
  EXPECT_TRUE(Network::parse("127.0.0.1")->contains("127.0.0.1"));
  EXPECT_FALSE(Network::parse("127.0.0.1")->contains("127.0.0.2"));
  EXPECT_TRUE(Network::parse("::ffff:10.0.0.0/104")->contains("10.9.9.9"));
}

TEST(Network, text_and_errors) {
  for (const char* text : {"192.0.2.0/24", "2001:db8::/32", "127.0.0.1", "::1", "0.0.0.0/0"})
    EXPECT_EQ(Network::parse(text)->text(), text);
  EXPECT_EQ(Network::parse("10.0.0.1/32")->text(), "10.0.0.1");
  for (const char* bad :
       {"", "/24", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/24", "10.0.0.0/08", "2001:db8::/129",
        "2001:db8::1/64", "10.0.0.0/8x", "10.0.0.0/999999999999", "::ffff:0.0.0.0/95"})
    EXPECT_FALSE(Network::parse(bad)) << bad;
}

}  // namespace
}  // namespace postil::address
