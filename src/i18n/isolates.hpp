// Codes, addresses and commands inside a sentence that is read from right to left: without marks "550 5.1.1" is shown
// as "5.1.1 550". A browser gets elements for that, a terminal the isolates of Unicode (UAX #9).
#pragma once

#include <string>
#include <string_view>

namespace postil::i18n {

bool is_right_to_left(std::string_view language);

// The line (UTF-8, without its end) with FSI before and PDI behind each run of ASCII words, when it has letters that
// are read from right to left; otherwise as it is. A run ends at two spaces, since they part columns; full stops and
// unpaired brackets at its ends are the sentence's. Numbers alone need no mark. Isolates take no cell. Pure.
std::string with_isolates(std::string_view line);

}  // namespace postil::i18n
