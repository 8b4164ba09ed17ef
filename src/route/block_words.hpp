// Whether a refusal at the door is about us: our address, our reputation, somebody's list or policy. RFC 7504 wants 521
// only from hosts that take no mail at all, but block lists and policies use it more often than such hosts do.
#pragma once

#include <string_view>

namespace postil::route {

// text: of a reply, ASCII letters in any case. Host names in it are not read as words ("mx.policy.example does not
// accept mail" is no block), well-known lists are found also inside of names ("zen.spamhaus.org"). When in doubt it
// says true: the message then waits in place of being returned.
bool names_a_block(std::string_view text);

}  // namespace postil::route
