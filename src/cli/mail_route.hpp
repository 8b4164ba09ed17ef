// Where a domain's mail goes, asked from DNS for the command line.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "dns/mx.hpp"

namespace postil::cli {

struct MailHost {
  std::string name;  // an address literal's without brackets
  std::uint16_t preference = 0;
  std::vector<std::string> addresses;  // in the order of trying; empty: `trouble`
  std::string trouble;                 // English, for people
};

struct MailRoute {
  dns::MxSet::Kind kind = dns::MxSet::Kind::temporary;
  bool stray_null = false;      // a "." that is no null MX was skipped
  std::vector<MailHost> hosts;  // in the order of trying, with kind hosts and implicit
  std::string detail;           // English, with kind temporary
};

// domain: of an address, A-labels or UTF-8, or a literal with brackets. resolver: "192.0.2.1", "192.0.2.1@5353"; "" =
// those of /etc/resolv.conf, and where there is none, from the root. The error is a sentence about `resolver`. Blocks
// for `patience` at most.
std::expected<MailRoute, std::string> find_mail_route(const std::string& domain, const std::string& resolver,
                                                      Duration patience);

// The "nameserver" lines of /etc/resolv.conf, at most three; empty when there are none.
std::vector<std::string> system_resolvers();

}  // namespace postil::cli
