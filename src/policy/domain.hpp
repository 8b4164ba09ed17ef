// What DNS says of a domain before mail for it is taken: does it exist, does it take mail? Pure: answers in, a finding
// out. Without a definite answer the finding is `good`: the message is taken, and the queue finds out.
#pragma once

#include <cstdint>
#include <optional>

#include "dns/mx.hpp"

namespace postil::policy {

enum class DomainFinding : std::uint8_t {
  good,       // it may take mail, or DNS gave no answer
  null_mx,    // one MX record, preference 0, "." [rfc7505 3]
  not_found,  // NXDOMAIN
  no_host,    // it exists, with neither MX nor address records [rfc5321 5.1]
};

// Nothing: the domain has no MX, and the addresses of mx.name decide.
std::optional<DomainFinding> judge_mx(const dns::MxSet& mx);
// The answers to A and AAAA of a domain without MX.
DomainFinding judge_addresses(const dns::Answer& a, const dns::Answer& aaaa);

}  // namespace postil::policy
