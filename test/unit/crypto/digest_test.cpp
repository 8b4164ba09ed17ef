#include "crypto/digest.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace postil::crypto {
namespace {

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

TEST(Digest, KnownHashes) {
  EXPECT_EQ(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");  // [rfc3174 7.3]
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, PartsGiveTheSameAsTheWhole) {
  Hasher hasher(Hash::sha256);
  hasher.update("a");
  Hasher moved(std::move(hasher));
  moved.update("");
  moved.update("bc");
  EXPECT_EQ(moved.finish(), sha256("abc"));
}

TEST(Digest, HmacVectors) {  // [rfc2202 3] [rfc4231 4.3]
  EXPECT_EQ(hex(hmac(Hash::sha1, "Jefe", "what do ya want for nothing?")), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex(hmac(Hash::sha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac(Hash::sha256, "", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Digest, Pbkdf2Vectors) {  // [rfc6070 2] [rfc7914 11]
  EXPECT_EQ(hex(pbkdf2(Hash::sha1, "password", "salt", 1)), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  EXPECT_EQ(hex(pbkdf2(Hash::sha1, "password", "salt", 4096)), "4b007901b765489abead49d926f721d065a429c1");
  EXPECT_EQ(hex(pbkdf2(Hash::sha256, "passwd", "salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
}

TEST(Digest, ConstantTimeEqual) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "ab"));
}

TEST(Digest, WipeLeavesNothing) {
  std::string secret(100, 's');
  const char* octets = secret.data();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(octets, secret.data());
  EXPECT_EQ(octets[0], '\0');
}

}  // namespace
}  // namespace postil::crypto
