// Which of many literal strings occur in a text: the prefilter in front of the patterns. Linear for strings of bounded
// length and number.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

class Atoms {
 public:
  static constexpr std::size_t length_min = 3;

  // strings: each at least length_min octets.
  void build(std::vector<std::string> strings);
  // Their numbers, each once, in no order.
  void find(std::string_view text, std::vector<int>& out) const;

 private:
  static constexpr std::size_t buckets = 1 << 13;
  static std::size_t hash(std::string_view three);

  std::vector<std::string> strings_;
  std::bitset<buckets> used_;
  std::array<std::uint32_t, buckets + 1> begin_{};  // in members_
  std::vector<int> members_;
};

}  // namespace postil::diagnose
