#include "diagnose/required.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

using Set = RequiredSet;  // empty: nothing is required

// Short strings are in many texts.
std::size_t cost(const Set& set) {
  std::size_t out = 0;
  for (const auto& text : set) out += text.size() >= 8 ? 1 : 9 - text.size();
  return out;
}

class Parser {
 public:
  Parser(std::string_view pattern, std::size_t length_min) : pattern_(pattern), length_min_(length_min) {}

  // Branches up to the end or the closing parenthesis; of each all sets that it requires.
  std::vector<std::vector<Set>> branches() {
    std::vector<std::vector<Set>> out;
    while (true) {
      out.push_back(concatenation());
      if (peek() != '|') break;
      ++at_;
    }
    const bool open = std::ranges::any_of(out, [](const auto& sets) { return sets.empty(); });
    return open ? std::vector<std::vector<Set>>() : out;
  }

 private:
  enum class Repeat : std::uint8_t { once, optional, many };

  // Of a group: one set, of the rarest strings of each branch.
  Set alternation() {
    Set all;
    for (const auto& sets : branches()) {
      const auto& best = *std::ranges::min_element(sets, {}, cost);
      all.insert(all.end(), best.begin(), best.end());
    }
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    return all;
  }

  char peek(std::size_t ahead = 0) const { return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0'; }

  std::vector<Set> concatenation() {
    required_.emplace_back();
    std::string run;
    while (at_ < pattern_.size() && peek() != '|' && peek() != ')') {
      if (peek() == '(') {
        end_run(run);
        ++at_;
        if (peek() == '?' && peek(1) == ':') at_ += 2;
        Set inner = alternation();
        if (peek() == ')') ++at_;
        if (repeat() != Repeat::optional) offer(std::move(inner));
      } else if (peek() == '[') {
        skip_class();
        repeat();
        end_run(run);
      } else if (peek() == '.') {
        ++at_;
        repeat();
        end_run(run);
      } else if (peek() == '^' || peek() == '$') {
        ++at_;
      } else if (peek() == '\\' && (is_alnum(peek(1)))) {
        const char kind = peek(1);
        at_ += 2;
        if (kind == 'b' || kind == 'B') continue;
        repeat();
        end_run(run);
      } else {
        literal(run);
      }
    }
    end_run(run);
    auto out = std::move(required_.back());
    required_.pop_back();
    return out;
  }

  void literal(std::string& run) {
    if (peek() == '\\') ++at_;
    const char c = peek();
    ++at_;
    switch (repeat()) {
      case Repeat::once:
        run += c;
        break;
      case Repeat::optional:
        end_run(run);
        break;
      case Repeat::many:
        run += c;
        end_run(run);
        break;
    }
  }

  void skip_class() {
    ++at_;
    if (peek() == '^') ++at_;
    if (peek() == ']') ++at_;
    while (at_ < pattern_.size() && peek() != ']') at_ += peek() == '\\' ? 2 : 1;
    ++at_;
  }

  Repeat repeat() {
    Repeat out = Repeat::once;
    const char c = peek();
    if (c == '?' || c == '*') {
      out = Repeat::optional;
      ++at_;
    } else if (c == '+') {
      out = Repeat::many;
      ++at_;
    } else if (c == '{') {
      out = peek(1) == '0' ? Repeat::optional : Repeat::many;
      while (at_ < pattern_.size() && peek() != '}') ++at_;
      ++at_;
    }
    if (out != Repeat::once && peek() == '?') ++at_;  // the shortest match
    return out;
  }

  void end_run(std::string& run) {
    if (run.size() >= length_min_) offer({run});
    run.clear();
  }
  void offer(Set set) {
    if (!set.empty()) required_.back().push_back(std::move(set));
  }

  std::string_view pattern_;
  std::size_t length_min_;
  std::size_t at_ = 0;
  std::vector<std::vector<Set>> required_;  // by depth
};

}  // namespace

std::vector<std::vector<RequiredSet>> required_strings(std::string_view pattern, std::size_t length_min) {
  return Parser(pattern, length_min).branches();
}

}  // namespace postil::diagnose
