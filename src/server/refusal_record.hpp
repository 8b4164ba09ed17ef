// The receipt of a refusal, as it is written to the history and told as an event.
#pragma once

#include <string>

#include "server/services.hpp"

namespace postil::server {

void record_refusal(Services& services, const smtp::RefusalRecord& refusal, const std::string& peer, SessionId session);

}  // namespace postil::server
