// Sizes that the RFCs fix or that guard memory; what an admin may want to change is configuration.
#pragma once

#include <cstddef>

namespace postil::limits {

inline constexpr std::size_t reply_line_octets_max = 512;     // [rfc5321 4.5.3.1.5], with CRLF
inline constexpr std::size_t local_part_octets_max = 64;      // [rfc5321 4.5.3.1.1]
inline constexpr std::size_t domain_octets_max = 255;         // [rfc5321 4.5.3.1.2]
inline constexpr std::size_t path_octets_max = 256;           // [rfc5321 4.5.3.1.3]
inline constexpr std::size_t command_line_octets_max = 2048;  // [rfc3461 5.4] asks 1036 and room for SMTPUTF8, AUTH=
inline constexpr std::size_t auth_line_octets_max = 12288;    // [rfc4954 4.]
inline constexpr std::size_t read_buffer_octets = 64 * 1024;  // one per I/O thread
inline constexpr std::size_t remote_reply_octets_max = 64 * 1024;  // of one reply; what is kept of it is less
inline constexpr std::size_t remote_reply_lines_max = 512;

}  // namespace postil::limits
