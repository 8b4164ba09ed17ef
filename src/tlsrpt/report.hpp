// A TLS report [rfc8460 4]: what one organization tells of its TLS connections to the hosts of one domain in a day. As
// JSON, written and read. Pure.
//
//   transport::TlsReport (counts) ─► Ledger (days, what is to be sent) ─► Report ─► JSON ─► gzip ─► mail, HTTPS
//   mail, gzip or JSON of others ─► read() ─► Report ─► `postil explain`
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "transport/tls_report.hpp"

namespace postil::tlsrpt {

struct Failure {
  std::string result;  // "certificate-expired"; of others also what no RFC names
  std::string sending_ip, receiving_host, receiving_helo, receiving_ip;
  std::string reason;       // failure-reason-code
  std::string information;  // additional-information, a URI
  std::uint64_t sessions = 0;
  friend bool operator==(const Failure&, const Failure&) = default;
};

struct Policy {
  std::string type;  // "sts", "tlsa", "no-policy-found"
  std::vector<std::string> lines;
  std::string domain;
  std::vector<std::string> mx_patterns;
  std::uint64_t successful = 0, failed = 0;
  std::vector<Failure> failures;
  friend bool operator==(const Policy&, const Policy&) = default;
};

struct Report {
  std::string organization, contact, id;
  std::string begin, end;  // [rfc3339], of others as they wrote it
  std::vector<Policy> policies;
  bool truncated = false;  // when read: something was over a limit and left out
  friend bool operator==(const Report&, const Report&) = default;
};

// A day in UTC, counted from 1970-01-01.
using Day = std::int64_t;
Day day_of(WallTime time);
WallTime begin_of(Day day);
std::string begin_text(Day day);  // "2026-11-21T00:00:00Z"
std::string end_text(Day day);    // "2026-11-21T23:59:59Z"

// What was counted under the policies of a domain.
std::vector<Policy> policies_of(const std::string& domain, const std::vector<transport::TlsReport::Policy>& counted);

std::string to_json(const Report& report);

enum class Unreadable : std::uint8_t {
  not_json,
  not_a_report,  // JSON, without policies or a date range
};
// Of any sender: members may lack, numbers may be texts, lists may be single texts. Bounded; texts are made printable.
std::expected<Report, Unreadable> parse_report(std::string_view json);
inline constexpr std::size_t json_octets_max = 10 * 1024 * 1024;  // what receivers take, as RFC 8460 5.2 has seen

}  // namespace postil::tlsrpt
