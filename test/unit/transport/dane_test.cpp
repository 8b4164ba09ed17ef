#include "transport/dane.hpp"

#include <gmock/gmock.h>

namespace postil::transport {
namespace {

using dns::Answer;
using dns::Status;
using dns::Tlsa;
using dns::Type;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = DaneResult::Kind;
using Why = DaneResult::Why;

const std::string sha256(32, '\x11');

Answer addresses(const std::string& name, bool secure, std::string text = "192.0.2.1") {
  Answer answer;
  answer.status = Status::ok;
  answer.records = {dns::Address{std::move(text)}};
  answer.canonical_name = name;
  answer.secure = secure;
  answer.ttl_seconds = 600;
  return answer;
}
Answer none(bool secure = true) {
  Answer answer;
  answer.status = Status::no_data;
  answer.secure = secure;
  return answer;
}
Answer tlsa(std::vector<Tlsa> records, bool secure = true) {
  Answer answer;
  answer.status = Status::ok;
  answer.records.assign(records.begin(), records.end());
  answer.secure = secure;
  answer.ttl_seconds = 300;
  return answer;
}
Answer failing(Status status) {
  Answer answer;
  answer.status = status;
  answer.detail = "as the test says";
  return answer;
}

TEST(Dane, AsksForTheHostAtItsPortAndAuthenticatesByWhatIsSigned) {
  DaneLookup lookup("MX.example.net", 25, none(), addresses("mx.example.net", true));
  ASSERT_TRUE(lookup.next());
  EXPECT_EQ(lookup.next()->name, "_25._tcp.mx.example.net");
  EXPECT_EQ(lookup.next()->type, Type::tlsa);
  lookup.answer(tlsa({{3, 1, 1, sha256}}));
  EXPECT_FALSE(lookup.next());
  EXPECT_EQ(lookup.result().kind, Kind::authenticate);
  EXPECT_EQ(lookup.result().base, "mx.example.net");
  EXPECT_EQ(lookup.result().ttl_seconds, 300u);
}

TEST(Dane, TheConfiguredPortIsInTheQuestion) {
  const DaneLookup lookup("mx.example.net", 2525, none(), addresses("mx.example.net", true));
  EXPECT_EQ(lookup.next()->name, "_2525._tcp.mx.example.net");
}

TEST(Dane, AHostInAZoneWithoutSignaturesIsNotAsked) {
  const DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", false));
  EXPECT_FALSE(lookup.next());
  EXPECT_EQ(lookup.result().kind, Kind::none);
  EXPECT_EQ(lookup.result().why, Why::insecure_addresses);
}

TEST(Dane, OneFamilyWithoutSignaturesIsEnoughForNone) {
  const DaneLookup lookup("mx.example.net", 25, addresses("mx.example.net", false, "2001:db8::1"),
                          addresses("mx.example.net", true));
  EXPECT_FALSE(lookup.next());
}

TEST(Dane, AnAddressIsNoName) {
  const DaneLookup lookup("192.0.2.1", 25, none(), addresses("192.0.2.1", true));
  EXPECT_FALSE(lookup.next());
  EXPECT_EQ(lookup.result().why, Why::address_literal);
}

// A failed look-up must never become "no DANE": an attacker could make it fail.
TEST(Dane, EveryFailedLookUpStopsTheHost) {
  for (const auto status : {Status::server_failure, Status::bogus, Status::timed_out, Status::malformed}) {
    DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", true));
    lookup.answer(failing(status));
    EXPECT_FALSE(lookup.next());
    EXPECT_EQ(lookup.result().kind, Kind::trouble) << to_string(status);
    EXPECT_EQ(lookup.result().failed, status);
    EXPECT_EQ(lookup.result().question, "_25._tcp.mx.example.net");
    EXPECT_EQ(lookup.result().ttl_seconds, 0u) << "what failed is asked again";
  }
}

TEST(Dane, SignedDenialIsNoDane) {
  for (const auto status : {Status::no_data, Status::no_domain}) {
    DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", true));
    auto denied = none();
    denied.status = status;
    lookup.answer(denied);
    EXPECT_EQ(lookup.result().kind, Kind::none);
    EXPECT_EQ(lookup.result().why, Why::no_records);
  }
}

TEST(Dane, RecordsWithoutSignaturesCountForNothing) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", true));
  lookup.answer(tlsa({{3, 1, 1, sha256}}, false));
  EXPECT_EQ(lookup.result().kind, Kind::none);
  EXPECT_EQ(lookup.result().why, Why::insecure_records);
}

TEST(Dane, OnlyUnusableRecordsMeanTlsWithoutAuthentication) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", true));
  lookup.answer(tlsa({{0, 1, 1, sha256}, {1, 0, 1, sha256}, {3, 1, 9, sha256}}));
  EXPECT_EQ(lookup.result().kind, Kind::encrypt);
  EXPECT_EQ(lookup.result().records.unusable.size(), 3u);
}

TEST(Dane, OneUsableRecordAmongUnusableOnesAuthenticates) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("mx.example.net", true));
  lookup.answer(tlsa({{3, 1, 1, "short"}, {2, 0, 1, sha256}}));
  EXPECT_EQ(lookup.result().kind, Kind::authenticate);
  EXPECT_THAT(lookup.result().records.usable, ElementsAre(Tlsa{2, 0, 1, sha256}));
}

// [rfc7672 2.2.3]: the end of the alias chain first, then the name in the MX record.
TEST(Dane, ASecureAliasIsAskedAtItsEndFirst) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("host.example.org", true));
  EXPECT_EQ(lookup.next()->name, "_25._tcp.host.example.org");
  lookup.answer(none());
  EXPECT_EQ(lookup.next()->name, "_25._tcp.mx.example.net");
  lookup.answer(tlsa({{3, 1, 1, sha256}}));
  EXPECT_EQ(lookup.result().kind, Kind::authenticate);
  EXPECT_EQ(lookup.result().base, "mx.example.net");
}

TEST(Dane, TheAliasEndDecidesWhereItHasRecords) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("host.example.org", true));
  lookup.answer(tlsa({{3, 1, 1, sha256}}));
  EXPECT_FALSE(lookup.next());
  EXPECT_EQ(lookup.result().base, "host.example.org");
}

TEST(Dane, AFailureAtTheAliasEndIsNotPassedOver) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("host.example.org", true));
  lookup.answer(failing(Status::server_failure));
  EXPECT_FALSE(lookup.next());
  EXPECT_EQ(lookup.result().kind, Kind::trouble);
}

// A customer's signed name that points to a provider without signatures. [rfc7672 2.2.2]
TEST(Dane, AnAliasIntoAnUnsignedZoneIsAskedAtItsOwnNameIfThatIsSigned) {
  DaneLookup lookup("mx.example.net", 25, none(), addresses("host.example.org", false));
  ASSERT_TRUE(lookup.next());
  EXPECT_EQ(lookup.next()->type, Type::cname);
  EXPECT_EQ(lookup.next()->name, "mx.example.net");
  Answer alias;
  alias.status = Status::ok;
  alias.records = {dns::NameTarget{"host.example.org"}};
  alias.secure = true;
  lookup.answer(alias);
  EXPECT_EQ(lookup.next()->name, "_25._tcp.mx.example.net");
  lookup.answer(tlsa({{3, 1, 1, sha256}}));
  EXPECT_EQ(lookup.result().base, "mx.example.net");

  DaneLookup unsigned_too("mx.example.net", 25, none(), addresses("host.example.org", false));
  alias.secure = false;
  unsigned_too.answer(alias);
  EXPECT_FALSE(unsigned_too.next());
  EXPECT_EQ(unsigned_too.result().kind, Kind::none);
}

TEST(Dane, ReferenceNamesAreTheBaseTheDomainAndWhereItLeads) {
  EXPECT_THAT(dane_reference_names("mx10.example.com", "exchange.example.org", "example.com"),
              ElementsAre("mx10.example.com", "exchange.example.org", "example.com"));
  EXPECT_THAT(dane_reference_names("mx.example.com", "Example.com", "example.com"),
              ElementsAre("mx.example.com", "example.com"));
  EXPECT_THAT(dane_reference_names("mx.example.com", "", ""), ElementsAre("mx.example.com"));
}

TEST(TlsaRecords, WhatCannotBeMatchedIsToldWithItsReason) {
  const std::string sha512(64, '\x22');
  const struct {
    Tlsa record;
    std::optional<TlsaFault> fault;
  } cases[] = {{{3, 1, 1, sha256}, {}},
               {{3, 0, 2, sha512}, {}},
               {{2, 0, 1, sha256}, {}},
               {{0, 0, 1, sha256}, TlsaFault::pkix_usage},
               {{1, 1, 1, sha256}, TlsaFault::pkix_usage},
               {{4, 1, 1, sha256}, TlsaFault::usage},
               {{255, 1, 1, sha256}, TlsaFault::usage},
               {{3, 2, 1, sha256}, TlsaFault::selector},
               {{3, 1, 3, sha256}, TlsaFault::matching},
               {{3, 1, 1, sha512}, TlsaFault::digest_length},
               {{3, 1, 2, sha256}, TlsaFault::digest_length},
               {{3, 1, 1, ""}, TlsaFault::digest_length},
               {{3, 0, 0, "no certificate"}, TlsaFault::no_certificate},
               {{3, 1, 0, "no key"}, TlsaFault::no_key},
               {{3, 0, 0, ""}, TlsaFault::no_certificate}};
  for (const auto& one : cases) {
    const std::vector<dns::Data> data{one.record};
    const auto set = sort_tlsa(data);
    if (one.fault) {
      ASSERT_EQ(set.unusable.size(), 1u) << to_text(one.record);
      EXPECT_EQ(set.unusable[0].fault, *one.fault) << to_text(one.record);
    } else {
      EXPECT_EQ(set.usable.size(), 1u) << to_text(one.record);
    }
  }
}

// mx-connect took no key out of a certificate for years, so that nothing ever matched: a whole key, as in a zone.
TEST(TlsaRecords, AWholeKeyIsUsable) {
  const std::string ed25519 = std::string("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12) +
                              "\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a"
                              "\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
  const std::vector<dns::Data> good{Tlsa{3, 1, 0, ed25519}};
  EXPECT_EQ(sort_tlsa(good).usable.size(), 1u);
  const std::vector<dns::Data> longer{Tlsa{3, 1, 0, ed25519 + "x"}};
  EXPECT_THAT(sort_tlsa(longer).usable, IsEmpty());
}

TEST(TlsaRecords, AreBounded) {
  const std::vector<dns::Data> many(1000, Tlsa{3, 1, 1, sha256});
  EXPECT_EQ(sort_tlsa(many).usable.size(), tlsa_records_max);
}

TEST(TlsaRecords, TextIsThatOfAZone) {
  EXPECT_EQ(to_text(Tlsa{3, 1, 1, std::string("\x01\xab", 2)}), "3 1 1 01ab");
}

}  // namespace
}  // namespace postil::transport
