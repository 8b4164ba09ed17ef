// A refusal's text in the form that the rules are written for: lower case, ASCII letters where there is one for a
// letter with a mark, one space between words and one LF between sentences, each mail address an "@", and the codes of
// a reply's further lines ("550-5.7.1 ") left out, since servers cut their sentences at any word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

inline constexpr std::size_t folded_octets_max = 16 * 1024;  // the rest of a longer text is not looked at

struct Folded {
  std::string text;
  std::vector<std::uint32_t> at;  // where each octet comes from, and the end

  // The octets of the original text that [from, to) of the folded one came from.
  std::string_view original(std::string_view source, std::size_t from, std::size_t to) const;
};

// text: UTF-8; broken UTF-8 is taken over as it is. Linear.
Folded fold(std::string_view text);

}  // namespace postil::diagnose
