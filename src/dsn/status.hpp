// The part of a report that programs read: message/delivery-status [rfc3464 2] or message/global-delivery-status
// [rfc6533 4.1]; always in English.
#pragma once

#include <string>

#include "dsn/report.hpp"

namespace postil::dsn {

// Fields with CRLF, groups with empty lines between them. utf8: as it is for the global form; otherwise ASCII,
// with addresses in utf-8-addr-xtext.
std::string delivery_status(const Report& report, bool utf8);

}  // namespace postil::dsn
