#include "console/prose.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "knowledge/codes.hpp"

namespace postil::console {
namespace {

constexpr std::array<std::string_view, 21> commands = {"AUTH", "BDAT", "BODY", "CHUNKING", "DATA",     "EHLO", "ETRN",
                                                       "EXPN", "HELO", "HELP", "LHLO",     "MAIL",     "NOOP", "QUIT",
                                                       "RCPT", "RSET", "SIZE", "SMTPUTF8", "STARTTLS", "VRFY", "ATRN"};

// Letters of other scripts stand right beside a code in Japanese, Chinese and Arabic.
bool is_word(char c) {
  return is_alnum(c) || c == '.' || c == '_';
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 3 && std::ranges::all_of(text, is_digit);
}

// "521", "5xx", "5.1.1", "x.1.1", "5.7.x", where there is a page for it.
std::optional<Place> page_of(std::string_view word, std::string_view language) {
  if (word.size() == 3 && std::ranges::all_of(word, is_digit)) {
    const auto code = static_cast<knowledge::Code>(std::stoi(std::string(word)));
    if (knowledge::find_code(code) == nullptr) return std::nullopt;
    return Place{View::code, std::string(language), std::string(word)};
  }
  if (word.size() == 3 && word.ends_with("xx") && word[0] >= '2' && word[0] <= '5')
    return Place{View::code_class, std::string(language), std::string(word)};
  const auto parts = split(word, '.');
  if (parts.size() != 3 || parts[0].size() != 1 || std::string_view("245x").find(parts[0]) == std::string_view::npos) {
    return std::nullopt;
  }
  if (parts[1].size() == 1 && parts[1][0] >= '0' && parts[1][0] <= '7' && parts[2] == "x")
    return Place{View::subject, std::string(language), "x." + std::string(word.substr(2))};
  if (!is_number(parts[1]) || !is_number(parts[2])) return std::nullopt;
  const auto subject = static_cast<std::uint16_t>(std::stoi(std::string(parts[1])));
  const auto detail = static_cast<std::uint16_t>(std::stoi(std::string(parts[2])));
  if (knowledge::find_status(subject, detail) == nullptr) return std::nullopt;
  // The page without class is the one about what the code means.
  return Place{View::status, std::string(language), "x." + std::string(word.substr(2))};
}

bool same_code(std::string_view own, std::string_view word) {
  return own == word || (own.size() > 2 && own[1] == '.' && word.size() > 2 && own.substr(1) == word.substr(1));
}

std::string word_html(std::string_view word, const Links& links, std::string_view language, std::string_view own) {
  if (const auto place = page_of(word, language)) {
    if (same_code(own, word)) return "<code>" + std::string(word) + "</code>";
    return "<a href=\"" + escaped(links.to(*place)) + "\"><code>" + std::string(word) + "</code></a>";
  }
  // "x.7": half a code
  const bool half = word.size() > 2 && word.starts_with("x.") && is_number(word.substr(2));
  if (half || std::ranges::find(commands, word) != commands.end()) return "<code>" + std::string(word) + "</code>";
  return escaped(word);
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Markup command_line(std::string_view command) {
  Markup out;
  for (const auto word : split(command, ' ')) {
    if (!out.html.empty()) out.html += ' ';
    const bool option = word.starts_with('-');
    out.html += option ? "<span class=\"option\">" + escaped(word) + "</span>" : escaped(word);
  }
  return out;
}

Markup prose(std::string_view text, const Links& links, std::string_view language, std::string_view own) {
  Markup out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '`') {  // a literal, as the guides write it
      const auto end = text.find('`', at + 1);
      if (end != std::string_view::npos) {
        out.html += "<code>" + escaped(text.substr(at + 1, end - at - 1)) + "</code>";
        at = end + 1;
        continue;
      }
    }
    std::size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end == at) {
      out.html += escaped(text.substr(at, 1));
      ++at;
      continue;
    }
    auto word = text.substr(at, end - at);
    std::string_view dots;  // that end the sentence, not the code
    while (word.ends_with('.')) {
      word.remove_suffix(1);
      dots = text.substr(at + word.size(), end - at - word.size());
    }
    out.html += word_html(word, links, language, own) + std::string(dots);
    at = end;
  }
  return out;
}

}  // namespace postil::console
