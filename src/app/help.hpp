// What HELP CODE answers in a session: the explanation in short ASCII English lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::app {

// Empty when nothing is known of the topic. Lines of at most 400 octets.
std::vector<std::string> help_lines(std::string_view topic);

}  // namespace postil::app
