// Lines as programs hand them on: a JSON array of strings, or a JSON string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

// ["550-5.1.1 no such", "550 5.1.1 user"], or "550 5.1.1 no such\r\nuser": what the strings hold. Empty for everything
// else, also where one of the elements is no string, and for what is longer than a mail may be. Pure; linear.
std::vector<std::string> read_strings(std::string_view text);

// Whether it begins as an array of strings does.
bool begins_strings(std::string_view text);

}  // namespace postil::diagnose
