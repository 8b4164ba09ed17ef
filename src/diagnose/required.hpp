// What a text must have for a pattern to match: so that most patterns need not be compiled or run at all.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

// pattern: a regular expression of RE2's syntax without (?i), (?P<, \Q, \x and octal escapes. Returns strings of at
// least length_min octets, one of which is in each text that the pattern matches; none when there is no such set.
std::vector<std::string> required_strings(std::string_view pattern, std::size_t length_min);

}  // namespace postil::diagnose
