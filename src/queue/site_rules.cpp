#include "queue/site_rules.hpp"

#include <algorithm>

namespace postil::queue {

bool matches_name(std::string_view pattern, std::string_view name) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return pattern == name;
  const std::string_view end = pattern.substr(1);
  return name.size() > end.size() && name.ends_with(end);
}

SiteLimits limits_for(std::span<const SiteRule> rules, const PaceLimits& defaults, std::string_view domain,
                      std::span<const std::string> hosts) {
  SiteLimits out{defaults, {}};
  bool connections = false, messages = false, rate = false;
  const auto about = [&](const SiteRule& rule) {
    const auto is = [](std::string_view name) {
      return [name](const std::string& pattern) { return matches_name(pattern, name); };
    };
    return std::ranges::any_of(rule.domains, is(domain)) || std::ranges::any_of(hosts, [&](const std::string& host) {
             return std::ranges::any_of(rule.hosts, is(host));
           });
  };
  const auto take = [&](const auto& given, auto& limit, bool& done, const SiteRule& rule) {
    if (done || !given) return;
    limit = *given;
    done = true;
    if (out.rule.empty()) out.rule = rule.name;
  };
  for (const SiteRule& rule : rules) {
    if (!about(rule)) continue;
    take(rule.connections, out.limits.connections, connections, rule);
    take(rule.messages_per_connection, out.limits.messages_per_connection, messages, rule);
    take(rule.messages_per_second, out.limits.messages_per_second, rate, rule);
  }
  return out;
}

}  // namespace postil::queue
