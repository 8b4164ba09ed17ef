// Base64 as RFC 4648 4 has it, strict: padding is needed, no line breaks, no other letters, and the bits that pad
// the last octet are zero, so that every octet string has one text. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace postil::crypto {

enum class Base64Error : std::uint8_t {
  letter,   // one that is not in the alphabet, also white space and '=' in the middle
  length,   // not a multiple of four
  padding,  // bits that should be zero are not
};

std::string base64_encode(std::string_view octets);
std::expected<std::string, Base64Error> base64_decode(std::string_view text);

}  // namespace postil::crypto
