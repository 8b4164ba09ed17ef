// Reads a TLS report as it comes: a mail [rfc8460 5.3], its attachment, or JSON. Pure; bounded, whatever is in it.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "tlsrpt/report.hpp"

namespace postil::tlsrpt {

inline constexpr std::size_t received_octets_max = 8 * 1024 * 1024;  // of a mail or a file

struct Received {
  Report report;
  // Of the mail's header, empty for a file. Nothing here is verified.
  std::string from, submitter;
  bool mail = false;
  bool signature_field = false;  // there is a DKIM signature; without one a report must be ignored [rfc8460 3]
};

enum class NotReceived : std::uint8_t {
  none,          // no TLS report, but whatever else
  damaged,       // gzip that does not unpack
  too_large,     // more than received_octets_max, or json_octets_max when unpacked
  not_json,      // what should be the report is no JSON
  not_a_report,  // JSON, and not of RFC 8460
};
std::string_view to_string(NotReceived why);  // "damaged"

// Whether this, the beginning of a file (some KiB), is to be read as a TLS report and nothing else.
bool looks_like_report(std::string_view beginning);
std::expected<Received, NotReceived> read(std::string_view octets);

}  // namespace postil::tlsrpt
