// One user, and the line that stands for it in the users file (docs/formats/users.md). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/password.hpp"
#include "sasl/server.hpp"

namespace postil::accounts {

enum class ProblemKind : std::uint8_t {
  header,         // the first line is not "# postil users 1"
  newer_version,  // detail: the version
  server_key,     // missing or no base64 of 32 octets, although there are users
  line_too_long,
  not_utf8,
  quotes,           // an opening quote without its end, or a wrong escape
  name,             // not a login name: empty or with letters that nobody can type
  name_taken,       // detail: the name; it stands in an earlier line
  key_unknown,      // detail: the key
  key_twice,        // detail: the key
  value_missing,    // detail: the word without '='
  password_hash,    // of a kind that is not known
  scram_keys,       // detail: the key
  address_pattern,  // detail: the value
  language,
  flag,       // neither yes nor no
  mechanism,  // detail: the name, of no mechanism
};
// "key_unknown"; stable, part of the keys of texts ("user.problem.key_unknown").
std::string_view to_string(ProblemKind kind);

struct Problem {
  std::size_t line = 0;    // from 1
  std::size_t column = 0;  // from 1, in octets
  ProblemKind kind{};
  std::string detail;  // printable, never a secret
};
// "line 3, column 7: key_unknown (adress)", for logs.
std::string to_string(const Problem& problem);

struct UserRecord {
  std::string name;           // as the admin wrote it, prepared (saslprep)
  std::string password_hash;  // "" = none: only a client certificate logs in
  std::optional<sasl::ScramKeys> scram_sha1;
  std::optional<sasl::ScramKeys> scram_sha256;
  std::vector<std::string> addresses;  // "a@b", "*@b", "*", normalised; empty: the name, if it is an address
  std::string language;                // "" = not said
  bool disabled = false;
  std::vector<std::string> mechanisms_off;
};

inline constexpr std::size_t line_octets_max = 8192;

// What two writings of a name have in common: prepared, ASCII letters in lower case. Nothing if it is no name.
std::optional<std::string> name_key(std::string_view name);

// "local@domain" with ASCII letters in lower case and the domain in its A-label form; also "*" and "*@domain" when
// patterns are allowed. Nothing if it is none of them.
std::optional<std::string> normalise_address(std::string_view address, bool patterns);

// The line without its end; line_number is for the problems only.
std::expected<UserRecord, std::vector<Problem>> parse_user(std::string_view line, std::size_t line_number);
std::string format_user(const UserRecord& record);

enum class PasswordError : std::uint8_t {
  empty,
  too_long,    // over crypto::password_octets_max octets
  prohibited,  // control characters or broken UTF-8
};
inline constexpr std::size_t password_random_octets = 48;
// Gives the record a hash and SCRAM keys for the password. random: password_random_octets fresh random octets.
// Blocks for some 50 ms. On an error the record is as before.
std::expected<void, PasswordError> set_password(UserRecord& record, std::string_view password, std::string_view random,
                                                crypto::Scheme scheme = crypto::Scheme::yescrypt);

}  // namespace postil::accounts
