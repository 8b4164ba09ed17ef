#include "policy/aliases.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::policy {

bool Aliases::own_host(std::string_view domain) const {
  if (domain.starts_with('[')) {
    const auto ip = address::literal_ip(domain);
    return ip && std::ranges::find(own_addresses, *ip) != own_addresses.end();
  }
  return iequals(domain, host_name) || iequals(domain, "localhost");
}

bool Aliases::is_postmaster(const address::Path& path) const {
  return iequals(path.local, "postmaster") && (path.domain.empty() || own_host(path.domain));
}

const std::vector<std::string>* Aliases::targets(const address::Path& path) const {
  const auto find = [&](const std::string& key) -> const std::vector<std::string>* {
    const auto found = table.find(key);
    return found == table.end() ? nullptr : &found->second;
  };
  // <Postmaster> has no domain. [rfc5321 4.5.1]
  if (path.domain.empty() || own_host(path.domain)) {
    if (const auto* own = find(to_lower(path.local))) return own;
  }
  return find(to_lower(path.address));
}

std::vector<std::string> Aliases::report_targets(const std::string& sender) const {
  POSTIL_ASSERT(!sender.empty());
  const auto path = address::parse_address(sender, true);
  if (!path) return {sender};
  if (const auto* found = targets(*path)) return *found;
  const auto postmaster = table.find("postmaster");
  if (own_host(path->domain) && postmaster != table.end()) return postmaster->second;
  return {sender};
}

}  // namespace postil::policy
