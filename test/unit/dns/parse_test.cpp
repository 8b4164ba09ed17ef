#include "dns/parse.hpp"

#include <gmock/gmock.h>

#include "packet.hpp"

namespace postil::dns {
namespace {

using test::Packet;
using test::pointer;
using test::u16;
using test::wire_name;
using ::testing::ElementsAre;

constexpr unsigned question_at = 12;

Answer parse(const Packet& packet, std::string_view name, Type type) {
  return parse_answer(packet.octets(), name, type);
}

TEST(ParseAnswer, ReadsMxRecordsWithCompressedNames) {
  Packet packet("Example.COM", Type::mx);
  packet.add(pointer(question_at), Type::mx, u16(10) + std::string("\x02MX", 3) + pointer(question_at), 600);
  packet.add(wire_name("EXAMPLE.com"), Type::mx, u16(20) + wire_name("Backup.Example.net"), 120);
  const auto answer = parse(packet, "example.com.", Type::mx);
  EXPECT_EQ(answer.status, Status::ok);
  EXPECT_THAT(answer.records, ElementsAre(Data(Mx{10, "mx.example.com"}), Data(Mx{20, "backup.example.net"})));
  EXPECT_EQ(answer.canonical_name, "example.com");
  EXPECT_THAT(answer.chain, ElementsAre("example.com"));
  EXPECT_EQ(answer.ttl_seconds, 120u);
  EXPECT_FALSE(answer.secure);
}

TEST(ParseAnswer, ReadsANullMx) {
  Packet packet("example.com", Type::mx);
  packet.add(pointer(question_at), Type::mx, u16(0) + wire_name(""));
  EXPECT_THAT(parse(packet, "example.com", Type::mx).records, ElementsAre(Data(Mx{0, ""})));
}

TEST(ParseAnswer, ReadsTheOtherTypes) {
  EXPECT_THAT(
      parse(Packet("a.b", Type::a).add(pointer(12), Type::a, "\xc0\x00\x02\x01" + std::string()), "a.b", Type::a)
          .records.size(),
      0u)
      << "an A record of one octet is broken";
  EXPECT_THAT(
      parse(Packet("a.b", Type::a).add(pointer(12), Type::a, std::string("\xc0\x00\x02\x01", 4)), "a.b", Type::a)
          .records,
      ElementsAre(Data(Address{"192.0.2.1"})));
  EXPECT_THAT(
      parse(Packet("a.b", Type::aaaa)
                .add(pointer(12), Type::aaaa, std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01"),
            "a.b", Type::aaaa)
          .records,
      ElementsAre(Data(Address{"2001:db8::1"})));
  EXPECT_THAT(parse(Packet("a.b", Type::txt)
                        .add(pointer(12), Type::txt,
                             "\x04v=sp\x02"
                             "f1"),
                    "a.b", Type::txt)
                  .records,
              ElementsAre(Data(Text{"v=spf1"})));
  EXPECT_THAT(
      parse(Packet("a.b", Type::txt).add(pointer(12), Type::txt, std::string(1, '\0')), "a.b", Type::txt).records,
      ElementsAre(Data(Text{""})));
  EXPECT_THAT(
      parse(Packet("a.b", Type::tlsa).add(pointer(12), Type::tlsa, "\x03\x01\x01zz"), "a.b", Type::tlsa).records,
      ElementsAre(Data(Tlsa{3, 1, 1, "zz"})));
  EXPECT_THAT(
      parse(Packet("a.b", Type::ptr).add(pointer(12), Type::ptr, wire_name("Host.B")), "a.b", Type::ptr).records,
      ElementsAre(Data(NameTarget{"host.b"})));
  EXPECT_THAT(
      parse(Packet("a.b", Type::cname).add(pointer(12), Type::cname, wire_name("c.b")), "a.b", Type::cname).records,
      ElementsAre(Data(NameTarget{"c.b"})));
  EXPECT_THAT(parse(Packet("", Type::soa)
                        .add(pointer(12), Type::soa, wire_name("m.b") + wire_name("r.b") + std::string(20, '\0')),
                    ".", Type::soa)
                  .records,
              ElementsAre(Data(NameTarget{"m.b"})));
}

TEST(ParseAnswer, FollowsACnameChainInAnyOrder) {
  Packet packet("www.example.com", Type::a);
  packet.add(wire_name("c.example"), Type::a, std::string("\x7f\x00\x00\x01", 4), 900);
  packet.add(wire_name("b.example"), Type::cname, wire_name("C.example"), 50);
  packet.add(pointer(question_at), Type::cname, wire_name("b.example"), 300);
  const auto answer = parse(packet, "WWW.example.com", Type::a);
  EXPECT_EQ(answer.status, Status::ok);
  EXPECT_EQ(answer.canonical_name, "c.example");
  EXPECT_THAT(answer.chain, ElementsAre("www.example.com", "b.example", "c.example"));
  EXPECT_EQ(answer.ttl_seconds, 50u);
}

TEST(ParseAnswer, RecordsOfOtherNamesAndClassesDoNotCount) {
  Packet packet("example.com", Type::a);
  packet.add(wire_name("evil.example"), Type::a, std::string("\x01\x02\x03\x04", 4));
  packet.add(pointer(question_at), Type::a, std::string("\x01\x02\x03\x04", 4), 300, 3);
  EXPECT_EQ(parse(packet, "example.com", Type::a).status, Status::no_data);
}

Packet chain_of(int length, bool loop) {
  Packet packet("n0.x", Type::a);
  for (int i = 0; i < length; ++i) {
    packet.add(wire_name("n" + std::to_string(i) + ".x"), Type::cname,
               wire_name(loop && i == length - 1 ? "n0.x" : "n" + std::to_string(i + 1) + ".x"));
  }
  packet.add(wire_name("n" + std::to_string(length) + ".x"), Type::a, std::string("\x01\x02\x03\x04", 4));
  return packet;
}

TEST(ParseAnswer, BoundsCnameChains) {
  EXPECT_EQ(parse(chain_of(10, false), "n0.x", Type::a).status, Status::ok);
  EXPECT_EQ(parse(chain_of(16, false), "n0.x", Type::a).chain.size(), 17u);
  EXPECT_EQ(parse(chain_of(17, false), "n0.x", Type::a).status, Status::malformed);
  EXPECT_EQ(parse(chain_of(1, true), "n0.x", Type::a).status, Status::malformed);
  EXPECT_EQ(parse(chain_of(5, true), "n0.x", Type::a).status, Status::malformed);
}

TEST(ParseAnswer, TellsDenialsApartAndTheirTtl) {
  auto answer = parse(Packet("a.example", Type::mx).rcode(3).soa("example", 3600, 900), "a.example", Type::mx);
  EXPECT_EQ(answer.status, Status::no_domain);
  EXPECT_EQ(answer.ttl_seconds, 900u);
  answer = parse(Packet("a.example", Type::mx).soa("example", 60, 900), "a.example", Type::mx);
  EXPECT_EQ(answer.status, Status::no_data);
  EXPECT_EQ(answer.ttl_seconds, 60u);
  EXPECT_EQ(parse(Packet("a.example", Type::mx), "a.example", Type::mx).ttl_seconds, 0u);
  // A CNAME to a name that does not exist.
  answer = parse(Packet("a.example", Type::mx).rcode(3).add(pointer(12), Type::cname, wire_name("gone.example")),
                 "a.example", Type::mx);
  EXPECT_EQ(answer.status, Status::no_domain);
  EXPECT_EQ(answer.canonical_name, "gone.example");
}

TEST(ParseAnswer, FailuresOfTheServer) {
  for (const unsigned code : {1u, 2u, 4u, 5u, 9u}) {
    EXPECT_EQ(parse(Packet("a.example", Type::mx).rcode(code), "a.example", Type::mx).status, Status::server_failure);
  }
  EXPECT_EQ(parse(Packet("a.example", Type::mx).rcode(2), "a.example", Type::mx).detail, "SERVFAIL");
}

TEST(ParseAnswer, RefusesWhatAnswersAnotherQuestion) {
  EXPECT_EQ(parse(Packet("b.example", Type::mx), "a.example", Type::mx).status, Status::malformed);
  EXPECT_EQ(parse(Packet("a.example", Type::a), "a.example", Type::mx).status, Status::malformed);
  Packet query("a.example", Type::mx);
  query.flags = 0x0100;
  EXPECT_EQ(parse(query, "a.example", Type::mx).status, Status::malformed);
  Packet two("a.example", Type::mx);
  two.question_count = 2;
  EXPECT_EQ(parse(two, "a.example", Type::mx).status, Status::malformed);
  Packet truncated("a.example", Type::mx);
  truncated.flags |= 0x0200;
  EXPECT_EQ(parse(truncated, "a.example", Type::mx).status, Status::malformed);
}

TEST(ParseAnswer, CompressionThatGoesInCirclesOrForwardEnds) {
  Packet packet("a.example", Type::mx);
  const unsigned answers_at = static_cast<unsigned>(packet.octets().size());
  EXPECT_EQ(
      parse(Packet(packet).add(pointer(answers_at), Type::mx, u16(1) + wire_name("")), "a.example", Type::mx).status,
      Status::malformed);
  EXPECT_EQ(parse(Packet(packet).add(pointer(answers_at + 12), Type::mx, u16(1) + wire_name("")), "a.example", Type::mx)
                .status,
            Status::malformed);
  EXPECT_EQ(
      parse(Packet(packet).add(pointer(12), Type::mx, u16(1) + pointer(answers_at + 14)), "a.example", Type::mx).status,
      Status::malformed);
  EXPECT_EQ(parse(Packet(packet).add(pointer(3), Type::mx, u16(1) + wire_name("")), "a.example", Type::mx).status,
            Status::malformed);
  EXPECT_EQ(parse(Packet(packet).add(pointer(12), Type::mx, u16(1) + "\x40z"), "a.example", Type::mx).status,
            Status::malformed);
  // Names over 255 octets by pointers to pointers.
  Packet grown("a.example", Type::mx);
  const std::string label = '\x3f' + std::string(63, 'l');
  grown.add(pointer(12), Type::mx, u16(1) + label + label + label + pointer(12));
  EXPECT_EQ(parse(grown, "a.example", Type::mx).status, Status::ok);
  const unsigned long_at = answers_at + 14;
  grown.add(pointer(12), Type::mx, u16(1) + label + pointer(long_at));
  EXPECT_EQ(parse(grown, "a.example", Type::mx).status, Status::malformed);
}

TEST(ParseAnswer, AnyCutIsMalformedAndNeverACrash) {
  Packet packet("example.com", Type::mx);
  packet.add(pointer(question_at), Type::mx, u16(10) + std::string("\x02mx", 3) + pointer(question_at))
      .soa("example.com", 1, 1);
  const auto whole = packet.octets();
  ASSERT_EQ(parse_answer(whole, "example.com", Type::mx).status, Status::ok);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parse_answer(std::string_view(whole).substr(0, size), "example.com", Type::mx).status, Status::malformed)
        << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      const auto answer = parse_answer(flipped, "example.com", Type::mx);
      EXPECT_EQ(answer.status == Status::ok, !answer.records.empty());
    }
  }
}

TEST(ParseAnswer, TakesALargePacketAndBoundsRecords) {
  Packet packet("example.com", Type::mx);
  for (unsigned i = 0; i < 1000; ++i)
    packet.add(pointer(12), Type::mx, u16(i) + std::string("\x02mx", 3) + pointer(12));
  EXPECT_EQ(parse(packet, "example.com", Type::mx).records.size(), 1000u);
  Packet many("example.com", Type::a);
  for (unsigned i = 0; i < 4000; ++i) many.add(pointer(12), Type::a, u16(0x0a00) + u16(i));
  ASSERT_GT(many.octets().size(), 64000u);
  EXPECT_EQ(parse(many, "example.com", Type::a).records.size(), 4000u) << "none is cut off: the last may be the best";
  EXPECT_EQ(parse_answer(many.octets() + std::string(2000, 'x'), "example.com", Type::a).status, Status::malformed);
}

TEST(ParseAnswer, EscapesOddOctetsInNames) {
  Packet packet("example.com", Type::ptr);
  packet.add(pointer(12), Type::ptr,
             std::string("\x07"
                         "a.b\\c\x00\xff"
                         "\x02 D",
                         11) +
                 '\0');
  EXPECT_THAT(parse(packet, "example.com", Type::ptr).records,
              ElementsAre(Data(NameTarget{"a\\.b\\\\c\\000\\255.\\032d"})));
  EXPECT_EQ(normal_name("A\\."), "a\\.");
  EXPECT_EQ(normal_name("Example.Com."), "example.com");
  EXPECT_EQ(normal_name("."), "");
}

TEST(ReverseName, BothFamilies) {
  EXPECT_EQ(reverse_name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
  EXPECT_EQ(reverse_name("2001:db8::1"), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
  EXPECT_FALSE(reverse_name("mx.example.com"));
}

}  // namespace
}  // namespace postil::dns
