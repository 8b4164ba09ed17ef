#include "dsn/encoding.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "crypto/base64.hpp"

namespace postil::dsn {
namespace {

constexpr std::size_t columns_max = 78;       // [rfc5322 2.1.1]
constexpr std::size_t word_octets_max = 900;  // a line has at most 998
constexpr std::size_t quoted_columns_max = 76;
constexpr std::string_view hex_digits = "0123456789ABCDEF";

std::size_t sequence_octets(char first) {
  const auto octet = static_cast<unsigned char>(first);
  return octet < 0x80 ? 1 : octet < 0xE0 ? 2 : octet < 0xF0 ? 3 : 4;
}

// Well-formed, but it would change how the text around it is shown. [U+0080-9F, U+200E-F, U+2028-E, U+2066-9]
bool is_deceptive(std::string_view sequence) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;
  if (sequence.size() != 3 || at(0) != 0xE2) return false;
  if (at(1) == 0x80) return at(2) == 0x8E || at(2) == 0x8F || (at(2) >= 0xA8 && at(2) <= 0xAE);
  return at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9;
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t max) {
  const auto clean = printable(text, max);
  std::string out;
  for (std::size_t i = 0; i < clean.size();) {
    const auto sequence = std::string_view(clean).substr(i, sequence_octets(clean[i]));
    out += is_deceptive(sequence) ? std::string_view("?") : sequence;
    i += sequence.size();
  }
  return out;
}

std::string safe_ascii(std::string_view text, std::size_t max) {
  std::string out;
  for (const char c : text.substr(0, max)) {
    if (is_8bit(c) && (static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;  // one '?' for a letter
    out += is_control(c) || is_8bit(c) ? '?' : c;
  }
  return out;
}

std::string field(std::string_view name, std::string_view value) {
  std::string out(name);
  out += ':';
  std::size_t column = out.size();
  bool first = true;
  while (!value.empty()) {
    const auto space = value.find(' ', 1);
    auto word = value.substr(0, space);  // with the space before it, if any
    if (!first && word == " ") {         // a line of spaces alone would be no fold
      value.remove_prefix(1);
      continue;
    }
    if (word.size() > word_octets_max) {
      std::size_t cut = word_octets_max;
      while (cut > 1 && (static_cast<unsigned char>(word[cut]) & 0xC0) == 0x80) --cut;
      word = word.substr(0, cut);
    }
    const bool spaced = word.starts_with(' ');
    if (first) {
      if (!spaced) out += ' ', ++column;
    } else if (column + word.size() > columns_max || !spaced) {
      out += "\r\n";
      if (!spaced) out += ' ';
      column = spaced ? 0 : 1;
    }
    out += word;
    column += word.size();
    value.remove_prefix(word.size());
    first = false;
  }
  return out + "\r\n";
}

std::string encoded_words(std::string_view utf8) {
  if (!has_8bit(utf8)) return std::string(utf8);
  constexpr std::size_t word_input_max = 42;  // "=?utf-8?B?" + 56 + "?=" is under 75
  std::string out;
  while (!utf8.empty()) {
    std::size_t length = 0;
    while (length < utf8.size()) {
      const auto next = sequence_octets(utf8[length]);
      if (length + next > word_input_max) break;
      length += next;
    }
    length = std::min(length, utf8.size());
    if (!out.empty()) out += ' ';
    out += "=?utf-8?B?" + crypto::base64_encode(utf8.substr(0, length)) + "?=";
    utf8.remove_prefix(length);
  }
  return out;
}

std::string quoted_printable(std::string_view text) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool at_end = i + 1 == text.size() || text[i + 1] == '\n';
    // Spaces at line ends get lost; a dot or "From " at a line's start is changed by some on the way.
    const bool plain =
        (c > ' ' && c < 127 && c != '=' && !(column == 0 && (c == '.' || c == 'F'))) || (c == ' ' && !at_end);
    const std::size_t width = plain ? 1 : 3;
    if (column + width > quoted_columns_max - (at_end ? 0 : 1)) {
      out += "=\r\n";
      column = 0;
    }
    if (plain) {
      out += c;
    } else {
      const auto octet = static_cast<unsigned char>(c);
      out += '=';
      out += hex_digits[octet >> 4];
      out += hex_digits[octet & 15];
    }
    column += width;
  }
  return out;
}

std::string base64_lines(std::string_view octets) {
  std::string out;
  for (; !octets.empty(); octets.remove_prefix(std::min(base64_line_octets, octets.size())))
    out += crypto::base64_encode(octets.substr(0, base64_line_octets)) + "\r\n";
  return out;
}

}  // namespace postil::dsn
