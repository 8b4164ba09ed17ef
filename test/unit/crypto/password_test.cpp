#include "crypto/password.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace postil::crypto {
namespace {

const std::string salt = "0123456789abcdef";

class PasswordSchemes : public testing::TestWithParam<Scheme> {};

TEST_P(PasswordSchemes, VerifiesItsOwnHashes) {
  const std::string hash = hash_password("correct horse", salt, GetParam());
  EXPECT_TRUE(known_hash(hash)) << hash;
  EXPECT_TRUE(verify_password(hash, "correct horse"));
  EXPECT_FALSE(verify_password(hash, "correct hors"));
  EXPECT_FALSE(verify_password(hash, ""));
  EXPECT_NE(hash, hash_password("correct horse", "fedcba9876543210", GetParam()));
}

TEST_P(PasswordSchemes, UnmatchableIsKnownAndMatchesNothing) {
  const std::string hash = hash_password("secret", salt, GetParam());
  const std::string blind = unmatchable_hash(hash);
  EXPECT_NE(blind, hash);
  EXPECT_EQ(blind.size(), hash.size());
  EXPECT_TRUE(known_hash(blind));
  EXPECT_FALSE(verify_password(blind, "secret"));
  EXPECT_NE(unmatchable_hash(blind), blind);
}

TEST_P(PasswordSchemes, RefusesWhatCannotBeHashed) {
  EXPECT_EQ(hash_password(std::string(512, 'a'), salt, GetParam()), "");
  EXPECT_EQ(hash_password(std::string_view("a\0b", 3), salt, GetParam()), "");
  const std::string longest(511, 'a');
  EXPECT_TRUE(verify_password(hash_password(longest, salt, GetParam()), longest));
}

INSTANTIATE_TEST_SUITE_P(All, PasswordSchemes, testing::Values(Scheme::yescrypt, Scheme::argon2id),
                         [](const auto& each) { return each.param == Scheme::yescrypt ? "yescrypt" : "argon2id"; });

TEST(Password, ReadsForeignHashes) {
  // Published vectors: SHA-crypt's specification, crypt_blowfish's wrapper.c, argon2's test.c.
  const std::string sha512 =
      "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
  EXPECT_TRUE(verify_password(sha512, "Hello world!"));
  EXPECT_FALSE(verify_password(sha512, "Hello world"));
  EXPECT_FALSE(verify_password(unmatchable_hash(sha512), "Hello world!"));
  const std::string bcrypt = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  EXPECT_TRUE(verify_password(bcrypt, "U*U"));
  EXPECT_FALSE(verify_password(bcrypt, "U*V"));
  EXPECT_FALSE(verify_password(unmatchable_hash(bcrypt), "U*U"));
  const std::string argon2 = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
  EXPECT_TRUE(verify_password(argon2, "password"));
  EXPECT_FALSE(verify_password(argon2, "Password"));
}

TEST(Password, TakesWhatItsLibraryCallsLegacy) {
  EXPECT_TRUE(verify_password("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"));
  EXPECT_FALSE(verify_password("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world"));
}

TEST(Password, RefusesUnknownAndTooCostlyHashes) {
  for (const char* hash : {"", "*", "!", "x", "secret", "abJnggxhB/yWI", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "$y$", "$6$",
                           "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                           "$argon2id$v=19$m=256,t=4000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                           "$argon2id$v=19$c29tZXNhbHQ$nf65EOgLrQMR"}) {
    EXPECT_FALSE(known_hash(hash)) << hash;
    EXPECT_FALSE(verify_password(hash, "")) << hash;
    EXPECT_FALSE(verify_password(hash, "secret")) << hash;
  }
  EXPECT_FALSE(known_hash(std::string(1000, '$')));
}

TEST(Password, TheDummyCostsAsMuchAsARealHash) {
  const std::string real = hash_password("secret", salt);
  const std::string dummy = dummy_hash();
  EXPECT_TRUE(known_hash(dummy));
  EXPECT_EQ(dummy.size(), real.size());
  const auto time = [](const std::string& hash) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(verify_password(hash, "guess"));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  double best_real = 9;
  double best_dummy = 9;
  for (int i = 0; i < 3; ++i) {
    best_real = std::min(best_real, time(real));
    best_dummy = std::min(best_dummy, time(dummy));
  }
  EXPECT_GT(best_dummy, best_real / 4);  // a dummy that crypt refuses would take no time at all
}

}  // namespace
}  // namespace postil::crypto
