// Password hashes as they stand in files: crypt(5) strings by libxcrypt and argon2id's. Thread-safe, and slow on
// purpose (tens of milliseconds, 16 MiB and more): the caller runs them in a pool, never on an I/O thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postil::crypto {

enum class Scheme : std::uint8_t { yescrypt, argon2id };

inline constexpr std::size_t password_salt_octets = 16;
inline constexpr std::size_t password_octets_max = 511;  // what crypt(3) takes

// salt_random: password_salt_octets fresh random octets. "" when the password cannot be hashed: longer than
// password_octets_max or with a NUL in it. Empty passwords can.
std::string hash_password(std::string_view password, std::string_view salt_random, Scheme scheme = Scheme::yescrypt);

// Whether hash is of a kind that verify_password knows: $y$ (yescrypt), $gy$, $2a$ $2b$ $2y$ (bcrypt), $5$ $6$ (SHA),
// $7$ (scrypt), $argon2id$, $argon2i$; with bounded costs: memory to 1 GiB. DES and MD5 hashes are not taken.
bool known_hash(std::string_view hash);

// False also for an unknown or broken hash and for a password that cannot be hashed.
bool verify_password(std::string_view hash, std::string_view password);

// A hash that no password has, of the same kind, cost and salt as `like`: verifying it takes the same time.
// For users that do not exist. The one without an argument costs what hash_password's default does.
std::string unmatchable_hash(std::string_view like);
std::string dummy_hash();

}  // namespace postil::crypto
