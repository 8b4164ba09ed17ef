#include "diagnose/fold.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

// Latin-1 Supplement and Latin Extended-A (U+00C0 to U+017F) without their marks; '*': as it is.
constexpr std::string_view latin =
    "aaaaaaaceeeeiiiidnooooo*ouuuuyts"   // 00C0
    "aaaaaaaceeeeiiiidnooooo*ouuuuyty"   // 00E0
    "aaaaaaccccccccddddeeeeeeeeeegggg"   // 0100
    "gggghhhhiiiiiiiiiiiijjkkklllllll"   // 0120
    "lllnnnnnnnnnoooooooorrrrrrssssss"   // 0140
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";  // 0160
static_assert(latin.size() == 192);

bool local_letter(char c) {
  return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '=' || c == '/' || c == '#';
}
bool domain_letter(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_' || is_8bit(c);
}

class Folder {
 public:
  explicit Folder(std::string_view source) : source_(source.substr(0, folded_octets_max)) {
    out_.text.reserve(source_.size());
    out_.at.reserve(source_.size() + 1);
  }

  Folded run() {
    while (at_ < source_.size()) {
      if (word_start() && (skip_codes() || skip_last_code())) continue;
      one();
    }
    while (!out_.text.empty() && word_start()) pop();
    out_.at.push_back(static_cast<std::uint32_t>(at_));
    return std::move(out_);
  }

 private:
  bool word_start() const { return out_.text.empty() || out_.text.back() == ' ' || out_.text.back() == '\n'; }
  void pop() {
    out_.text.pop_back();
    out_.at.pop_back();
  }
  void put(char c, std::size_t from) {
    out_.text.push_back(c);
    out_.at.push_back(static_cast<std::uint32_t>(from));
  }
  void space() {
    if (word_start()) return;
    const char before = out_.text.back();
    // What is quoted is no part of the sentence that quotes it: "host mx.example.net said: ...".
    const bool ends = before == '.' || before == '!' || before == '?' || out_.text.ends_with(" said:");
    put(ends ? '\n' : ' ', at_);
  }
  char peek(std::size_t at) const { return at < source_.size() ? source_[at] : '\0'; }

  std::size_t digits(std::size_t at, std::size_t max) const {
    std::size_t count = 0;
    while (count < max && is_digit(peek(at + count))) ++count;
    return count;
  }
  // "5.7.1", with a # before it or not: its length, or 0.
  std::size_t enhanced(std::size_t at) const {
    const std::size_t begin = at;
    if (peek(at) == '#') ++at;
    if ((peek(at) != '4' && peek(at) != '5') || peek(at + 1) != '.') return 0;
    at += 2;
    for (int part = 0; part < 2; ++part) {
      const auto length = digits(at, 3);
      if (length == 0) return 0;
      at += length;
      if (part == 0 && peek(at++) != '.') return 0;
    }
    return peek(at) == ' ' || peek(at) == '\0' ? at - begin : 0;
  }
  // The codes of a reply's line: "550-5.7.1 ", "550 5.7.1 ", "554-"; at the very start "550 " also.
  bool skip_codes() {
    const bool basic = (peek(at_) == '4' || peek(at_) == '5') && digits(at_, 4) == 3;
    if (!basic) {
      if (!out_.text.empty()) return false;
      const auto length = enhanced(at_);
      at_ += length;
      return length > 0;
    }
    const char mark = peek(at_ + 3);
    if (mark != '-' && mark != ' ') return false;
    const auto length = enhanced(at_ + 4);
    if (length == 0 && mark == ' ' && !out_.text.empty()) return false;
    if (length == 0 && mark == '-' && (is_digit(peek(at_ + 4)) || peek(at_ + 4) == '-')) return false;
    at_ += 4 + length;
    return true;
  }
  // "(#5.7.1)", as qmail and its offspring end a reply.
  bool skip_last_code() {
    if (peek(at_) != '(' || peek(at_ + 1) != '#' || (peek(at_ + 2) != '4' && peek(at_ + 2) != '5')) return false;
    std::size_t at = at_ + 3;
    for (int part = 0; part < 2; ++part) {
      const auto length = peek(at) == '.' ? digits(at + 1, 3) : 0;
      if (length == 0) return false;
      at += 1 + length;
    }
    if (peek(at) != ')') return false;
    at_ = at + 1;
    return true;
  }
  // At an '@' between an address' parts: the address becomes "@".
  bool address() {
    if (word_start() || !local_letter(out_.text.back()) || !domain_letter(peek(at_ + 1))) return false;
    std::size_t begin = at_++;
    for (; !out_.text.empty() && local_letter(out_.text.back()); pop()) begin = out_.at.back();
    put('@', begin);
    // "bob@example.org...User unknown": the dots are no part of it.
    const auto ends = [this] {
      const auto rest = source_.substr(at_);
      return rest.starts_with("..") || rest.starts_with("\xEF\xBC") || rest.starts_with("\xE3\x80");  // "）", "、"
    };
    while (at_ < source_.size() && domain_letter(source_[at_]) && !ends()) ++at_;
    while (source_[at_ - 1] == '.' || source_[at_ - 1] == '-') --at_;  // the sentence's
    return true;
  }

  void one() {
    const char c = source_[at_];
    if (c == ' ' || is_control(c)) {
      space();
      ++at_;
    } else if (is_8bit(c)) {
      wide();
    } else if (c != '@' || !address()) {
      put(c == '`' ? '\'' : ascii_lower(c), at_);
      ++at_;
    }
  }

  void copy(std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) put(source_[at_ + i], at_);
    at_ += length;
  }
  void pair(unsigned code_point) {
    put(static_cast<char>(0xC0 | code_point >> 6), at_);
    put(static_cast<char>(0x80 | (code_point & 0x3F)), at_);
    at_ += 2;
  }
  void wide() {
    const auto octet = [this](std::size_t at) { return static_cast<unsigned char>(peek(at)); };
    const unsigned lead = octet(at_);
    const auto follows = [&](std::size_t n) { return (octet(at_ + n) & 0xC0) == 0x80; };
    if (lead >= 0xC2 && lead < 0xE0 && follows(1)) {
      two((lead & 0x1F) << 6 | (octet(at_ + 1) & 0x3Fu));
    } else if (lead == 0xE2 && octet(at_ + 1) == 0x80 && follows(2)) {
      general_punctuation(octet(at_ + 2));
    } else if (lead == 0xEF && octet(at_ + 1) == 0xBC && octet(at_ + 2) >= 0x88 && octet(at_ + 2) <= 0x89) {
      put(octet(at_ + 2) == 0x88 ? '(' : ')', at_);  // U+FF08, U+FF09
      at_ += 3;
    } else if ((lead & 0xF0) == 0xE0 && follows(1) && follows(2)) {
      copy(3);
    } else {
      copy(1);
    }
  }
  void two(unsigned c) {
    if (c >= 0xC0 && c < 0x180 && latin[c - 0xC0] != '*') {
      put(latin[c - 0xC0], at_);
      at_ += 2;
    } else if (c == 0xA0) {
      space();
      at_ += 2;
    } else if (c == 0xB4 || c == 0xAB || c == 0xBB) {
      put(c == 0xB4 ? '\'' : '"', at_);
      at_ += 2;
    } else if (c >= 0x410 && c <= 0x42F) {
      pair(c + 0x20);
    } else if (c >= 0x400 && c <= 0x40F) {
      pair(c == 0x401 ? 0x435 : c + 0x50);
    } else if (c == 0x451) {
      pair(0x435);
    } else {
      copy(2);
    }
  }
  // U+2000 to U+203F: spaces, hyphens, quotation marks.
  void general_punctuation(unsigned last) {
    if (last <= 0x8A) {
      space();
    } else if (last >= 0x90 && last <= 0x95) {
      put('-', at_);
    } else if (last == 0x98 || last == 0x99 || last == 0xB9 || last == 0xBA) {
      put('\'', at_);
    } else if (last >= 0x9C && last <= 0x9F) {
      put('"', at_);
    } else {
      return copy(3);
    }
    at_ += 3;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  Folded out_;
};

}  // namespace

std::string_view Folded::original(std::string_view source, std::size_t from, std::size_t to) const {
  if (from >= to || to >= at.size()) return {};
  const std::size_t begin = at[from];
  // The end of the last octet, not the start of the next: what was left out between them is not part of it.
  std::size_t end = at[to];
  if (end <= begin || end > source.size()) return {};
  while (end > begin + 1 && source[end - 1] == ' ') --end;
  return source.substr(begin, end - begin);
}

Folded fold(std::string_view text) {
  return Folder(text).run();
}

}  // namespace postil::diagnose
