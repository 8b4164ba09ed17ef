// Limits for sites by rule: the administrator's, then those of known providers. A rule is about domains of recipients
// or about names of MX hosts; of all that match, the first that sets a limit decides it. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "queue/pace.hpp"

namespace postil::queue {

struct SiteRule {
  std::string name;                  // where it stands: "postil.toml:12", or the provider's name
  std::vector<std::string> domains;  // in small letters; "*.example.net" means all that is below, "*" everything
  std::vector<std::string> hosts;    // of MX hosts, likewise
  std::optional<std::uint32_t> connections, messages_per_connection;
  std::optional<double> messages_per_second;
};

// "*.example.net" matches what is below example.net, "*" everything, anything else itself.
bool matches_name(std::string_view pattern, std::string_view name);

struct SiteLimits {
  PaceLimits limits;
  std::string rule;  // the first rule that decided something; "" = defaults only
};
// domain: the recipients'; hosts: its MX hosts, empty where they are not known. Names in small letters.
SiteLimits limits_for(std::span<const SiteRule> rules, const PaceLimits& defaults, std::string_view domain,
                      std::span<const std::string> hosts);

}  // namespace postil::queue
