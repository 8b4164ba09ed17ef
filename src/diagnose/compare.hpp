// What tells two or three codes apart, and whether they can come together.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/explain.hpp"
#include "i18n/translator.hpp"
#include "knowledge/pairs.hpp"

namespace postil::diagnose {

enum class Verdict : std::uint8_t { no, yes };

// A whole sentence: its key, and the codes in it as literals.
struct Sentence {
  std::string text;  // key
  i18n::Args args;
};

struct PairFinding {
  std::string a;  // the codes as they were given
  std::string b;
  std::string relation;  // stable: "same", "reviewed", or how the two are related, "belongs" (relation.hpp)
  Sentence verdict;
  Verdict one_session = Verdict::yes;
  Sentence session;
  Verdict one_delivery = Verdict::yes;
  Sentence delivery;
  std::vector<std::string> transcript;               // literals; may be empty
  bool reviewed = false;                             // texts written for this very pair
  const knowledge::ReviewedPair* written = nullptr;  // of a reviewed pair
};

struct Comparison {
  std::vector<Answer> sides;       // in the order given
  std::vector<PairFinding> pairs;  // each with each
  // "If you see A": one for each side.
  std::vector<Sentence> if_you_see;
};

struct NotComparable {
  std::size_t which = 0;  // index of the input
  NotUnderstood why = NotUnderstood::not_a_reply;
};

inline constexpr std::size_t compared_max = 3;

// inputs: two or three codes, basic or enhanced or pairs; replies are taken for their codes.
std::expected<Comparison, NotComparable> compare(const std::vector<std::string>& inputs);

}  // namespace postil::diagnose
