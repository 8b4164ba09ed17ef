#include "i18n/columns.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace postil::i18n {
namespace {

bool in(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

std::size_t cells_of(char32_t c) {
  if (in(c, 0x300, 0x36f) || in(c, 0x483, 0x489) || in(c, 0x591, 0x5bd) || in(c, 0x610, 0x61a) || in(c, 0x64b, 0x65f) ||
      in(c, 0x200b, 0x200f) || in(c, 0x202a, 0x202e) || in(c, 0x2066, 0x2069) || in(c, 0x20d0, 0x20ff) ||
      in(c, 0xfe00, 0xfe0f)) {
    return 0;
  }
  if (in(c, 0x1100, 0x115f) || in(c, 0x2e80, 0xa4cf) || in(c, 0xac00, 0xd7a3) || in(c, 0xf900, 0xfaff) ||
      in(c, 0xfe30, 0xfe6f) || in(c, 0xff00, 0xff60) || in(c, 0xffe0, 0xffe6) || in(c, 0x1f300, 0x1faff) ||
      in(c, 0x20000, 0x3fffd)) {
    return 2;
  }
  return 1;
}

// One character of UTF-8 text; broken octets count as one each.
struct Character {
  char32_t code;
  std::string_view octets;
};

Character first_of(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = std::min<std::size_t>(first < 0x80   ? 1
                                                   : first < 0xe0 ? 2
                                                   : first < 0xf0 ? 3
                                                                  : 4,
                                                   text.size());
  char32_t code = first < 0x80 ? first : first & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (static_cast<std::uint8_t>(text[i]) & 0x3f);
  return {code, text.substr(0, length)};
}

// What no line begins with, and what none ends with, in Japanese and Chinese.
constexpr std::u32string_view closing =
    U"、。，．・：；？！ー）」』】〉》〕］｝…‥”’ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々)]},.;:!?%";
constexpr std::u32string_view opening = U"（「『【〈《〔［｛“‘([{";

// The pieces of a word that may stand on different lines: Japanese and Chinese are cut between letters, other text is
// not.
std::vector<std::string_view> pieces_of(std::string_view word) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  std::optional<Character> before;
  for (std::size_t i = 0; i < word.size();) {
    const auto character = first_of(word.substr(i));
    const bool wide = cells_of(character.code) == 2 || (before && cells_of(before->code) == 2);
    if (before && wide && !closing.contains(character.code) && !opening.contains(before->code)) {
      pieces.push_back(word.substr(begin, i - begin));
      begin = i;
    }
    before = character;
    i += character.octets.size();
  }
  pieces.push_back(word.substr(begin));
  return pieces;
}

}  // namespace

std::size_t width_cells(std::string_view text) {
  std::size_t cells = 0;
  while (!text.empty()) {
    const auto character = first_of(text);
    cells += cells_of(character.code);
    text.remove_prefix(character.octets.size());
  }
  return cells;
}

std::string pad(std::string_view text, std::size_t cells) {
  std::string out(text);
  const auto width = width_cells(text);
  if (width < cells) out.append(cells - width, ' ');
  return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t cells) {
  std::vector<std::string> lines(1);
  std::size_t used = 0;
  for (auto word : split(text, ' ')) {
    std::size_t space = used != 0 ? 1 : 0;
    for (auto piece : pieces_of(word)) {
      const auto width = width_cells(piece);
      if (used != 0 && used + space + width > cells) {
        lines.emplace_back();
        used = space = 0;
      }
      if (space != 0) lines.back() += ' ';
      lines.back() += piece;
      used += space + width;
      space = 0;
    }
  }
  return lines;
}

}  // namespace postil::i18n
