// Dates of mail [rfc5322 3.3].
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace postil::message {

// "Sun, 22 Nov 2026 06:20:32 +0000". zone_minutes: minutes east of UTC, -1439 to 1439.
// Times before the year 1900 or after 9999 are shown as the nearest of these.
std::string rfc5322_date(WallTime time, int zone_minutes = 0);
// "2026-11-22T06:20:32Z" [rfc3339], for logs and JSON.
std::string rfc3339_date(WallTime time);
// That, read: UTC only ("Z"), a fraction of a second allowed; nothing when it is no such date from 1970 to 9999.
std::optional<WallTime> parse_rfc3339_utc(std::string_view text);

}  // namespace postil::message
