// Block lists: the one that a refusal names, and the entries by which a list shows that it works.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

// text: of a refusal. "zen.spamhaus.org", or "" when none is named. Looked for: a host name after "using", "by", "at"
// or "in", and any name below the domains of known lists.
std::string named_list(std::string_view text);

// The names of entries that a list must have, one of them at least, and of those that it must not [rfc5782 5].
struct ListTests {
  std::vector<std::string> listed, unlisted;
};
// v6: an IPv6 address is to be looked up; lists for both families have the entries of either.
ListTests list_tests(std::string_view zone, bool v6);

}  // namespace postil::diagnose
