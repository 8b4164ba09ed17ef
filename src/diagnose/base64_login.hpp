// Words in base64 that hold a login.
#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace postil::diagnose {

// Of both alphabets [rfc4648 4, 5], and the sign at a word's end.
constexpr bool is_base64_char(char c) {
  return is_alnum(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
}

// What clients answer in base64: an identity, a NUL, a login, a NUL and a password [rfc4616 2]; a bearer token
// [rfc7628 3.1]; the proof of SCRAM [rfc5802 5.1]; the digest of CRAM-MD5 or DIGEST-MD5 [rfc2195 2]; NTLM's last word.
// word: of is_base64_char, without the signs at its end. Pure.
bool decodes_to_login(std::string_view word);

}  // namespace postil::diagnose
