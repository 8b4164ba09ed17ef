// Why a recipient waits, or how it ended: each requeue and each end has one. Declared once, here (reason.def).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postil::queue {

enum class Reason : std::uint8_t {
#define REASON(identifier, text) identifier,
#include "queue/reason.def"
#undef REASON
};

std::string_view to_string(
    Reason reason);  // "host_deferred"; stable, in JSON, metrics and data/text keys "queue.reason.<id>"
std::string_view describe(Reason reason);  // "no host of the domain has an address"; English, for logs and reports
std::optional<Reason> parse_reason(std::string_view text);

}  // namespace postil::queue
