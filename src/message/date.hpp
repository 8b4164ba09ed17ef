// Dates of mail [rfc5322 3.3].
#pragma once

#include <string>

#include "base/time.hpp"

namespace postil::message {

// "Sun, 22 Nov 2026 06:20:32 +0000". zone_minutes: minutes east of UTC, -1439 to 1439.
// Times before the year 1900 or after 9999 are shown as the nearest of these.
std::string rfc5322_date(WallTime time, int zone_minutes = 0);
// "2026-11-22T06:20:32Z" [rfc3339], for logs and JSON.
std::string rfc3339_date(WallTime time);

}  // namespace postil::message
