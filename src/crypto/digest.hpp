// Hashes, HMAC and PBKDF2, by OpenSSL. Octets are std::string. Thread-safe. They do not fail: lengths are what
// memory holds, and the algorithms are checked at the first use (a build of OpenSSL without them aborts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postil::crypto {

enum class Hash : std::uint8_t { sha1, sha256 };

constexpr std::size_t digest_octets(Hash hash) {
  return hash == Hash::sha1 ? 20 : 32;
}

std::string digest(Hash hash, std::string_view data);
inline std::string sha1(std::string_view data) {
  return digest(Hash::sha1, data);
}
inline std::string sha256(std::string_view data) {
  return digest(Hash::sha256, data);
}

// A hash of data that comes in parts. One owner at a time.
class Hasher {
 public:
  explicit Hasher(Hash hash);
  ~Hasher();
  Hasher(Hasher&& other) noexcept;
  Hasher& operator=(Hasher&& other) noexcept;
  void update(std::string_view data);
  std::string finish();  // once

 private:
  void* context_;
};

// [rfc2104]
std::string hmac(Hash hash, std::string_view key, std::string_view data);
// One block of PBKDF2 with HMAC, that is Hi() of SCRAM [rfc5802 2.2]; digest_octets(hash) long.
// iterations: 1 and up. 10,000 take some milliseconds: not on an I/O thread.
std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, int iterations);

// Compares in a time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);
// Overwrites what is secret and no longer needed, so that the compiler does not leave it out.
void wipe(std::string& secret);

}  // namespace postil::crypto
