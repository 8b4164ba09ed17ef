#include "cli/table.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <ostream>

#include "i18n/columns.hpp"

namespace postil::cli {

std::string cut(const std::string& text, std::size_t cells) {
  if (i18n::width_cells(text) <= cells) return text;
  std::string out = text;
  while (!out.empty() && i18n::width_cells(out) + 3 > cells) {
    do {
      out.pop_back();
    } while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80 &&
             i18n::width_cells(out) + 3 > cells);
    // A lead octet without its others is no character.
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0xc0) out.pop_back();
  }
  return out + "...";
}

std::size_t terminal_cells(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

void Table::write(std::ostream& out, std::size_t cells_max) const {
  std::vector<std::size_t> widths;
  for (const auto& column : columns_) widths.push_back(i18n::width_cells(column.heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], i18n::width_cells(row[i]));
  }
  const auto line = [&](const auto& cell_of) {
    std::string text;
    std::size_t used = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      std::string cell = cell_of(i);
      if (cell.empty()) cell = "-";
      const bool last = i + 1 == columns_.size();
      if (last && cells_max > used + 10) cell = cut(cell, cells_max - used);
      const auto width = i18n::width_cells(cell);
      const std::string space(widths[i] > width ? widths[i] - width : 0, ' ');
      text += columns_[i].right ? space + cell : last ? cell : cell + space;
      if (!last) text += "  ";
      used += widths[i] + 2;
    }
    out << text << '\n';
  };
  line([&](std::size_t i) { return columns_[i].heading; });
  for (const auto& row : rows_) line([&](std::size_t i) { return row[i]; });
}

}  // namespace postil::cli
