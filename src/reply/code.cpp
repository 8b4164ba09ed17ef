#include "reply/code.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace postil::reply {
namespace {

// One number of an enhanced code: 1 to 3 digits, no leading zero. [rfc3463 2.]
std::optional<std::uint16_t> number(std::string_view text, std::size_t& at) {
  std::size_t digits = 0;
  std::uint16_t value = 0;
  while (at + digits < text.size() && is_digit(text[at + digits]) && digits < 4) {
    value = static_cast<std::uint16_t>(value * 10 + (text[at + digits] - '0'));
    ++digits;
  }
  if (digits == 0 || digits > 3 || (digits > 1 && text[at] == '0')) return {};
  at += digits;
  return value;
}

}  // namespace

std::string to_string(EnhancedCode code) {
  return code ? fmt::format("{}.{}.{}", code.klass, code.subject, code.detail) : std::string();
}

std::optional<EnhancedCode> leading_enhanced_code(std::string_view text, std::size_t* rest) {
  if (text.size() < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.') return {};
  std::size_t at = 2;
  const auto subject = number(text, at);
  if (!subject || at >= text.size() || text[at] != '.') return {};
  ++at;
  const auto detail = number(text, at);
  if (!detail || (at < text.size() && text[at] != ' ' && text[at] != '\t')) return {};
  if (rest) {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
    *rest = at;
  }
  return EnhancedCode{static_cast<std::uint8_t>(text[0] - '0'), *subject, *detail};
}

std::optional<EnhancedCode> parse_enhanced_code(std::string_view text) {
  if (text.find_first_of(" \t") != std::string_view::npos) return {};
  return leading_enhanced_code(text);
}

}  // namespace postil::reply
