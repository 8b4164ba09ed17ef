// What a server keeps of a password for SCRAM: no password and nothing that serves to log in elsewhere. [rfc5802 3]
#pragma once

#include <string_view>

#include "crypto/digest.hpp"
#include "sasl/server.hpp"

namespace postil::sasl {

inline constexpr int scram_iterations_min = 4096;  // [rfc5802 5.1] [rfc7677 4]; of keys that are read
inline constexpr int scram_iterations = 10'000;    // of keys that are made; the client does the work at each login
inline constexpr int scram_iterations_max = 10'000'000;
inline constexpr std::size_t scram_salt_octets = 16;

// prepared_password: after saslprep. salt: fresh random octets. Takes some milliseconds: not on an I/O thread.
ScramKeys make_scram_keys(crypto::Hash hash, std::string_view prepared_password, std::string_view salt,
                          int iterations = scram_iterations);

}  // namespace postil::sasl
