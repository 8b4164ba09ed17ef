// The PROXY protocol's header: what is taken, in any cuts, and what is not.
#include "smtp/proxy_header.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace postil::smtp {
namespace {

using Status = ProxyHeaderParser::Status;
using namespace std::string_literals;

struct Result {
  Status status = Status::more;
  std::size_t taken = 0;
  ProxyHeader header;
};

Result parse(std::string_view wire, std::size_t cut = 1000) {
  ProxyHeaderParser parser;
  Result out;
  while (out.taken < wire.size() && out.status == Status::more) {
    const auto part = wire.substr(out.taken, std::min(cut, parser.wanted()));
    out.taken += part.size();
    out.status = parser.feed(part);
  }
  out.header = parser.header();
  return out;
}

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string binary(int version_and_command, int family, const std::string& rest) {
  std::string out = signature;
  out += static_cast<char>(version_and_command);
  out += static_cast<char>(family);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 0xff);
  return out + rest;
}

const std::string four = "\xc0\x00\x02\x01\xc0\x00\x02\x19\xc3\x50\x00\x19"s;
const std::string six =
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xff\xff\x00\x19"s;

TEST(ProxyHeader, TakesItAndNothingBehindIt) {
  struct Case {
    std::string wire, client, server;
    int client_port, server_port;
  };
  const Case cases[] = {
      {"PROXY TCP4 192.0.2.1 192.0.2.25 50000 25\r\n", "192.0.2.1", "192.0.2.25", 50000, 25},
      {"PROXY TCP6 2001:DB8::1 2001:db8:0::2 65535 0\r\n", "2001:db8::1", "2001:db8::2", 65535, 0},
      {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1", "::1", 1, 2},
      {"PROXY UNKNOWN\r\n", "", "", 0, 0},
      {"PROXY UNKNOWN ffff::1 what ever 1 2 3\r\n", "", "", 0, 0},
      {binary(0x21, 0x11, four), "192.0.2.1", "192.0.2.25", 50000, 25},
      {binary(0x21, 0x21, six), "2001:db8::1", "2001:db8::2", 65535, 25},
      {binary(0x21, 0x11, four + "\x04\x00\x02zz"s + std::string(60000, 'x')), "192.0.2.1", "192.0.2.25", 50000, 25},
      {binary(0x20, 0x00, ""), "", "", 0, 0},
      {binary(0x20, 0x11, four), "", "", 0, 0},
      {binary(0x21, 0x00, "anything"), "", "", 0, 0},
      {binary(0x21, 0x31, std::string(216, '/')), "", "", 0, 0},
  };
  for (const auto& c : cases) {
    for (const std::size_t cut : {1u, 2u, 7u, 100000u}) {
      const auto got = parse(c.wire + "EHLO behind\r\n", cut);
      ASSERT_EQ(got.status, Status::done) << testing::PrintToString(c.wire.substr(0, 80));
      EXPECT_EQ(got.taken, c.wire.size());
      EXPECT_EQ(got.header.client_address, c.client);
      EXPECT_EQ(got.header.server_address, c.server);
      EXPECT_EQ(got.header.client_port, c.client_port);
      EXPECT_EQ(got.header.server_port, c.server_port);
    }
  }
}

TEST(ProxyHeader, RefusesAllElse) {
  const std::string cases[] = {
      "EHLO client.example\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "proxy UNKNOWN\r\n",
      "PROXY  TCP4 192.0.2.1 192.0.2.25 50000 25\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 50000 25\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 50000 25 \r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 50000\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 050000 25\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 65536 25\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.25 -1 25\r\n",
      "PROXY TCP4 192.0.2.01 192.0.2.25 50000 25\r\n",
      "PROXY TCP4 2001:db8::1 2001:db8::2 50000 25\r\n",
      "PROXY TCP6 192.0.2.1 192.0.2.25 50000 25\r\n",
      "PROXY TCP9 192.0.2.1 192.0.2.25 50000 25\r\n",
      "PROXY UNKNOWN" + std::string(200, 'x') + "\r\n",
      "PROXY \r\nxxxxxxxxx",
      signature.substr(0, 11) + "X" + binary(0x21, 0x11, four).substr(12),
      binary(0x11, 0x11, four),
      binary(0x22, 0x11, four),
      binary(0x21, 0x12, four),
      binary(0x21, 0x22, six),
      binary(0x21, 0x32, std::string(216, '/')),
      binary(0x21, 0x11, four.substr(0, 11)),
      binary(0x21, 0x21, four),
  };
  for (const auto& wire : cases) {
    for (const std::size_t cut : {1u, 3u, 100000u}) {
      EXPECT_EQ(parse(wire, cut).status, Status::malformed) << testing::PrintToString(wire);
    }
  }
  for (const auto& whole : {"PROXY TCP4 192.0.2.1 192.0.2.25 50000 25\r\n"s, binary(0x21, 0x11, four + "tlv")}) {
    for (std::size_t octets = 0; octets < whole.size(); ++octets) {
      EXPECT_EQ(parse(whole.substr(0, octets)).status, Status::more) << octets;
    }
  }
}

}  // namespace
}  // namespace postil::smtp
