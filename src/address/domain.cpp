#include "address/domain.hpp"

#include <idn2.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <memory>

#include "base/bytes.hpp"
#include "base/limits.hpp"

namespace postil::address {
namespace {

constexpr std::size_t label_octets_max = 63;
// Input that can still become a name of 255 octets; bounds what the library has to work on.
constexpr std::size_t input_octets_max = 1024;

struct Idn2Free {
  void operator()(char* text) const { idn2_free(text); }
};
using Idn2Text = std::unique_ptr<char, Idn2Free>;

std::expected<std::string, DomainError> check(std::string name) {
  for (const auto label : split(name, '.')) {
    if (label.empty()) return std::unexpected(DomainError::syntax);
    if (label.size() > label_octets_max) return std::unexpected(DomainError::too_long);
    for (const char c : label)
      if (!is_alnum(c) && c != '-' && c != '_') return std::unexpected(DomainError::syntax);
  }
  if (name.size() > limits::domain_octets_max) return std::unexpected(DomainError::too_long);
  return name;
}

}  // namespace

std::expected<std::string, DomainError> to_ascii(std::string_view utf8_domain) {
  if (utf8_domain.ends_with('.')) utf8_domain.remove_suffix(1);
  if (utf8_domain.size() > input_octets_max) return std::unexpected(DomainError::too_long);
  if (!has_8bit(utf8_domain)) return check(to_lower(utf8_domain));
  const std::string input(utf8_domain);
  if (!is_utf8(input) || input.find('\0') != std::string::npos) return std::unexpected(DomainError::syntax);
  char* raw = nullptr;
  const int result = idn2_to_ascii_8z(input.c_str(), &raw, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const Idn2Text name(raw);
  if (result == IDN2_TOO_BIG_LABEL || result == IDN2_TOO_BIG_DOMAIN || result == IDN2_PUNYCODE_BIG_OUTPUT)
    return std::unexpected(DomainError::too_long);
  if (result != IDN2_OK) return std::unexpected(DomainError::syntax);
  return check(to_lower(name.get()));
}

std::string to_unicode(std::string_view domain) {
  std::string out;
  for (const auto label : split(domain, '.')) {
    if (!out.empty()) out += '.';
    if (!istarts_with(label, "xn--") || label.size() > label_octets_max) {
      out += label;
      continue;
    }
    const auto ascii = to_lower(label);
    char* raw = nullptr;
    const int result = idn2_to_unicode_8z8z(ascii.c_str(), &raw, 0);
    const Idn2Text unicode(raw);
    // Only what IDNA would make from it again: a forged label could decode to anything.
    const auto back = result == IDN2_OK ? to_ascii(unicode.get()) : std::unexpected(DomainError::syntax);
    out += back && *back == ascii ? std::string_view(unicode.get()) : label;
  }
  return out;
}

bool qualified(std::string_view domain) {
  if (domain.empty() || domain.front() == '[') return false;
  const auto dot = domain.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < domain.size();
}

std::string nfc(std::string_view utf8) {
  std::string unchanged(utf8);
  if (!has_8bit(utf8) || !is_utf8(utf8)) return unchanged;
  UErrorCode error = U_ZERO_ERROR;
  const auto* normalizer = icu::Normalizer2::getNFCInstance(error);
  if (U_FAILURE(error)) return unchanged;
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  normalizer->normalizeUTF8(0, icu::StringPiece(utf8.data(), static_cast<int32_t>(utf8.size())), sink, nullptr, error);
  return U_FAILURE(error) ? unchanged : out;
}

}  // namespace postil::address
