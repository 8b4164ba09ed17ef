// Whether a failure says that there is no such mailbox, by the rules that "postil explain" uses too.
#pragma once

#include "queue/envelope.hpp"

namespace postil::app {

bool mailbox_gone(const queue::RecipientState& state);

}  // namespace postil::app
