#include "i18n/isolates.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::i18n {
namespace {

constexpr std::string_view first_strong_isolate = "\xe2\x81\xa8";
constexpr std::string_view pop_isolate = "\xe2\x81\xa9";

// Hebrew to Arabic Extended-A is U+0590 to U+08FF; their presentation forms are U+FB1D to U+FDFF and U+FE70 to U+FEFF.
bool has_right_to_left(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if ((first == 0xd6 && second >= 0x90) || (first >= 0xd7 && first <= 0xdf)) return true;
    if (first == 0xe0 && second >= 0xa0 && second <= 0xa3) return true;
    if (first == 0xef && second >= 0xac && second <= 0xbb) return true;
  }
  return false;
}

bool is_printable_ascii(char c) {
  return !is_8bit(c) && !is_control(c);
}

// "550", "5.1.1", "10:30": in their order in any text.
bool is_number(std::string_view run) {
  return std::ranges::all_of(run, [](char c) { return is_digit(c) || c == '.' || c == ',' || c == ':'; });
}

// Whether the bracket or quote at one end of the run has its partner in it.
bool paired(std::string_view run, char mark) {
  constexpr std::string_view pairs = "()[]{}<>";
  if (mark == '"' || mark == '\'') return std::ranges::count(run, mark) % 2 == 0;
  const auto at = pairs.find(mark);
  return at == std::string_view::npos || run.find(pairs[at ^ 1]) != std::string_view::npos;
}

// Without what belongs to the sentence round it.
std::string_view literal_in(std::string_view run) {
  for (;;) {
    const auto before = run.size();
    if (run.empty()) return run;
    const bool dotted = run.front() == '.' && run.size() > 1 && is_alnum(run[1]);  // ".eml"
    if ((std::string_view(" .,:;!?)]}").find(run.front()) != std::string_view::npos && !dotted) ||
        !paired(run, run.front())) {
      run.remove_prefix(1);
    }
    if (!run.empty() &&
        (std::string_view(" .,:;!?([{").find(run.back()) != std::string_view::npos || !paired(run, run.back()))) {
      run.remove_suffix(1);
    }
    if (run.size() == before) return run;
  }
}

// How much of the text is one run: up to other letters, a control character, a second space or a bracket that closes
// what the sentence has opened.
std::size_t run_size(std::string_view text) {
  std::size_t open = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!is_printable_ascii(c) || text.substr(i, 2) == "  ") return i;
    if (c == ')' && open == 0) return std::max<std::size_t>(i, 1);
    if (c == '(') ++open;
    if (c == ')') --open;
  }
  return text.size();
}

// An escape sequence: ESC, "[", up to a letter.
std::size_t escape_size(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  return std::min(text.find_first_not_of("0123456789;?", 2), text.size() - 1) + 1;
}

}  // namespace

bool is_right_to_left(std::string_view language) {
  const auto base = language.substr(0, language.find('-'));
  return base == "ar" || base == "fa" || base == "he" || base == "ur";
}

std::string with_isolates(std::string_view line) {
  if (!has_right_to_left(line)) return std::string(line);
  std::string out;
  while (!line.empty()) {
    const auto size = run_size(line);
    if (size == 0) {
      const auto other = std::max<std::size_t>(escape_size(line), 1);
      out.append(line.substr(0, other));
      line.remove_prefix(other);
      continue;
    }
    const auto run = line.substr(0, size);
    const auto literal = literal_in(run);
    if (is_number(literal) || std::ranges::none_of(literal, is_alnum)) {
      out.append(run);
    } else {
      const auto begin = static_cast<std::size_t>(literal.data() - run.data());
      out.append(run.substr(0, begin)).append(first_strong_isolate).append(literal).append(pop_isolate);
      out.append(run.substr(begin + literal.size()));
    }
    line.remove_prefix(size);
  }
  return out;
}

}  // namespace postil::i18n
