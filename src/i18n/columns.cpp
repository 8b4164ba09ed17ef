#include "i18n/columns.hpp"

#include <cstdint>

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

}  // namespace

std::size_t width_cells(std::string_view text) {
  std::size_t cells = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t c = first < 0x80 ? first : first & (0xffu >> (length + 1));
    for (std::size_t j = 1; j < length && i + j < text.size(); ++j) {
      c = (c << 6) | (static_cast<std::uint8_t>(text[i + j]) & 0x3f);
    }
    cells += cells_of(c);
    i += length;
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
    const auto width = width_cells(word);
    if (used != 0 && used + 1 + width > cells) {
      lines.emplace_back();
      used = 0;
    }
    if (used != 0) lines.back() += ' ';
    lines.back() += word;
    used += width + (used != 0 ? 1 : 0);
  }
  return lines;
}

}  // namespace postil::i18n
