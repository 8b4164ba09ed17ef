// Events and traces of what happened to recipients.
#pragma once

#include <string>

#include "delivery/services.hpp"
#include "queue/engine.hpp"

namespace postil::delivery {

// One event per changed recipient, and one when the message has ended; each also into the message's trace.
void tell_pace(Services& services, const queue::PaceChanged& changed);
void tell_results(Services& services, const queue::Persist& persist);
std::string admin_word(queue::Admin::Action action);  // "retry", "hold", ...
// An event about a message: emitted, and kept for `postil trace`.
void tell(Services& services, MessageId id, event::Event told);

}  // namespace postil::delivery
