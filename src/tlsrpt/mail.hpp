// A TLS report as a mail [rfc8460 5.3], and the names that go with it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tlsrpt/report.hpp"

namespace postil::tlsrpt {

struct Letter {
  std::string from;             // the contact, local@domain
  std::vector<std::string> to;  // addresses, one or more
  std::string domain;           // that the report is about, A-labels
  Day day = 0;
  std::string report_id;  // left@right
  WallTime time;
  std::string organization;
  std::uint64_t random = 0;  // for the boundary
  std::string attachment;    // the JSON, gzipped
};

// The domain of the contact, which is the submitter. [rfc8460 5.3]
std::string submitter_of(const std::string& contact);
// "mail.sndr.example!example.net!1470013200!1470099599!001.json.gz" [rfc8460 5.1]
std::string file_name(const Letter& letter);

struct Written {
  std::string octets;  // lines end with CRLF
  std::uint32_t header_octets = 0;
};
Written write_mail(const Letter& letter);

}  // namespace postil::tlsrpt
