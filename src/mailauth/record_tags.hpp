// The "name=value; name=value" text of DMARC, TLS-RPT and BIMI records, parted and not yet judged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mailauth/spf_problem.hpp"

namespace postil::mailauth {

struct RecordTag {
  std::string_view name;   // without white space around it, as written
  std::string_view value;  // likewise
  Span where;              // of both, in the record
  std::size_t value_position = 0;
  bool has_equals = false;
};

constexpr std::size_t record_tags_max = 100;  // more are left out

// Views into text. An empty part at the end (a last semicolon) is none; elsewhere it is a tag with an empty name.
std::vector<RecordTag> split_record_tags(std::string_view text);

// A URI that reports go to. [rfc3986]
struct ReportUri {
  std::string raw;      // as written, a size limit taken off
  std::string scheme;   // in lower case: "mailto", "https"
  std::string address;  // of mailto: the mailbox, percent-decoded
  std::string host;     // A-labels in lower case: the mailbox's domain, or the URI's host; "" = none
  Span where;
  bool size_limit = false;  // "!10m" stood behind it: obsolete, ignored
};

enum class UriProblem : std::uint8_t {
  none,
  empty,      // Nothing between two commas.
  no_scheme,  // No "mailto:" or the like in front.
  character,  // An octet that must be percent-encoded stands in it plainly.
  mailbox,    // mailto: without a mailbox that has a domain.
  host,       // https: without a host.
};

// As a problem of the record, whose enum has these names.
template <class Problem>
Problem uri_problem_of(UriProblem problem) {
  switch (problem) {
    case UriProblem::none:
    case UriProblem::empty:
      return Problem::uri_empty;
    case UriProblem::no_scheme:
      return Problem::uri_scheme;
    case UriProblem::character:
      return Problem::uri_character;
    case UriProblem::mailbox:
      return Problem::uri_mailbox;
    case UriProblem::host:
      return Problem::uri_host;
  }
  return Problem::uri_empty;
}

// Reads the URIs of a comma-separated list that stands at `position`; good ones go to out, bad ones to `bad`.
struct BadUri {
  UriProblem problem = UriProblem::none;
  Span where;
};
void parse_report_uris(std::string_view list, std::size_t position, std::vector<ReportUri>& out,
                       std::vector<BadUri>& bad);

constexpr std::size_t report_uris_max = 50;  // of a list; more are left out

}  // namespace postil::mailauth
