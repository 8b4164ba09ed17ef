// The texts of TXT records, as the records of SPF, DMARC and their kin are looked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.hpp"

namespace postil::dns {

// Of each TXT record in the answer, in its order. Whether the answer is definite is for the caller to ask.
std::vector<std::string> texts(const Answer& answer);
// Those of which meant(text) is true.
std::vector<std::string> texts(const Answer& answer, bool (*meant)(std::string_view));

}  // namespace postil::dns
