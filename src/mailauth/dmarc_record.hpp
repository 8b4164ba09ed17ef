// A DMARC policy record as text and as what it says. [rfc9989 4.7, 4.8]
//
// Written after draft-ietf-dmarc-dmarcbis-41, the last draft, of which RFC 9989 was made; the sections' numbers are the
// draft's. A record with errors is still one: what cannot be read counts as absent, and all errors are kept for
// showing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"
#include "mailauth/record_tags.hpp"

namespace postil::mailauth {

enum class DmarcPolicy : std::uint8_t { none, quarantine, reject };
enum class DmarcAlignment : std::uint8_t { relaxed, strict };
enum class DmarcPsd : std::uint8_t { unknown, yes, no };  // "u", "y", "n"
std::string_view to_string(DmarcPolicy policy);           // "quarantine"

enum class DmarcProblem : std::uint8_t {
  tag_without_equals,  // A part without "=".
  tag_name,            // No name in front of "=", or not only letters.
  tag_value_empty,     // A known tag with nothing behind "=".
  tag_character,       // An octet that no record may hold: control characters, non-ASCII.
  repeated_tag,        // A tag once more; the first one counts.
  policy_value,        // "p", "sp" or "np" is none of none, quarantine, reject.
  alignment_value,     // "adkim" or "aspf" is neither "r" nor "s".
  psd_value,           // "psd" is none of y, n, u.
  test_value,          // "t" is neither y nor n.
  failure_options,     // "fo" is not of 0, 1, d, s, or has both 0 and 1.
  uri_empty,           // Nothing between two commas of "rua" or "ruf".
  uri_scheme,          // A report address without "mailto:" or another scheme.
  uri_character,       // An octet that must be percent-encoded, such as a comma or "!".
  uri_mailbox,         // "mailto:" without a mailbox and its domain.
  uri_host,            // "https:" without a host.
};
std::string_view to_string(DmarcProblem problem);

struct DmarcError {
  DmarcProblem problem = DmarcProblem::tag_name;
  Span where;
  friend bool operator==(const DmarcError&, const DmarcError&) = default;
};

enum class DmarcRemark : std::uint8_t {
  removed_tag,      // "pct", "rf" or "ri": of RFC 7489, without effect now [rfc9989 9.3, A.6]
  unknown_tag,      // Ignored.
  uri_size_limit,   // "!10m" behind an address: obsolete, ignored.
  policy_missing,   // No "p": the record counts as one with "p=none".
  no_reports,       // No "rua": nobody is told what receivers see.
  monitoring_only,  // "p=none": failing mail is delivered as if there were no record.
  testing,          // "t=y": receivers apply one step less than the policy says.
  fo_without_ruf,   // "fo" counts only beside "ruf".
  version_spacing,  // White space or a letter case in "v=DMARC1" that some receivers do not take.
  p_not_second,     // "p" does not stand right behind "v", as RFC 7489 wanted it.
};
std::string_view to_string(DmarcRemark remark);

struct DmarcRemarkAt {
  DmarcRemark remark = DmarcRemark::unknown_tag;
  Span where;
  friend bool operator==(const DmarcRemarkAt&, const DmarcRemarkAt&) = default;
};

struct DmarcRecord {
  std::string raw;
  std::optional<DmarcPolicy> p;
  std::optional<DmarcPolicy> sp;
  std::optional<DmarcPolicy> np;
  DmarcAlignment adkim = DmarcAlignment::relaxed;
  DmarcAlignment aspf = DmarcAlignment::relaxed;
  DmarcPsd psd = DmarcPsd::unknown;
  bool testing = false;            // t=y
  std::vector<ReportUri> rua;      // aggregate reports
  std::vector<ReportUri> ruf;      // failure reports
  std::string failure_options;     // of "0", "1", "d", "s"; "0" by default
  bool policy_unreadable = false;  // p, sp or np stands there with a value that is none
  std::vector<DmarcError> errors;  // by position; at most dmarc_findings_max
  std::vector<DmarcRemarkAt> remarks;

  std::string_view text(Span where) const { return std::string_view(raw).substr(where.position, where.length); }
  // The record is to be treated as one with "p=none": its policies cannot be read, but it wants reports. Otherwise,
  // when they cannot be read, it is as if there were no record. [rfc9989 4.10.1]
  bool usable() const { return !policy_unreadable || !rua.empty(); }
  // Of the domain itself, of an existing domain below, of one that does not exist; before "t" counts.
  DmarcPolicy policy() const;
  DmarcPolicy policy_below(bool exists) const;
};

constexpr std::size_t dmarc_findings_max = 50;

// The policy that is to be applied in test mode: one step less. [rfc9989 4.7 t]
DmarcPolicy one_step_less(DmarcPolicy policy);

// Its first tag is "v" with the value "DMARC1", case as it stands here.
bool is_dmarc_record(std::string_view text);
// Not a record, but it was meant as one: another case, "v=DMARC1" not first, quotation marks and the like.
bool resembles_dmarc_record(std::string_view text);
std::vector<std::string> dmarc_records(const dns::Answer& answer);

// text: of which is_dmarc_record is true.
DmarcRecord parse_dmarc_record(std::string_view text);

}  // namespace postil::mailauth
