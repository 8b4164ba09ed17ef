// The admin's rules for senders and recipients, as pure functions: facts in, a refusal or nothing out. Who asks them
// has the facts: the login's addresses, and what DNS says of a domain (policy/domain.hpp).
//
//   MAIL   refuse_sender() -> if domain_of_sender() names one, ask DNS -> refuse_sender_domain()
//   RCPT   targets_of() -> for each target with a domain to ask for, ask DNS -> refuse_recipient_domain()
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/path.hpp"
#include "policy/aliases.hpp"
#include "policy/domain.hpp"
#include "reply/catalogue.hpp"

namespace postil::policy {

// Never changes; a reload makes new ones.
struct Rules {
  Aliases aliases;
  bool check_recipient_domains = true;  // 556 5.1.10 and 550 5.1.2 at RCPT
  bool check_sender_domain = true;      // 550 5.7.27
  // Whether mail for a domain (small letters) goes to a host that DNS does not name; empty: none does.
  std::function<bool(std::string_view domain)> routed = {};
  bool any_local_sender = true;  // programs on this host may use any sender
};

struct Login {
  std::string_view name;     // "" = nobody has logged in
  bool local = false;        // a program of this host; the name is its account's
  bool may_send_as = false;  // the sender is among the account's addresses
};

// What is wrong with the sender, before DNS is asked.
std::optional<reply::Reply> refuse_sender(const Rules& rules, const address::Path& sender, const Login& login);
// The sender's domain, when DNS is to be asked for it.
std::optional<std::string> domain_of_sender(const Rules& rules, const address::Path& sender);
std::optional<reply::Reply> refuse_sender_domain(const address::Path& sender, DomainFinding finding);

struct Target {
  std::string address;
  std::string domain;  // to ask DNS for; "" = none
};
// Where mail for the recipient goes: itself or an alias's targets, at least one; or why it goes nowhere.
std::expected<std::vector<Target>, reply::Reply> targets_of(const Rules& rules, const address::Path& recipient);
std::optional<reply::Reply> refuse_recipient_domain(const address::Path& recipient, const std::string& domain,
                                                    DomainFinding finding);

}  // namespace postil::policy
