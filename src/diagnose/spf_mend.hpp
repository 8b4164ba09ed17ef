// The SPF record that an owner can publish in place of one that is in error, changed as little as possible [rfc7208].
#pragma once

#include <string>
#include <vector>

#include "mailauth/spf.hpp"

namespace postil::diagnose {

// Without the terms that stand in these pieces; what is left keeps its order.
std::string spf_without(const mailauth::SpfRecord& record, const std::vector<mailauth::Span>& pieces);
// Errors that a slip explains are corrected ("ip4:2001:db8::1", "redirect:"); other terms in error are left out.
std::string spf_corrected(const mailauth::SpfRecord& record);
// One record with the terms of all; for others than those it ends as softly as the softest of them, but with "~all".
std::string spf_joined(const std::vector<std::string>& records);
// Includes of fixed networks are written out until no more than lookups_max look-ups are left; "" when that does not
// do it. outcome: of SpfMode::count_everything.
std::string spf_flattened(const mailauth::SpfOutcome& outcome, int lookups_max);
// The terms of the first record that ended the check with an error, by themselves or by what they lead to.
std::vector<mailauth::Span> spf_culprits(const mailauth::SpfOutcome& outcome);

// A term that asks for a name of which DNS knows nothing.
struct SpfVoid {
  std::string name;
  mailauth::Span own;   // the term of the first record that leads to it
  bool direct = false;  // it is that term itself
};
std::vector<SpfVoid> spf_voids(const mailauth::SpfOutcome& outcome);

}  // namespace postil::diagnose
