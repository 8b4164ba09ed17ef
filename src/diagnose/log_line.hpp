// Log lines of mail servers: Postfix, Exim, sendmail, OpenSMTPD, Exchange and Microsoft 365, Haraka, KumoMTA and other
// programs that write JSON; and any line that quotes a reply. A line stands for itself: what earlier lines told about
// the same message is not looked up. Pure; linear; made for many lines (no regular expressions).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnose/reading.hpp"

namespace postil::diagnose {

struct LogLine {
  bool known = false;  // it is a mail server's line
  std::string mta;
  // Empty when the line tells of no delivery: a connection, a queue's housekeeping.
  std::vector<Observed> recipients;
};

// line: without its end, in any charset; with or without what syslog, journald or a container put before it.
LogLine read_log_line(std::string_view line);

}  // namespace postil::diagnose
