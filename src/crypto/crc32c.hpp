// CRC-32C (Castagnoli), the checksum of the spool's records. With SSE4.2, three streams at once, where the
// processor has it (asked at run time), a table otherwise; the results are the same. Thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace postil::crypto {

// seed: 0, a salt, or the result for what came before: crc32c(crc32c(s, a), b) == crc32c(s, a + b).
// crc32c(0, "123456789") is 0xe3069283 [rfc3720 B.4].
std::uint32_t crc32c(std::uint32_t seed, std::string_view data);

// The two ways, for tests and benchmarks.
bool crc32c_hardware_available();
std::uint32_t crc32c_table(std::uint32_t seed, std::string_view data);

}  // namespace postil::crypto
