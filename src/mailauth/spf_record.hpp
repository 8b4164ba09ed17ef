// An SPF record as text and as what it says. [rfc7208 4.5, 4.6, 12]
//
// The parser goes on after an error, so that all errors of a record can be shown at once; evaluation takes a record
// with an error for "permerror" as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/ip.hpp"
#include "dns/answer.hpp"
#include "mailauth/spf_macro.hpp"
#include "mailauth/spf_problem.hpp"

namespace postil::mailauth {

enum class SpfMechanismKind : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };
std::string_view to_string(SpfMechanismKind kind);

struct SpfMechanism {
  SpfMechanismKind kind = SpfMechanismKind::all;
  char qualifier = '+';                  // + - ~ ?
  std::optional<SpfMacroString> target;  // nothing: the record's own domain
  address::Ip network;                   // of ip4 and ip6
  int prefix4 = 32;                      // of a, mx, ip4
  int prefix6 = 128;                     // of a, mx, ip6
  Span where;                            // with the qualifier
};

struct SpfModifier {
  std::string name;  // in lower case
  SpfMacroString value;
  Span where;
};

struct SpfRecord {
  std::string raw;
  std::vector<SpfMechanism> mechanisms;  // those that could be read, in their order
  std::optional<SpfModifier> redirect;
  std::optional<SpfModifier> exp;
  std::vector<SpfModifier> others;
  std::vector<SpfError> errors;  // by position; at most spf_findings_max
  std::vector<SpfRemarkAt> remarks;

  bool valid() const { return errors.empty(); }
  std::string_view text(Span where) const { return std::string_view(raw).substr(where.position, where.length); }
  // Whether "all" is among the mechanisms: then redirect does not count.
  bool has_all() const;
};

constexpr std::size_t spf_findings_max = 50;  // of errors, and of remarks

// The text begins with the version section "v=spf1", any case, and a space or nothing behind. [rfc7208 4.5]
bool is_spf_record(std::string_view text);
// Not a record, but it was meant as one: "v=spf10", a leading space or quotation mark, "spf2.0/..." and the like.
bool resembles_spf_record(std::string_view text);
// The records among the answer to a TXT question, in its order.
std::vector<std::string> spf_records(const dns::Answer& answer);

// text: of which is_spf_record is true. Never fails: errors are in the result.
SpfRecord parse_spf_record(std::string_view text);

}  // namespace postil::mailauth
