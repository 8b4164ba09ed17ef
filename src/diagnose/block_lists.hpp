// The block list that a refusal names.
#pragma once

#include <string>
#include <string_view>

namespace postil::diagnose {

// text: of a refusal. "zen.spamhaus.org", or "" when none is named. Looked for: a host name after "using", "by", "at"
// or "in", and any name below the domains of known lists.
std::string named_list(std::string_view text);

}  // namespace postil::diagnose
