#include "crypto/signature.hpp"

#include <gtest/gtest.h>

#include "crypto/base64.hpp"

namespace postil::crypto {
namespace {

// [rfc8032 7.1] test 2.
TEST(Signature, ed25519_is_that_of_the_rfc) {
  const std::string seed(
      "\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f\x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed"
      "\x4f\xb8\xa6\xfb",
      32);
  const auto key = PrivateKey::from_ed25519_seed(seed);
  ASSERT_TRUE(key);
  EXPECT_EQ(base64_encode(key->public_octets()), "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=");
  EXPECT_EQ(base64_encode(key->sign("\x72")),
            "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==");
}

TEST(Signature, keys_survive_their_pem) {
  for (const auto type : {KeyType::rsa, KeyType::ed25519}) {
    const auto key = PrivateKey::generate(type);
    const auto again = PrivateKey::from_pem("a comment\n" + key.to_pem());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->type(), type);
    EXPECT_EQ(again->bits(), type == KeyType::rsa ? 2048 : 256);
    const auto verifier = PublicKey::from_octets(type, again->public_octets());
    ASSERT_TRUE(verifier);
    const auto signature = key.sign("some octets");
    EXPECT_TRUE(verifier->verify("some octets", signature));
    EXPECT_FALSE(verifier->verify("some 0ctets", signature));
    EXPECT_FALSE(verifier->verify("some octets", signature.substr(1)));
    EXPECT_FALSE(verifier->verify("some octets", ""));
  }
}

TEST(Signature, what_is_no_key_is_said) {
  EXPECT_EQ(PrivateKey::from_pem("").error(), KeyError::unreadable);
  EXPECT_EQ(PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").error(),
            KeyError::unreadable);
  // A key on the curve P-256.
  EXPECT_EQ(PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\n"
                                 "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/hUpLAHM47xDARfm\n"
                                 "15XIYekkUk0DE1E6R9PpsQEl/HKhRANCAAR7hKqcezb2ImcCjoTxC1aDiosgzzBh\n"
                                 "34p4ruZQvjpEMv/29JRzT9S2HVaP+xK9MzcXclcGZEOkP3jM45ZuXVMC\n"
                                 "-----END PRIVATE KEY-----\n")
                .error(),
            KeyError::other_type);
  EXPECT_FALSE(PrivateKey::from_ed25519_seed("short"));
  EXPECT_FALSE(PublicKey::from_octets(KeyType::rsa, "no key"));
  EXPECT_FALSE(PublicKey::from_octets(KeyType::ed25519, std::string(31, 'x')));
  EXPECT_EQ(PublicKey::from_octets(KeyType::rsa,
                                   *base64_decode("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="))
                .error(),
            KeyError::other_type);
}

}  // namespace
}  // namespace postil::crypto
