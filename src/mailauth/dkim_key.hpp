// Key records: what stands in DNS at SELECTOR._domainkey.DOMAIN. [rfc6376 3.6.1] [rfc8301] [rfc8463]
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/signature.hpp"
#include "mailauth/dkim_tags.hpp"

namespace postil::mailauth {

constexpr int dkim_key_bits_min = 1024;     // to verify [rfc8301 3.2]
constexpr int dkim_key_bits_should = 2048;  // to sign

enum class DkimKeyError : std::uint8_t {
  tags,           // the tag list cannot be read
  version,        // v= is not DKIM1, or does not stand first
  no_key,         // no p=
  revoked,        // p= is empty
  key_type,       // k= is neither rsa nor ed25519
  bad_base64,     // p= is no base64
  bad_key,        // p= holds no key of that type
  key_too_small,  // RSA under 1024 bits
  hash,           // h= leaves out sha256
  service,        // s= leaves out mail
};
std::string_view to_string(DkimKeyError error);  // "revoked"

struct DkimKeyProblem {
  DkimKeyError error{};
  std::size_t position = 0;                 // in the record, from 0
  std::optional<DkimTagError> tag_error{};  // with `tags`
};

struct DkimKeyRecord {
  crypto::PublicKey key;
  bool testing = false;       // t=y: the domain is only trying [rfc6376 3.6.1]
  bool exact_domain = false;  // t=s: i= may name no subdomain
  std::string notes;
};

// record: the strings of the TXT record joined.
std::expected<DkimKeyRecord, DkimKeyProblem> parse_dkim_key(std::string_view record);
// Whether a TXT record looks meant as one, so that a stray other one beside it does no harm.
bool looks_like_dkim_key(std::string_view record);

// "s2026._domainkey.example.org"
std::string dkim_key_name(std::string_view selector, std::string_view domain);
// A selector is one or more labels. [rfc6376 3.1]
bool valid_selector(std::string_view selector);
// "v=DKIM1; k=rsa; p=..."
std::string dkim_key_record(const crypto::PrivateKey& key);
// As it stands in a zone file: the name with its last dot, the text in strings of at most 255 octets.
std::string dkim_zone_line(std::string_view name, std::string_view record);

}  // namespace postil::mailauth
