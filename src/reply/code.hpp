// Basic and enhanced status codes. [rfc5321 4.2] [rfc3463 2]
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postil::reply {

using Code = std::uint16_t;  // 200-599 on our side; a remote's may be anything of three digits

enum class Permanence : std::uint8_t { success, temporary, permanent };

struct EnhancedCode {
  std::uint8_t klass = 0;  // 2, 4 or 5; 0 = none
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  friend constexpr auto operator<=>(EnhancedCode, EnhancedCode) = default;
  explicit constexpr operator bool() const { return klass != 0; }
};

std::string to_string(EnhancedCode code);  // "5.1.10"; "" for none
// "5.1.10" and nothing else; leading zeros and classes other than 2, 4, 5 are refused. [rfc3463 2.]
std::optional<EnhancedCode> parse_enhanced_code(std::string_view text);
// The code at the start of a reply's text, followed by a space or the end; rest = where the text goes on.
std::optional<EnhancedCode> leading_enhanced_code(std::string_view text, std::size_t* rest = nullptr);

constexpr Permanence permanence_of(Code code) {
  return code < 400 ? Permanence::success : code < 500 ? Permanence::temporary : Permanence::permanent;
}

}  // namespace postil::reply
