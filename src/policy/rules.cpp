#include "policy/rules.hpp"

#include "address/domain.hpp"
#include "base/bytes.hpp"

namespace postil::policy {
namespace {

bool routed(const Rules& rules, const address::Path& path) {
  if (!rules.routed || path.literal) return false;
  const auto ascii = address::to_ascii(path.domain);
  return ascii && rules.routed(to_lower(*ascii));
}

}  // namespace

using reply::TextId;

std::optional<reply::Reply> refuse_sender(const Rules& rules, const address::Path& sender, const Login& login) {
  if (sender.null()) return std::nullopt;
  if (!login.name.empty() && !login.may_send_as) {
    const bool own = login.local && sender.address == std::string(login.name) + "@" + rules.aliases.host_name;
    if (!own && !(login.local && rules.any_local_sender)) {
      return reply::make(TextId::mail_sender_not_yours,
                         {{"sender", sender.address}, {"user", std::string(login.name)}});
    }
  }
  if (!sender.literal && !address::qualified(sender.domain) && !rules.aliases.own_host(sender.domain)) {
    return reply::make(TextId::mail_sender_not_qualified, {{"sender", sender.address}});
  }
  return std::nullopt;
}

std::optional<std::string> domain_of_sender(const Rules& rules, const address::Path& sender) {
  if (!rules.check_sender_domain || sender.null() || sender.literal) return std::nullopt;
  if (rules.aliases.own_host(sender.domain)) return std::nullopt;
  return sender.domain;
}

// Other findings say nothing against a sender: mail is answered to many that send from a subdomain without records.
std::optional<reply::Reply> refuse_sender_domain(const address::Path& sender, DomainFinding finding) {
  if (finding != DomainFinding::null_mx) return std::nullopt;
  return reply::make(TextId::mail_sender_null_mx, {{"sender", sender.address}});
}

std::expected<std::vector<Target>, reply::Reply> targets_of(const Rules& rules, const address::Path& recipient) {
  const auto refused = [&](TextId text) {
    return std::unexpected(reply::make(text, {{"recipient", recipient.address}}));
  };
  std::vector<std::string> addresses = {recipient.address};
  if (const auto* alias = rules.aliases.targets(recipient)) {
    addresses = *alias;
  } else if (recipient.domain.empty() || (rules.aliases.own_host(recipient.domain) && !routed(rules, recipient))) {
    return refused(TextId::rcpt_not_here);
  }
  std::vector<Target> targets;
  for (auto& address : addresses) {
    const auto path = address::parse_address(address, true);
    if (!path) return refused(TextId::rcpt_local_trouble);
    if (!path->literal && !address::qualified(path->domain)) return refused(TextId::rcpt_not_qualified);
    const bool ask = rules.check_recipient_domains && !path->literal && !routed(rules, *path);
    targets.push_back({std::move(address), ask ? path->domain : std::string()});
  }
  return targets;
}

std::optional<reply::Reply> refuse_recipient_domain(const address::Path& recipient, const std::string& domain,
                                                    DomainFinding finding) {
  switch (finding) {
    case DomainFinding::good:
      return std::nullopt;
    case DomainFinding::null_mx:
      return reply::make(TextId::rcpt_null_mx, {{"recipient", recipient.address}, {"domain", domain}});
    case DomainFinding::not_found:
      return reply::make(TextId::rcpt_domain_unknown, {{"recipient", recipient.address}, {"domain", domain}});
    case DomainFinding::no_host:
      return reply::make(TextId::rcpt_domain_no_host, {{"recipient", recipient.address}, {"domain", domain}});
  }
  return std::nullopt;
}

}  // namespace postil::policy
