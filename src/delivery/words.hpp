// What is said of a next hop, in one English line: for logs, `postil queue` and reports.
#pragma once

#include <cstdint>
#include <string>

#include "smtp/client_session.hpp"

namespace postil::delivery {

// The server's reply; without one what happened and when: "The server did not answer in time (at RCPT)".
std::string words_of(const smtp::Outcome& outcome);

// missing: not none. offered: by the server. size_octets: of the message.
std::string words_of(smtp::Missing missing, const smtp::Extensions& offered, std::uint64_t size_octets);

}  // namespace postil::delivery
