// A dialogue on a bare session, in all the ways that must make no difference.
#pragma once

#include <functional>
#include <string>

#include "support/bare_server.hpp"

namespace postil::test {

// Runs it as it stands, with the input cut to 1, 2, 3 and 7 octets, with all that no TLS or time step divides in one
// piece, and once for each step with the client gone after it. The replies must be the same octet for octet. "" or
// the first fault. check: looks at the server after each whole run; "" = nothing is wrong.
std::string run_all_ways(const Dialogue& dialogue, const std::function<std::string(BareServer&)>& check = {});

}  // namespace postil::test
