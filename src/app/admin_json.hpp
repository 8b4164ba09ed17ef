// What the parts of the control API share: reading a request, writing times.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "control/api.hpp"

namespace postil::app {

// "2026-11-22T10:02:11Z"; null for none.
control::json::value time_json(WallTime at);
// "" where the key is missing or has no string.
std::string string_of(const control::json::object& object, std::string_view key);
// Nothing where the key is missing or has no whole number.
std::optional<std::int64_t> number_of(const control::json::object& object, std::string_view key);

}  // namespace postil::app
