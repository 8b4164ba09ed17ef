#include "crypto/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace postil::crypto {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

// Eight tables: the one of index k moves an octet past k octets of zero.
constexpr Table make_tables() {
  Table tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[k - 1][i];
      tables[k][i] = (before >> 8) ^ tables[0][before & 255];
    }
  }
  return tables;
}
constexpr Table tables = make_tables();

std::uint64_t load64(const char* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

std::uint32_t crc32c_table(std::uint32_t seed, std::string_view data) {
  std::uint32_t crc = ~seed;
  const char* at = data.data();
  std::size_t left = data.size();
  for (; left >= 8; at += 8, left -= 8) {
    const auto octet = [at](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])); };
    const std::uint32_t low = crc ^ (octet(0) | octet(1) << 8 | octet(2) << 16 | octet(3) << 24);
    crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
          tables[3][octet(4)] ^ tables[2][octet(5)] ^ tables[1][octet(6)] ^ tables[0][octet(7)];
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(*at)) & 255];
  return ~crc;
}

#if defined(__x86_64__)
namespace {

// What `octets` zeros do to a CRC, as four tables of one octet of it each: the three streams of a block are
// joined by moving the first two past what followed them.
class ZeroShift {
 public:
  explicit ZeroShift(std::size_t octets) {
    std::array<std::uint32_t, 32> bits{};
    for (std::size_t bit = 0; bit < 32; ++bit) {
      std::uint32_t crc = std::uint32_t{1} << bit;
      for (std::size_t i = 0; i < octets; ++i) crc = (crc >> 8) ^ tables[0][crc & 255];
      bits[bit] = crc;
    }
    for (std::size_t part = 0; part < 4; ++part) {
      for (std::size_t value = 0; value < 256; ++value) {
        std::uint32_t crc = 0;
        for (std::size_t bit = 0; bit < 8; ++bit)
          if (value >> bit & 1) crc ^= bits[part * 8 + bit];
        parts_[part][value] = crc;
      }
    }
  }
  std::uint32_t operator()(std::uint32_t crc) const {
    return parts_[0][crc & 255] ^ parts_[1][crc >> 8 & 255] ^ parts_[2][crc >> 16 & 255] ^ parts_[3][crc >> 24];
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 4> parts_;
};

// The instruction takes three cycles, but one can start each cycle: three streams keep it busy.
template <std::size_t Stream>
__attribute__((target("sse4.2"))) void blocks(std::uint64_t& crc, const char*& at, std::size_t& left) {
  static const ZeroShift shift(Stream);
  for (; left >= 3 * Stream; at += 3 * Stream, left -= 3 * Stream) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < Stream; i += 8) {
      crc = _mm_crc32_u64(crc, load64(at + i));
      second = _mm_crc32_u64(second, load64(at + Stream + i));
      third = _mm_crc32_u64(third, load64(at + 2 * Stream + i));
    }
    crc = shift(static_cast<std::uint32_t>(crc)) ^ second;
    crc = shift(static_cast<std::uint32_t>(crc)) ^ third;
  }
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::uint32_t seed, std::string_view data) {
  std::uint64_t crc = ~seed & 0xffffffffu;
  const char* at = data.data();
  std::size_t left = data.size();
  blocks<4096>(crc, at, left);
  blocks<256>(crc, at, left);
  for (; left >= 8; at += 8, left -= 8) crc = _mm_crc32_u64(crc, load64(at));
  for (; left > 0; ++at, --left) crc = _mm_crc32_u8(static_cast<std::uint32_t>(crc), static_cast<unsigned char>(*at));
  return ~static_cast<std::uint32_t>(crc);
}

}  // namespace

bool crc32c_hardware_available() {
  static const bool available = __builtin_cpu_supports("sse4.2");
  return available;
}

std::uint32_t crc32c(std::uint32_t seed, std::string_view data) {
  return crc32c_hardware_available() ? crc32c_sse42(seed, data) : crc32c_table(seed, data);
}
#else
bool crc32c_hardware_available() {
  return false;
}
std::uint32_t crc32c(std::uint32_t seed, std::string_view data) {
  return crc32c_table(seed, data);
}
#endif

}  // namespace postil::crypto
