// Comparisons of two codes that were written by hand (data/compare); their texts are compare.pair.235_556.verdict,
// .session, .delivery, .see_235, .see_556.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postil::knowledge {

struct ReviewedPair {
  std::string a;  // "235", "5.1.1": the one that is listed first
  std::string b;
  bool one_session = false;   // both can come in one session
  bool one_delivery = false;  // both can come while one message is delivered
  std::vector<std::string> transcript;

  std::string key() const;  // "compare.pair.235_556"
};

std::span<const ReviewedPair> reviewed_pairs();  // by a, then b
// In either order; null when nobody has written about the two.
const ReviewedPair* find_pair(std::string_view one, std::string_view other);

}  // namespace postil::knowledge
