#include "console/http.hpp"

#include <optional>

#include "base/bytes.hpp"

namespace postil::console {
namespace {

std::optional<int> hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return std::nullopt;
}

// Octets that are no UTF-8 become '?'; control characters stay, since bounces have line ends.
std::string as_utf8(std::string text) {
  if (is_utf8(text)) return text;
  for (char& c : text) {
    if (is_8bit(c)) c = '?';
  }
  return text;
}

}  // namespace

std::string_view HttpRequest::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view HttpRequest::query() const {
  const auto at = target.find('?');
  return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
}

std::string percent_decoded(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    out += plus && text[i] == '+' ? ' ' : text[i];
  }
  return out;
}

std::map<std::string, std::string, std::less<>> read_form(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  for (const auto field : split(text, '&')) {
    if (field.empty() || out.size() >= 20) continue;
    const auto equals = field.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
    out.emplace(percent_decoded(field.substr(0, equals), true), as_utf8(percent_decoded(value, true)));
  }
  return out;
}

}  // namespace postil::console
