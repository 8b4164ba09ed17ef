// The record of SMTP TLS reporting at "_smtp._tls." + domain. [rfc8460 3]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"
#include "mailauth/record_tags.hpp"

namespace postil::mailauth {

enum class TlsRptProblem : std::uint8_t {
  field_form,     // A part that is not "name=value", with a name of letters, digits, "_", "-", "."; or a bad octet.
  rua_missing,    // No "rua": the record asks for nothing.
  repeated_rua,   // "rua" once more; the first one counts.
  uri_empty,      // Nothing between two commas.
  uri_scheme,     // A report address that is neither "mailto:" nor "https:".
  uri_character,  // An octet that must be percent-encoded, such as a comma or "!".
  uri_mailbox,    // "mailto:" without a mailbox and its domain.
  uri_host,       // "https:" without a host.
};
std::string_view to_string(TlsRptProblem problem);

struct TlsRptError {
  TlsRptProblem problem = TlsRptProblem::field_form;
  Span where;
  friend bool operator==(const TlsRptError&, const TlsRptError&) = default;
};

struct TlsRptRecord {
  std::string raw;
  std::vector<ReportUri> rua;
  std::vector<std::string> extensions;  // names of fields that are not known; ignored
  std::vector<TlsRptError> errors;      // by position

  // Reports can be sent.
  bool usable() const { return !rua.empty(); }
};

// It begins with "v=TLSRPTv1" and a semicolon, in that case; without is no record.
bool is_tls_rpt_record(std::string_view text);
// Not a record, but it was meant as one.
bool resembles_tls_rpt_record(std::string_view text);
// The records of the answer. More or less than one: the domain does not take reports.
std::vector<std::string> tls_rpt_records(const dns::Answer& answer);
// text: of which is_tls_rpt_record is true.
TlsRptRecord parse_tls_rpt_record(std::string_view text);

}  // namespace postil::mailauth
