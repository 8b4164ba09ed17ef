// SASLprep [rfc4013], by ICU: names and passwords that look the same become the same octets. Printable ASCII passes as
// it is. Thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace postil::sasl {

enum class PrepareError : std::uint8_t {
  bad_utf8,
  prohibited,  // control characters and others that nobody can type or see; mixed right-to-left text
  empty,       // nothing is left
};

// Letters that Unicode 3.2 did not have are allowed, also where a password is stored: people do use them.
std::expected<std::string, PrepareError> saslprep(std::string_view utf8);

}  // namespace postil::sasl
