// Which setting decided a refusal, for its receipt.
#pragma once

#include <string_view>

#include "reply/reply.hpp"

namespace postil::server {

// What decides when there is no descriptor left: no setting of the configuration, but the limit of the process.
inline constexpr std::string_view rule_descriptors = "RLIMIT_NOFILE";
// What an administrator said by this command.
inline constexpr std::string_view rule_by_hand = "postil suppress";

// The key of the configuration, "limits.recipients"; "aliases" for the table of them; "" where the protocol decides and
// no setting.
std::string_view rule_of(const reply::Reply& reply);

}  // namespace postil::server
