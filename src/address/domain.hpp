// Domain names as people write them and as DNS knows them (IDNA2008, by libidn2), and Unicode normalisation.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace postil::address {

enum class DomainError : std::uint8_t {
  syntax,    // empty, empty label, or a letter that no domain may hold
  too_long,  // a label over 63 octets or the whole over 255
};

// The A-label form: lower case, no dot at the end; "münchen.example" gives "xn--mnchen-3ya.example".
// Plain ASCII names pass with their letters in lower case (also with underscores). Not for address literals.
std::expected<std::string, DomainError> to_ascii(std::string_view utf8_domain);

// The form for people, UTF-8. What cannot be decoded stays as it is.
std::string to_unicode(std::string_view domain);

// Whether it has a dot inside, so that it can be looked up as it stands; false for address literals.
bool qualified(std::string_view domain);

// Unicode normalisation form C (by ICU); text that is not UTF-8 comes back unchanged.
std::string nfc(std::string_view utf8);

}  // namespace postil::address
