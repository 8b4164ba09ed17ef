#include "diagnose/spelling.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t text_octets_max = 80;

struct Letters {
  std::string_view first;  // UTF-8 of the first of a row of letters that differ in their last octet
  unsigned count;
  char ascii;  // what the first stands for
  bool row;    // the others stand for the letters behind it
};

// Digits of Arabic, Persian and full width, and the signs that keyboards put between them.
constexpr std::array letters{Letters{"\xd9\xa0", 10, '0', true},     Letters{"\xdb\xb0", 10, '0', true},
                             Letters{"\xef\xbc\x90", 10, '0', true}, Letters{"\xef\xbc\x8e", 1, '.', false},
                             Letters{"\xe3\x80\x82", 1, '.', false}, Letters{"\xd9\xab", 1, '.', false},
                             Letters{"\xef\xbc\x9a", 1, ':', false}, Letters{"\xe2\x80\x90", 6, '-', false},
                             Letters{"\xc2\xa0", 1, ' ', false},     Letters{"\xe2\x80\x8b", 5, ' ', false},
                             Letters{"\xef\xbb\xbf", 1, ' ', false}};

std::string in_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto found = std::ranges::find_if(letters, [&](const Letters& row) {
      const auto size = row.first.size();
      if (text.size() < size || text.substr(0, size - 1) != row.first.substr(0, size - 1)) return false;
      const auto begin = static_cast<unsigned char>(row.first.back());
      const auto here = static_cast<unsigned char>(text[size - 1]);
      return here >= begin && here < begin + row.count;
    });
    if (found == letters.end()) {
      out += ascii_lower(text.front());
      text.remove_prefix(1);
      continue;
    }
    const auto last = found->first.size() - 1;
    const int step =
        found->row ? static_cast<unsigned char>(text[last]) - static_cast<unsigned char>(found->first[last]) : 0;
    out += static_cast<char>(found->ascii + step);
    text.remove_prefix(found->first.size());
  }
  return out;
}

bool is_label(std::string_view word) {
  static constexpr std::array labels{"smtp",
                                     "esmtp",
                                     "error",
                                     "err",
                                     "code",
                                     "status",
                                     "dsn",
                                     "reply",
                                     "response",
                                     "ndr",
                                     "server",
                                     "the",
                                     "what",
                                     "is",
                                     "means",
                                     "does",
                                     "fehler",
                                     "erreur",
                                     "erro",
                                     "fehlercode",
                                     "antwort",
                                     "codigo",
                                     "c\xc3\xb3"
                                     "digo",
                                     "enhanced",
                                     "\xd0\xbe\xd1\x88\xd0\xb8\xd0\xb1\xd0\xba\xd0\xb0",
                                     "\xd0\xba\xd0\xbe\xd0\xb4"};
  return std::ranges::find(labels, word) != labels.end();
}

bool is_number(std::string_view word, std::size_t digits_max) {
  return !word.empty() && word.size() <= digits_max && std::ranges::all_of(word, is_digit);
}

bool is_basic(std::string_view word) {
  return word.size() == 3 && is_number(word, 3) && word[0] >= '2' && word[0] <= '5';
}

bool is_enhanced(std::string_view word) {
  const auto parts = split(word, '.');
  const auto place = [](std::string_view part) { return part == "x" || is_number(part, 3); };
  return parts.size() == 3 && (parts[0] == "2" || parts[0] == "4" || parts[0] == "5" || parts[0] == "x") &&
         place(parts[1]) && place(parts[2]) && (parts[0] != "x" || parts[1] != "x");
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto begin = text.find_first_not_of(" \t()[]{}<>\"'`#:;,!?=/|-_", at);
    if (begin == std::string_view::npos) break;
    at = std::min(text.find_first_of(" \t()[]{}<>\"'`#:;,!?=/|-_", begin), text.size());
    auto word = text.substr(begin, at - begin);
    while (word.ends_with('.')) word.remove_suffix(1);
    if (word.size() > 4 && word[3] == '.' && is_basic(word.substr(0, 3))) {  // "550.5.1.1"
      out.push_back(word.substr(0, 3));
      word.remove_prefix(4);
    }
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

}  // namespace

std::optional<std::string> spelled_code(std::string_view text) {
  if (text.size() > text_octets_max || text.find('\n') != std::string_view::npos) return std::nullopt;
  const auto plain = in_ascii(text);
  std::string_view basic;
  std::string_view enhanced;
  for (const auto word : words_of(plain)) {
    if (is_basic(word) && basic.empty()) {
      basic = word;
    } else if (is_enhanced(word) && enhanced.empty()) {
      enhanced = word;
    } else if (!is_label(word) || !basic.empty() || !enhanced.empty()) {
      return std::nullopt;
    }
  }
  if (basic.empty() && enhanced.empty()) return std::nullopt;
  if (basic.empty() || enhanced.empty()) return std::string(basic.empty() ? enhanced : basic);
  if (enhanced.find('x') != std::string_view::npos) return std::nullopt;
  return std::string(basic) + " " + std::string(enhanced);
}

CodeList listed_codes(std::string_view text) {
  constexpr std::string_view between[] = {"and", "or", "und", "oder", "smtp"};
  constexpr std::size_t octets_max = 200;
  if (text.size() > octets_max) return {};
  CodeList list;
  auto& codes = list.codes;
  std::size_t enhanced = 0;
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, [](char c) { return is_alnum(c) || c == '.'; }) - text.begin();
    auto word = to_lower(text.substr(0, static_cast<std::size_t>(end)));
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end) + 1));
    while (word.ends_with('.')) word.pop_back();
    const bool against = word == "vs" || word == "versus";
    list.versus = list.versus || against;
    if (word.empty() || against || std::ranges::find(between, word) != std::end(between)) continue;
    enhanced += word.find('.') == std::string::npos ? 0 : 1;
    codes.push_back(std::move(word));
  }
  const bool alike = enhanced == 0 || enhanced == codes.size();
  if (codes.size() < 2 || !alike) return {};
  return list;
}

}  // namespace postil::diagnose
