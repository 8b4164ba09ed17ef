// What a check looks at, and how it looks where nothing else is said.
#include <unistd.h>

#include <algorithm>

#include "address/domain.hpp"
#include "address/ip.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "cli/check.hpp"

namespace postil::cli {

std::optional<diagnose::Subject> check_subject(const std::string& given, bool host) {
  diagnose::Subject out;
  out.text = printable(given, 320);
  // As mail writes an address, too: "[IPv6:2001:db8::1]", of which the command line may have taken the brackets.
  constexpr std::string_view tag = "ipv6:";
  const auto literal = address::literal_ip(given);
  const bool tagged = iequals(std::string_view(given).substr(0, tag.size()), tag);
  if (const auto ip = literal ? literal : address::canonical_ip(given.substr(tagged ? tag.size() : 0))) {
    out.kind = diagnose::SubjectKind::ip;
    out.ip = *ip;
    return out;
  }
  std::string name = given;
  if (given.find('@') != std::string::npos) {
    const auto path = address::parse_address(given, true);
    if (!path || path->literal) return std::nullopt;
    out.kind = diagnose::SubjectKind::address;
    out.mailbox = path->address;
    name = path->domain;
  } else if (host) {
    out.kind = diagnose::SubjectKind::host;
  }
  while (name.ends_with('.')) name.pop_back();
  const auto ascii = address::to_ascii(name);
  if (!ascii || !address::valid_domain(*ascii)) return std::nullopt;
  // No top-level domain is a number: it is an address that is written wrongly.
  const auto last = ascii->substr(ascii->rfind('.') + 1);
  if (std::ranges::all_of(last, is_digit)) return std::nullopt;
  out.domain = *ascii;
  return out;
}

check::Options usual_check() {
  check::Options out;
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  out.request.lists = {"zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org", "psbl.surriel.com"};
  out.own_name = to_lower(name);
  if (!address::valid_domain(out.own_name)) out.own_name = "localhost";
  return out;
}

}  // namespace postil::cli
