// Whether what a check found confirms what a refusal was taken to mean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/findings.hpp"
#include "knowledge/reasons.hpp"

namespace postil::diagnose {

enum class Confirmation : std::uint8_t {
  confirmed,  // the check meets the same trouble
  refuted,    // it meets none: the trouble is over, or it was another one
  untested,   // it could not tell
};
std::string_view to_string(Confirmation confirmation);

// Key of knowledge::live_checks() that looks at what is behind the reason; empty: none does.
std::string_view live_check_of(knowledge::Reason reason);

struct Confirmed {
  Confirmation verdict = Confirmation::untested;
  std::vector<std::string> by;  // names of the findings that decide
};

// check: a key of knowledge::live_checks(), which was run for the reason and found `findings`. A null MX is as it
// should be, and yet the reason why a domain takes no mail; an MX that is wrong otherwise is not.
Confirmed confirm(std::string_view check, knowledge::Reason reason, const std::vector<Finding>& findings);

}  // namespace postil::diagnose
