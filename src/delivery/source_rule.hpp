// From which address of this host, and under which name, a message leaves: the first rule whose conditions all hold.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postil::delivery {

struct SourceRule {
  std::vector<std::string> from;      // domains (as queue::matches_name) or addresses of senders; "<>": none
  std::vector<std::string> to;        // domains of recipients
  std::vector<std::string> accounts;  // logins
  std::string ipv4, ipv6;             // to bind; "" = as for other mail
  std::string host_name;              // for EHLO; likewise
  bool operator==(const SourceRule&) const = default;
};

// sender: the reverse path, "" for the null one; login: "" for none; domain: the recipients', in small letters. Null:
// no rule holds.
const SourceRule* source_for(std::span<const SourceRule> rules, std::string_view sender, std::string_view login,
                             std::string_view domain);

}  // namespace postil::delivery
