// HMAC with MD5 [rfc2104], by OpenSSL, for CRAM-MD5 and nothing else. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postil::crypto {

// 16 octets; nothing where OpenSSL has no MD5, as under FIPS rules.
std::optional<std::string> hmac_md5(std::string_view key, std::string_view data);

}  // namespace postil::crypto
