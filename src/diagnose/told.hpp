// What a report tells its reader of a refusal: the same that `postil explain` says of the remote's reply.
#pragma once

#include <optional>

#include "dsn/report.hpp"

namespace postil::diagnose {

// Nothing where no other server decided (a null MX, say), or where its words and codes do not tell: the reason of the
// state tells more then. Pure; may be called from any thread.
std::optional<dsn::Told> told(const queue::RecipientState& state);

}  // namespace postil::diagnose
