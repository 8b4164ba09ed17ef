// Reading a header block that is in memory: for bounces and reports. Not a MIME parser (module mime is).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postil::message {

// The header of a message of which head is the beginning: up to, without, the empty line; all of head when it has none.
// CRLF and bare LF both end lines. "" when the first line is no field.
std::string_view header_block(std::string_view head);

// The value of the first field with that name (any case), unfolded, outer spaces trimmed; nothing when absent.
std::optional<std::string> field(std::string_view header, std::string_view name);

// How many fields have that name.
std::size_t count_fields(std::string_view header, std::string_view name);

}  // namespace postil::message
