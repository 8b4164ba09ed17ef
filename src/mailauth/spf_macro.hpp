// SPF's macros: %{i}, %{d2r} and so on. [rfc7208 7]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/ip.hpp"
#include "mailauth/spf_problem.hpp"

namespace postil::mailauth {

struct SpfMacroPart {
  std::string literal;      // when letter is 0
  char letter = 0;          // in lower case: s l o d i p h c r t v
  bool url_escape = false;  // it was written in upper case
  int parts_max = 0;        // right-hand parts that are kept; 0 = all
  bool reverse = false;
  std::string delimiters;  // "" = "."
};

struct SpfMacroString {
  std::string raw;
  std::vector<SpfMacroPart> parts;
  // Whether it has one of these macro letters (lower case).
  bool uses(std::string_view letters) const;
};

enum class SpfMacroPlace : std::uint8_t {
  domain_spec,     // of a mechanism, of redirect and of exp: ends in a top-level label or a macro; no c, r, t
  modifier_value,  // of a modifier that is not known: any macro-string
  explain_string,  // what exp points to: spaces are allowed
};

constexpr std::size_t spf_expansion_octets_max = 16 * 1024;

// Reads text, which stands at `position` of the record. What is wrong is added to errors; the result is then of no use.
SpfMacroString parse_spf_macros(std::string_view text, SpfMacroPlace place, std::size_t position,
                                std::vector<SpfError>& errors);

struct SpfMacroValues {
  std::string sender_local;                // l
  std::string sender_domain;               // o
  std::string domain;                      // d: the one whose record is looked at
  address::Ip client;                      // i, c, v
  std::string validated_name = "unknown";  // p
  std::string helo;                        // h
  std::string receiver = "unknown";        // r
  std::int64_t unix_seconds = 0;           // t
};

// Nothing when the result would have more than spf_expansion_octets_max octets.
std::optional<std::string> expand(const SpfMacroString& text, const SpfMacroValues& values);

// What is asked when a macro string names a domain: whole labels cut off from the left until 253 octets are left
// [rfc7208 7.3].
std::string_view fitted_name(std::string_view expanded);

}  // namespace postil::mailauth
