#include "address/xtext.hpp"

#include "base/bytes.hpp"

namespace postil::address {
namespace {

constexpr std::size_t orcpt_octets_max = 500;  // [rfc3461 4.2]
constexpr std::string_view hex_digits = "0123456789ABCDEF";

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_utf8(std::uint32_t point, std::string& out) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

// The code point at the start of text, which is well-formed UTF-8; takes it off.
std::uint32_t take_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t point = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  text.remove_prefix(length);
  return point;
}

// +XX to octets; other octets must be of xtext, or over 127 when those are allowed.
std::expected<std::string, XtextError> unescape(std::string_view xtext, bool allow_8bit) {
  std::string out;
  for (std::size_t i = 0; i < xtext.size(); ++i) {
    const char c = xtext[i];
    if (is_8bit(c) ? !allow_8bit : (c <= ' ' || c == 127 || c == '=')) return std::unexpected(XtextError::syntax);
    if (c != '+') {
      out += c;
      continue;
    }
    if (i + 2 >= xtext.size()) return std::unexpected(XtextError::syntax);
    const int high = hex_value(xtext[i + 1]);
    const int low = hex_value(xtext[i + 2]);
    if (high < 0 || low < 0) return std::unexpected(XtextError::syntax);
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// "\x{HEX}" at the start of text; takes it off.
std::expected<std::uint32_t, XtextError> take_embedded(std::string_view& text) {
  if (!text.starts_with("\\x{")) return std::unexpected(XtextError::syntax);
  text.remove_prefix(3);
  std::uint32_t point = 0;
  std::size_t digits = 0;
  while (!text.empty() && hex_value(text.front()) >= 0 && digits < 6) {
    point = point * 16 + static_cast<std::uint32_t>(hex_value(text.front()));
    text.remove_prefix(1);
    ++digits;
  }
  if (digits < 1 || !text.starts_with('}')) return std::unexpected(XtextError::syntax);
  text.remove_prefix(1);
  if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return std::unexpected(XtextError::syntax);
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return std::unexpected(XtextError::control);
  return point;
}

bool is_addr_type_octet(char c) {
  return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

std::string encode_utf8_address(std::string_view address, bool keep_utf8) {
  if (!is_utf8(address)) return encode_utf8_address(printable(address, address.size()), keep_utf8);
  std::string out;
  while (!address.empty()) {
    const auto begin = address;
    const auto point = take_point(address);
    const bool plain = point > 0x20 && point < 0x7F && point != '+' && point != '=' && point != '\\';
    if (plain || (keep_utf8 && point >= 0xA0)) {
      out += begin.substr(0, begin.size() - address.size());
      continue;
    }
    std::string hex;
    for (auto rest = point; rest != 0 || hex.size() < 2; rest >>= 4) hex.insert(hex.begin(), hex_digits[rest & 15]);
    out += "\\x{" + hex + "}";
  }
  return out;
}

}  // namespace

std::string encode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c > ' ' && c < 127 && c != '+' && c != '=') {
      out += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += '+';
      out += hex_digits[octet >> 4];
      out += hex_digits[octet & 15];
    }
  }
  return out;
}

std::expected<std::string, XtextError> decode_xtext(std::string_view xtext) {
  auto out = unescape(xtext, false);
  if (!out) return out;
  for (const char c : *out) {
    if (is_control(c)) return std::unexpected(XtextError::control);
    if (is_8bit(c)) return std::unexpected(XtextError::not_ascii);
  }
  return out;
}

std::expected<std::string, XtextError> decode_utf8_address(std::string_view text) {
  if (!is_utf8(text)) return std::unexpected(XtextError::syntax);
  std::string out;
  while (!text.empty()) {
    if (text.front() == '\\') {
      const auto point = take_embedded(text);
      if (!point) return std::unexpected(point.error());
      append_utf8(*point, out);
      continue;
    }
    const auto point = take_point(text);
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return std::unexpected(XtextError::control);
    append_utf8(point, out);
  }
  return out;
}

std::string encode_utf8_addr_xtext(std::string_view address) {
  return encode_utf8_address(address, false);
}
std::string encode_utf8_addr_unitext(std::string_view address) {
  return encode_utf8_address(address, true);
}

std::expected<OriginalRecipient, XtextError> parse_orcpt(std::string_view value, bool smtputf8) {
  const auto semicolon = value.find(';');
  if (value.size() > orcpt_octets_max || semicolon == std::string_view::npos || semicolon == 0)
    return std::unexpected(XtextError::syntax);
  OriginalRecipient original{std::string(value.substr(0, semicolon)), {}};
  for (const char c : original.type)
    if (!is_addr_type_octet(c)) return std::unexpected(XtextError::syntax);
  const auto encoded = value.substr(semicolon + 1);
  if (encoded.empty()) return std::unexpected(XtextError::syntax);
  std::expected<std::string, XtextError> address;
  if (iequals(original.type, "utf-8")) {
    address = unescape(encoded, smtputf8);
    if (address) address = decode_utf8_address(*address);
  } else {
    address = decode_xtext(encoded);
  }
  if (!address) return std::unexpected(address.error());
  original.address = *std::move(address);
  return original;
}

std::string format_orcpt(const OriginalRecipient& original, bool smtputf8) {
  if (iequals(original.type, "utf-8"))
    return original.type + ";" +
           (smtputf8 ? encode_utf8_addr_unitext(original.address) : encode_utf8_addr_xtext(original.address));
  return original.type + ";" + encode_xtext(original.address);
}

}  // namespace postil::address
