// What a text must have for a pattern to match: so that most patterns need not be compiled or run at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

// Strings of which a text needs to have one.
using RequiredSet = std::vector<std::string>;

// pattern: a regular expression of RE2's syntax without (?i), (?P<, \Q, \x and octal escapes. Returns one row for each
// of its alternatives: sets, each of which each text that the alternative matches meets, by strings of at least
// length_min octets. No row at all where some alternative requires nothing.
std::vector<std::vector<RequiredSet>> required_strings(std::string_view pattern, std::size_t length_min);

}  // namespace postil::diagnose
