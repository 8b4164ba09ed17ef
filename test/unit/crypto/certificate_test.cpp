#include "crypto/certificate.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "support/certificates.hpp"

namespace postil::crypto {
namespace {

std::string der_of(const test::CertificateFiles& files) {
  std::ifstream in(files.certificate);
  const std::string pem{std::istreambuf_iterator<char>(in), {}};
  std::string base64;
  for (const auto line : split(pem, '\n')) {
    if (!line.starts_with("-----")) base64 += line;
  }
  return base64_decode(base64).value_or("");
}

// What a TLSA record of usage 2 needs, beside the name [rfc7671 5.2].
TEST(Certificate, leads_to_its_authority_within_its_dates) {
  const test::TemporaryFolder folder;
  const test::CertificateAuthority authority(folder), stranger(folder, "stranger");
  const auto anchor = der_of(authority.files()), other = der_of(stranger.files());
  test::CertificateRequest request;
  request.names = {"mx.example.com"};
  const auto own = der_of(authority.make("mx", request));
  const auto facts = read_certificate(own);
  ASSERT_TRUE(facts);
  const auto now = facts->not_before + minutes(10);
  EXPECT_TRUE(certificate_leads_to({own, anchor}, anchor, now));
  EXPECT_TRUE(certificate_leads_to({own}, anchor, now)) << "the anchor need not be sent";
  EXPECT_TRUE(certificate_leads_to({own, "nonsense", other, anchor}, anchor, now));
  EXPECT_FALSE(certificate_leads_to({own, anchor, other}, other, now)) << "sent, and yet not above it";
  EXPECT_FALSE(certificate_leads_to({own, anchor}, anchor, facts->not_before - minutes(10)));
  EXPECT_FALSE(certificate_leads_to({own, anchor}, anchor, facts->not_after + minutes(10)));
  EXPECT_FALSE(certificate_leads_to({}, anchor, now));
  EXPECT_FALSE(certificate_leads_to({own}, "nonsense", now));
}

}  // namespace
}  // namespace postil::crypto
