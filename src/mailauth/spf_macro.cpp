#include "mailauth/spf_macro.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

constexpr std::string_view macro_letters = "slodiphcrtv";
constexpr std::string_view exp_only_letters = "crt";
constexpr std::string_view delimiter_letters = ".-+,/_=";
constexpr int parts_limit = 1000;  // more than any name has labels; keeps the number small
constexpr std::size_t name_octets_max = 253;

// toplabel: letters, digits and hyphens within, not only digits [rfc7208 7.1]
bool is_toplabel(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  bool only_digits = true;
  for (const char c : label) {
    if (!is_alnum(c) && c != '-') return false;
    only_digits = only_digits && is_digit(c);
  }
  return !only_digits;
}

bool ends_in_toplabel(std::string_view literal) {
  if (literal.ends_with('.')) literal.remove_suffix(1);
  const auto dot = literal.rfind('.');
  return dot != std::string_view::npos && is_toplabel(literal.substr(dot + 1));
}

class Parser {
 public:
  Parser(std::string_view text, SpfMacroPlace place, std::size_t position, std::vector<SpfError>& errors)
      : text_(text), place_(place), position_(position), errors_(errors) {}

  SpfMacroString parse() {
    out_.raw = text_;
    while (at_ < text_.size()) {
      if (text_[at_] == '%') {
        percent();
      } else {
        literal();
      }
    }
    flush();
    if (place_ == SpfMacroPlace::domain_spec && good_) check_end();
    return std::move(out_);
  }

 private:
  void error(SpfProblem problem, std::size_t at, std::size_t length) {
    errors_.push_back({problem, {position_ + at, length}});
    good_ = false;
  }
  void flush() {
    if (!pending_.empty()) out_.parts.push_back({.literal = std::move(pending_), .delimiters = {}});
    pending_.clear();
  }
  void literal() {
    const char c = text_[at_];
    if (is_8bit(c)) {
      error(SpfProblem::not_ascii, at_, 1);
    } else if (is_control(c) || (c == ' ' && place_ != SpfMacroPlace::explain_string)) {
      error(SpfProblem::control_character, at_, 1);
    }
    pending_ += c;
    run_ += c;
    ++at_;
  }
  void percent() {
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    run_.clear();
    switch (next) {
      case '{':
        return macro();
      case '%':
        pending_ += '%';
        break;
      case '_':
        pending_ += ' ';
        break;
      case '-':
        pending_ += "%20";
        break;
      default:
        error(SpfProblem::macro_percent, at_, 1);
        ++at_;
        return;
    }
    at_ += 2;
  }
  void macro() {
    const auto close = text_.find('}', at_);
    if (close == std::string_view::npos) {
      error(SpfProblem::macro_unclosed, at_, text_.size() - at_);
      at_ = text_.size();
      return;
    }
    const auto start = at_;
    const auto inside = text_.substr(at_ + 2, close - at_ - 2);
    at_ = close + 1;
    SpfMacroPart part;
    part.letter = inside.empty() ? '\0' : ascii_lower(inside.front());
    if (part.letter == '\0' || macro_letters.find(part.letter) == std::string_view::npos) {
      return error(SpfProblem::macro_letter, start, at_ - start);
    }
    if (place_ == SpfMacroPlace::domain_spec && exp_only_letters.find(part.letter) != std::string_view::npos) {
      return error(SpfProblem::macro_only_in_exp, start, at_ - start);
    }
    part.url_escape = part.letter != inside.front();
    std::size_t i = 1;
    for (; i < inside.size() && is_digit(inside[i]); ++i)
      part.parts_max = std::min(parts_limit, part.parts_max * 10 + (inside[i] - '0'));
    if (i > 1 && part.parts_max == 0) return error(SpfProblem::macro_zero, start, at_ - start);
    if (i < inside.size() && ascii_lower(inside[i]) == 'r') {
      part.reverse = true;
      ++i;
    }
    for (; i < inside.size(); ++i) {
      if (delimiter_letters.find(inside[i]) == std::string_view::npos) {
        return error(SpfProblem::macro_content, start, at_ - start);
      }
      if (part.delimiters.find(inside[i]) == std::string::npos) part.delimiters += inside[i];
    }
    flush();
    out_.parts.push_back(std::move(part));
  }
  void check_end() {
    if (text_.empty()) {
      error(SpfProblem::domain_missing, 0, 0);
    } else if (!run_.empty() && !ends_in_toplabel(run_)) {
      error(SpfProblem::domain_end, 0, text_.size());
    }
  }

  std::string_view text_;
  SpfMacroPlace place_;
  std::size_t position_;
  std::vector<SpfError>& errors_;
  std::size_t at_ = 0;
  SpfMacroString out_;
  std::string pending_;  // literal text, "%%" and the like resolved
  std::string run_;      // literal text since the last "%": domain-end is judged by it
  bool good_ = true;
};

// The dot form of the "i" macro: nibbles for IPv6.
std::string dotted(const address::Ip& ip) {
  if (ip.is_v4()) return ip.text();
  std::string out;
  for (const auto octet : ip.octets()) {
    if (!out.empty()) out += '.';
    fmt::format_to(std::back_inserter(out), "{:x}.{:x}", octet >> 4, octet & 15);
  }
  return out;
}

std::string value_of(char letter, const SpfMacroValues& values) {
  switch (letter) {
    case 's':
      return values.sender_local + "@" + values.sender_domain;
    case 'l':
      return values.sender_local;
    case 'o':
      return values.sender_domain;
    case 'd':
      return values.domain;
    case 'i':
      return dotted(values.client);
    case 'c':
      return values.client.text();
    case 'v':
      return values.client.is_v4() ? "in-addr" : "ip6";
    case 'p':
      return values.validated_name;
    case 'h':
      return values.helo;
    case 'r':
      return values.receiver;
    case 't':
      return std::to_string(values.unix_seconds);
    default:
      return {};
  }
}

std::string transformed(const SpfMacroPart& part, std::string value) {
  if (part.parts_max == 0 && !part.reverse && part.delimiters.empty()) return value;
  const std::string_view delimiters = part.delimiters.empty() ? "." : std::string_view(part.delimiters);
  std::vector<std::string_view> parts;
  std::string_view rest = value;
  for (;;) {
    const auto end = rest.find_first_of(delimiters);
    parts.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (part.reverse) std::ranges::reverse(parts);
  const auto keep = static_cast<std::size_t>(part.parts_max);
  const auto first = keep > 0 && keep < parts.size() ? parts.size() - keep : 0;
  std::string out;
  for (auto i = first; i < parts.size(); ++i) {
    if (i > first) out += '.';
    out += parts[i];
  }
  return out;
}

// All but the unreserved characters of a URI.
std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

bool SpfMacroString::uses(std::string_view letters) const {
  return std::ranges::any_of(
      parts, [&](const auto& part) { return part.letter != 0 && letters.find(part.letter) != std::string_view::npos; });
}

SpfMacroString parse_spf_macros(std::string_view text, SpfMacroPlace place, std::size_t position,
                                std::vector<SpfError>& errors) {
  return Parser(text, place, position, errors).parse();
}

std::optional<std::string> expand(const SpfMacroString& text, const SpfMacroValues& values) {
  std::string out;
  for (const auto& part : text.parts) {
    if (part.letter == 0) {
      out += part.literal;
    } else {
      const auto value = transformed(part, value_of(part.letter, values));
      out += part.url_escape ? url_escaped(value) : value;
    }
    if (out.size() > spf_expansion_octets_max) return std::nullopt;
  }
  return out;
}

std::string_view fitted_name(std::string_view expanded) {
  if (expanded.ends_with('.')) expanded.remove_suffix(1);
  while (expanded.size() > name_octets_max) {
    const auto dot = expanded.find('.');
    if (dot == std::string_view::npos) return expanded;
    expanded.remove_prefix(dot + 1);
  }
  return expanded;
}

}  // namespace postil::mailauth
