// gzip (RFC 1952), in memory. The only place that knows zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace postil::mime {

// One member, without a name and a time. Memory is all that it can fail for, and that ends the program.
std::string gzip(std::string_view octets);

enum class GunzipError : std::uint8_t {
  damaged,    // no gzip, or broken off, or its checksum is wrong
  too_large,  // more than octets_max would come out
};
// All members, one behind the other. Gives at most octets_max octets and never holds more, whatever the input says.
std::expected<std::string, GunzipError> gunzip(std::string_view octets, std::size_t octets_max);
// It begins as gzip does.
bool is_gzip(std::string_view octets);

}  // namespace postil::mime
