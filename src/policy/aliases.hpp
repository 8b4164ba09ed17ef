// Which mail is our own, and where it goes: the host's own names and the table of aliases. Pure.
//
// There are no mailboxes: mail for the own host is for an alias, or it is refused. The server asks at RCPT; delivery
// asks for the reports that it writes, which nobody could refuse.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "address/path.hpp"

namespace postil::policy {

struct Aliases {
  std::string host_name;
  // Lower-case address, or a bare name ("postmaster"), which stands for the own host -> addresses.
  std::unordered_map<std::string, std::vector<std::string>> table;
  // Canonical addresses (address/ip.hpp) at which mail would come back to this server: [192.0.2.1] is the own host.
  std::vector<std::string> own_addresses = {};

  // The host's name or "localhost", in any case, or an own address as a literal.
  bool own_host(std::string_view domain) const;
  // Of the own host: its mail is taken whatever DNS says of where it goes. [rfc5321 4.5.1]
  bool is_postmaster(const address::Path& path) const;
  // Null when the path is no alias. Targets are not looked up again.
  const std::vector<std::string>* targets(const address::Path& path) const;
  // Where a report to this sender goes, at least one address: the alias's targets; the postmaster's for a name of the
  // own host that is none, since such mail could only come back to us; else the sender itself. sender: not "".
  std::vector<std::string> report_targets(const std::string& sender) const;
};

}  // namespace postil::policy
