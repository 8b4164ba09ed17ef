// Reads a DNS response packet. [rfc1035 4]
//
// Trusts nothing: the packet may be cut, may point in circles, may answer another question. Names come out in lower
// case without the last dot; a dot inside a label is "\.", a backslash "\\", and octets that are no printable ASCII
// (and the space) "\DDD", as in master files [rfc1035 5.1].
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "dns/answer.hpp"

namespace postil::dns {

constexpr std::size_t packet_octets_max = 65535;
constexpr std::size_t cname_chain_max = 16;  // longer chains, and loops, are Status::malformed
constexpr std::size_t records_max = 5500;    // of the asked type: a packet has no room for more

// packet: the whole response, 12 to 65535 octets. asked_name: as it was asked, with or without the last dot, any case.
// Only records of class IN in the answer section that belong to the CNAME chain of the name count. The status comes
// from the RCODE and the records; `secure` and `bogus` are the resolver's to set. ttl_seconds is the least of the
// chain and the records; for no_data and no_domain that of [rfc2308 5]: the SOA's own TTL or its MINIMUM, the less.
// Fails only in the answer: Status::malformed, and `detail` says where.
Answer parse_answer(std::string_view packet, std::string_view asked_name, Type type);

// The name as parse_answer would give it: lower case, no last dot. "" = the root.
std::string normal_name(std::string_view name);

// "4.2.0.192.in-addr.arpa" and the ip6.arpa form; empty when it is no address. [rfc1035 3.5] [rfc3596 2.5]
std::optional<std::string> reverse_name(std::string_view address);

}  // namespace postil::dns
