// Reads a bounce: any mail that tells its sender that a message was not delivered (or is delayed, or was). The report
// of RFC 3464 counts first; its human part, or the text of programs that know no such report, fills in what is missing.
// The formats are told apart by their structure, not by names of programs (bounce_text.hpp). Pure; linear.
#pragma once

#include <string_view>

#include "diagnose/reading.hpp"
#include "mime/message.hpp"

namespace postil::diagnose {

// mail: a whole mail in any line ends, or its beginning. recipients is empty when it tells of none.
Reading read_bounce(std::string_view mail);
// The text of a bounce without its header, as it is pasted into a form; any charset, any line ends.
Reading read_bounce_text(std::string_view text);

}  // namespace postil::diagnose
