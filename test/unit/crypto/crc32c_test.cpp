#include "crypto/crc32c.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/prng.hpp"

namespace postil::crypto {
namespace {

std::uint32_t bitwise(std::uint32_t seed, std::string_view data) {  // the definition, as slow as it is plain
  std::uint32_t crc = ~seed;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

std::string random_octets(std::size_t size, std::uint64_t seed) {
  Prng prng(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(prng());
  return out;
}

TEST(Crc32c, KnownValues) {  // [rfc3720 B.4]
  for (const auto f : {crc32c, crc32c_table}) {
    EXPECT_EQ(f(0, "123456789"), 0xe3069283u);
    EXPECT_EQ(f(0, std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(f(0, std::string(32, '\xff')), 0x62a8ab43u);
    EXPECT_EQ(f(0, ""), 0u);
  }
}

TEST(Crc32c, BothWaysAgreeWithTheDefinitionAtEveryLengthAndOffset) {
  const std::string data = random_octets(70'000, 1);
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 255u, 767u, 768u, 769u, 1535u, 1536u, 12287u, 12288u, 12289u, 65536u}) {
    for (std::size_t offset : {0u, 1u, 3u, 7u}) {
      const std::string_view part = std::string_view(data).substr(offset, size);
      const std::uint32_t expected = bitwise(0x12345678, part);
      EXPECT_EQ(crc32c(0x12345678, part), expected) << size;
      EXPECT_EQ(crc32c_table(0x12345678, part), expected) << size;
    }
  }
}

TEST(Crc32c, PartsChain) {
  const std::string data = random_octets(30'000, 2);
  const std::uint32_t whole = crc32c(77, data);
  for (std::size_t cut : {0u, 1u, 800u, 15'000u, 29'999u, 30'000u})
    EXPECT_EQ(crc32c(crc32c(77, data.substr(0, cut)), data.substr(cut)), whole);
}

TEST(Crc32c, SeedsTellApart) {
  EXPECT_NE(crc32c(1, "abc"), crc32c(2, "abc"));
}

TEST(Crc32c, Speed) {
  const std::string data = random_octets(64 * 1024, 3);
  std::uint32_t crc = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i) crc = crc32c(crc, data);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  RecordProperty("crc", std::to_string(crc));
  RecordProperty("gib_per_second", std::to_string(2000.0 * 64 / 1024 / 1024 / took.count()));
}

}  // namespace
}  // namespace postil::crypto
