// MTA-STS: the TXT record that announces a policy, and the policy file. [rfc8461 3.1] [rfc8461 3.2]
//
// Both parsers give all faults with their place, so that `postil check` can tell an admin each of them; what counts for
// delivery is only whether there is a value.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "dns/answer.hpp"

namespace postil::transport {

enum class StsFaultKind : std::uint8_t {
  // of the record
  no_id,
  bad_id,  // not 1 to 32 letters and digits
  several_records,
  // of the policy file
  too_large,  // over sts_policy_octets_max
  no_version,
  bad_version,  // not "STSv1"
  no_mode,
  bad_mode,  // neither enforce, testing nor none
  no_max_age,
  bad_max_age,  // not 1 to 10 digits
  no_mx,
  bad_mx,  // no domain name, or a wildcard that is not the whole first label
  too_many_mx,
  // of both
  bad_field,  // no "name=value" or "name: value", or letters that may not be there
  // harmless ones
  duplicate,        // the first one counts
  unknown_field,    // passed over
  max_age_clipped,  // over a year: 31557600 counts
  max_age_short,    // under a day: hardly any protection
  bare_line,        // an empty line
};
std::string_view to_string(StsFaultKind kind);  // "bad_max_age"; stable

struct StsFault {
  StsFaultKind kind = StsFaultKind::bad_field;
  std::size_t line = 1;    // from 1; 1 for the record
  std::size_t column = 1;  // from 1, in octets
  std::string text;        // what stood there, printable, at most 80 octets
  bool fatal = true;       // the record or policy does not count
};

struct StsRecord {
  std::string id;
};
struct StsRecordParse {
  std::optional<StsRecord> record;
  bool present = false;  // some record begins with "v=STSv1": MTA-STS is meant
  std::vector<StsFault> faults;
};
// texts: all TXT records of _mta-sts.DOMAIN, each joined.
StsRecordParse parse_sts_records(std::span<const dns::Data> texts);

enum class StsMode : std::uint8_t { none, testing, enforce };
std::string_view to_string(StsMode mode);

struct StsPolicy {
  StsMode mode = StsMode::none;
  std::uint32_t max_age_seconds = 0;  // 0 to 31557600
  std::vector<std::string> mx;        // lower case; "*.example.net" or a name
  friend bool operator==(const StsPolicy&, const StsPolicy&) = default;
};
struct StsPolicyParse {
  std::optional<StsPolicy> policy;
  std::vector<StsFault> faults;  // at most 50
};
inline constexpr std::size_t sts_policy_octets_max = 64 * 1024;
inline constexpr std::size_t sts_mx_max = 500;
inline constexpr std::uint32_t sts_max_age_max_seconds = 31'557'600;
StsPolicyParse parse_sts_policy(std::string_view file);

// The policy as a file again, lines with CRLF.
std::string to_text(const StsPolicy& policy);

// Whether a host may take mail under this policy [rfc8461 4.1]. host: of the MX record, A-labels, any case.
bool sts_allows(const StsPolicy& policy, std::string_view host);
bool sts_pattern_matches(std::string_view pattern, std::string_view host);

// Where a domain's policy is.
std::string sts_record_name(std::string_view domain);  // "_mta-sts.example.com"
std::string sts_policy_host(std::string_view domain);  // "mta-sts.example.com"
inline constexpr std::string_view sts_policy_path = "/.well-known/mta-sts.txt";
// Whether a Content-Type is text/plain; its parameters do not matter [rfc8461 3.2].
bool sts_media_type(std::string_view content_type);

}  // namespace postil::transport
