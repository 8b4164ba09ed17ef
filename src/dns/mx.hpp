// What a domain's MX records say about where its mail goes.
#pragma once

#include <string>
#include <vector>

#include "dns/answer.hpp"

namespace postil::dns {

struct MxSet {
  enum class Kind : std::uint8_t {
    hosts,            // `hosts` holds at least one
    null_mx,          // takes no mail: one MX, preference 0, "." [rfc7505 3]
    only_stray_null,  // nothing but "." records that are no null MX: nowhere to go, and wrongly said
    implicit,         // no MX: the address records of the name itself are to be tried [rfc5321 5.1]
    no_domain,        // the name does not exist
    temporary,        // DNS gave no definite answer
  };
  Kind kind = Kind::temporary;
  std::vector<Mx> hosts;    // by preference, the order among equals as it came; "." records dropped, doubles too
  bool stray_null = false;  // a "." stood beside others, or alone but not at preference 0 [rfc7505 3]
  std::string name;         // where the CNAME chain of the domain ended: the implicit host
};

// mx: the answer to an MX question. Equal preferences are left for the caller to shuffle [rfc5321 5.1].
MxSet classify_mx(const Answer& mx);

std::string_view to_string(MxSet::Kind kind);

}  // namespace postil::dns
