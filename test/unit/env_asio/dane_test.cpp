// TLSA records against real certificates, by OpenSSL.
#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <cstdio>

#include "env_asio/tls.hpp"
#include "run.hpp"
#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using crypto::TlsFault;
using test::in;
using test::Loop;

// The certificate of a PEM file, or its key, in DER.
std::string der(const std::string& file, std::uint8_t selector) {
  std::FILE* from = std::fopen(file.c_str(), "r");
  X509* certificate = PEM_read_X509(from, nullptr, nullptr, nullptr);
  std::fclose(from);
  unsigned char* octets = nullptr;
  const int size =
      selector == 0 ? i2d_X509(certificate, &octets) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &octets);
  std::string out(reinterpret_cast<char*>(octets), static_cast<std::size_t>(size));
  OPENSSL_free(octets);
  X509_free(certificate);
  return out;
}

dns::Tlsa tlsa(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching, const std::string& file) {
  const auto whole = der(file, selector);
  const auto* octets = reinterpret_cast<const unsigned char*>(whole.data());
  if (matching == 0) return {usage, selector, matching, whole};
  unsigned char digest[64];
  if (matching == 1) SHA256(octets, whole.size(), digest);
  if (matching == 2) SHA512(octets, whole.size(), digest);
  return {usage, selector, matching, {reinterpret_cast<char*>(digest), matching == 1 ? 32u : 64u}};
}

class Dane : public ::testing::Test {
 protected:
  // The client's end; the server's goes on as long as it likes.
  env::NetResult<crypto::TlsFacts> handshake(const test::CertificateFiles& pem, env::TlsClientRequest request) {
    auto context = network.load_tls({pem.certificate, pem.key, ""});
    EXPECT_TRUE(context);
    auto listener = network.listen({"127.0.0.1", 0}, {}, loop.executor());
    auto ends = loop.run(test::connect_pair(&network, listener->get()));
    auto serve = [](std::shared_ptr<env::Stream> stream,
                    std::shared_ptr<env::TlsServerContext> with) -> env::Awaitable<void> {
      co_await stream->tls_accept(with, in(seconds(5)));
    };
    loop.spawn(serve(std::move(ends.server), *context));
    request.server_name = request.server_name.empty() ? "mx.example.com" : request.server_name;
    return loop.run(ends.client->tls_connect(std::move(request), in(seconds(5))));
  }
  env::NetResult<crypto::TlsFacts> with(const test::CertificateFiles& pem, std::vector<dns::Tlsa> records,
                                        std::vector<std::string> names = {"mx.example.com", "example.com"}) {
    env::TlsClientRequest request;
    request.tlsa = std::move(records);
    request.dane_names = std::move(names);
    return handshake(pem, std::move(request));
  }

  test::TemporaryFolder folder;
  test::CertificateAuthority authority{folder};
  test::CertificateFiles good = authority.make("mx", {.names = {"mx.example.com"}});
  AsioNetwork network;
  Loop loop;
};

TEST_F(Dane, EveryKindOfRecordOfTheServersOwnCertificateMatches) {
  for (const std::uint8_t selector : {0, 1}) {
    for (const std::uint8_t matching : {0, 1, 2}) {
      const auto record = tlsa(3, selector, matching, good.certificate);
      const auto facts = with(good, {record});
      ASSERT_TRUE(facts) << int(selector) << int(matching) << facts.error().detail;
      EXPECT_EQ(facts->dane_match,
                std::string({3, static_cast<char>(selector), static_cast<char>(matching)}) + record.data);
      EXPECT_FALSE(facts->peer_verified) << "no authority was asked";
    }
  }
}

// [rfc7672 3.1.1]
TEST_F(Dane, WithUsage3NeitherNameNorDateCounts) {
  const auto odd = authority.make("odd", {.names = {"other.example"}, .valid_to_seconds = -60});
  EXPECT_TRUE(with(odd, {tlsa(3, 1, 1, odd.certificate)}));
}

TEST_F(Dane, AnotherKeyDoesNotMatch) {
  const auto other = authority.make("other", {.names = {"mx.example.com"}});
  const auto facts = with(good, {tlsa(3, 1, 1, other.certificate)});
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().error, env::NetError::tls);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::dane_mismatch) << facts.error().detail;
}

TEST_F(Dane, OneOfSeveralIsEnough) {
  const auto next = authority.make("next", {.names = {"mx.example.com"}});
  EXPECT_TRUE(with(good, {tlsa(3, 1, 1, next.certificate), tlsa(3, 1, 1, good.certificate)}));
  EXPECT_TRUE(with(next, {tlsa(3, 1, 1, next.certificate), tlsa(3, 1, 1, good.certificate)}));
}

TEST_F(Dane, TheUsagesOfTheWebCountForNothing) {
  EXPECT_FALSE(with(good, {tlsa(1, 1, 1, good.certificate)}));
  EXPECT_FALSE(with(good, {tlsa(0, 0, 1, authority.files().certificate)}));
}

// A whole trust anchor in DNS need not be sent by the server.
TEST_F(Dane, ATrustAnchorIsForTheNamesThatItIsComparedWith) {
  const auto anchor = tlsa(2, 0, 0, authority.files().certificate);
  EXPECT_TRUE(with(good, {anchor}));
  const auto domain = authority.make("domain", {.names = {"example.com"}});
  EXPECT_TRUE(with(domain, {anchor})) << "the next-hop domain [rfc7672 3.2.2]";
  const auto facts = with(domain, {anchor}, {"mx.example.com"});
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::host_mismatch) << facts.error().detail;
  const auto wildcard = authority.make("wildcard", {.names = {"*.example.com"}});
  EXPECT_TRUE(with(wildcard, {anchor}));
  const auto expired = authority.make("expired", {.names = {"mx.example.com"}, .valid_to_seconds = -60});
  const auto late = with(expired, {anchor});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().tls_fault, TlsFault::expired) << late.error().detail;
}

TEST_F(Dane, AnotherAuthorityIsNoAnchor) {
  const test::TemporaryFolder elsewhere;
  const test::CertificateAuthority stranger(elsewhere, "stranger");
  const auto facts = with(good, {tlsa(2, 0, 0, stranger.files().certificate)});
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::dane_mismatch) << facts.error().detail;
}

// Where MTA-STS is enforced beside DANE.
TEST_F(Dane, RecordsAndAuthoritiesMayBothBeAsked) {
  env::TlsClientRequest request;
  request.tlsa = {tlsa(3, 1, 1, good.certificate)};
  request.verify = true;
  request.names = {"mx.example.com"};
  request.ca_file = authority.files().certificate;
  auto facts = handshake(good, request);
  ASSERT_TRUE(facts) << facts.error().detail;
  EXPECT_TRUE(facts->peer_verified);
  EXPECT_FALSE(facts->dane_match.empty());
  request.names = {"mail.example.com"};
  facts = handshake(good, request);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::host_mismatch);
  const test::TemporaryFolder elsewhere;
  const test::CertificateAuthority stranger(elsewhere, "stranger");
  request.names = {"mx.example.com"};
  request.ca_file = stranger.files().certificate;
  facts = handshake(good, request);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::not_trusted);
}

TEST_F(Dane, AnAuthorityVouchesForOneOfTheNames) {
  env::TlsClientRequest request;
  request.verify = true;
  request.names = {"mail.example.com", "mx.example.com"};
  request.ca_file = authority.files().certificate;
  EXPECT_TRUE(handshake(good, request));
  request.names = {"mail.example.com"};
  const auto facts = handshake(good, request);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().tls_fault, TlsFault::host_mismatch);
  const auto expired = authority.make("expired", {.names = {"mx.example.com"}, .valid_to_seconds = -60});
  request.names = {"mx.example.com"};
  const auto late = handshake(expired, request);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().tls_fault, TlsFault::expired);
}

TEST_F(Dane, WhatIsNotVerifiedIsTold) {
  env::TlsClientRequest request;
  request.names = {"mail.example.com"};
  request.ca_file = authority.files().certificate;
  const auto facts = handshake(good, request);
  ASSERT_TRUE(facts);
  EXPECT_FALSE(facts->peer_verified);
  EXPECT_EQ(facts->verify_fault, TlsFault::host_mismatch);
}

}  // namespace
}  // namespace postil::env_asio
