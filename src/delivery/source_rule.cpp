#include "delivery/source_rule.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "queue/site_rules.hpp"

namespace postil::delivery {
namespace {

bool sender_matches(std::string_view pattern, std::string_view sender) {
  if (pattern == "<>") return sender.empty();
  if (pattern.find('@') != std::string_view::npos) return iequals(pattern, sender);
  const auto at = sender.rfind('@');
  return at != std::string_view::npos && queue::matches_name(pattern, to_lower(sender.substr(at + 1)));
}

}  // namespace

const SourceRule* source_for(std::span<const SourceRule> rules, std::string_view sender, std::string_view login,
                             std::string_view domain) {
  for (const SourceRule& rule : rules) {
    const auto from = [&](const std::string& pattern) { return sender_matches(pattern, sender); };
    const auto to = [&](const std::string& pattern) { return queue::matches_name(pattern, domain); };
    if (!rule.from.empty() && std::ranges::none_of(rule.from, from)) continue;
    if (!rule.to.empty() && std::ranges::none_of(rule.to, to)) continue;
    if (!rule.accounts.empty() && std::ranges::find(rule.accounts, login) == rule.accounts.end()) continue;
    return &rule;
  }
  return nullptr;
}

}  // namespace postil::delivery
