#include "policy/domain.hpp"

namespace postil::policy {

std::optional<DomainFinding> judge_mx(const dns::MxSet& mx) {
  switch (mx.kind) {
    case dns::MxSet::Kind::null_mx:
      return DomainFinding::null_mx;
    case dns::MxSet::Kind::no_domain:
      return DomainFinding::not_found;
    case dns::MxSet::Kind::implicit:
      return std::nullopt;
    case dns::MxSet::Kind::hosts:
    case dns::MxSet::Kind::only_stray_null:  // wrongly said, and told as such when the message is returned
    case dns::MxSet::Kind::temporary:
      break;
  }
  return DomainFinding::good;
}

DomainFinding judge_addresses(const dns::Answer& a, const dns::Answer& aaaa) {
  const bool none = a.definite() && aaaa.definite() && a.records.empty() && aaaa.records.empty();
  return none ? DomainFinding::no_host : DomainFinding::good;
}

}  // namespace postil::policy
