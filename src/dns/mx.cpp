#include "dns/mx.hpp"

#include <algorithm>
#include <unordered_set>

namespace postil::dns {

std::string_view to_string(MxSet::Kind kind) {
  switch (kind) {
    case MxSet::Kind::hosts:
      return "hosts";
    case MxSet::Kind::null_mx:
      return "null_mx";
    case MxSet::Kind::only_stray_null:
      return "only_stray_null";
    case MxSet::Kind::implicit:
      return "implicit";
    case MxSet::Kind::no_domain:
      return "no_domain";
    case MxSet::Kind::temporary:
      return "temporary";
  }
  return "?";
}

MxSet classify_mx(const Answer& mx) {
  MxSet set;
  set.name = mx.canonical_name;
  if (mx.status == Status::no_domain) {
    set.kind = MxSet::Kind::no_domain;
    return set;
  }
  if (!mx.definite()) return set;  // temporary
  std::size_t nulls = 0;
  bool null_at_zero = true;
  for (const auto& data : mx.records) {
    const auto* record = std::get_if<Mx>(&data);
    if (record == nullptr) continue;
    if (record->exchange.empty()) {
      ++nulls;
      null_at_zero = null_at_zero && record->preference == 0;
    } else {
      set.hosts.push_back(*record);
    }
  }
  std::stable_sort(set.hosts.begin(), set.hosts.end(),
                   [](const Mx& a, const Mx& b) { return a.preference < b.preference; });
  // The same host twice: the better preference stays.
  std::unordered_set<std::string> seen;  // there may be thousands
  std::vector<Mx> once;
  for (auto& host : set.hosts) {
    if (seen.insert(host.exchange).second) once.push_back(std::move(host));
  }
  set.hosts = std::move(once);
  if (nulls == 1 && null_at_zero && set.hosts.empty()) {
    set.kind = MxSet::Kind::null_mx;
    return set;
  }
  set.stray_null = nulls > 0;
  set.kind = !set.hosts.empty() ? MxSet::Kind::hosts : nulls > 0 ? MxSet::Kind::only_stray_null : MxSet::Kind::implicit;
  return set;
}

}  // namespace postil::dns
