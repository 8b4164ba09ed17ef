// Text in the cells of a terminal: width by character, not by octet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace postil::i18n {

// Cells that UTF-8 text takes: combining marks 0, East Asian wide characters 2, others 1.
std::size_t width_cells(std::string_view text);
// The text with spaces after it, at least `cells` wide; longer text stays as it is.
std::string pad(std::string_view text, std::size_t cells);
// Lines of at most `cells`, cut at spaces, and between letters in Japanese and Chinese; a longer word has a line of its
// own. Never empty.
std::vector<std::string> wrap(std::string_view text, std::size_t cells);

}  // namespace postil::i18n
