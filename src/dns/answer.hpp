// DNS answers as the rest of Postil sees them; made from a packet by dns/parse.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace postil::dns {

enum class Type : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  tlsa = 52
};
std::string_view to_string(Type type);

struct Mx {
  std::uint16_t preference = 0;
  std::string exchange;  // lower case, no trailing dot; "" = the root ".", as in a null MX
  friend bool operator==(const Mx&, const Mx&) = default;
};
struct Address {
  std::string text;  // "192.0.2.1" or "2001:db8::1", canonical
  friend bool operator==(const Address&, const Address&) = default;
};
struct Text {
  std::string value;  // the strings of one record joined
  friend bool operator==(const Text&, const Text&) = default;
};
struct NameTarget {  // PTR, CNAME, NS
  std::string name;
  friend bool operator==(const NameTarget&, const NameTarget&) = default;
};
struct Tlsa {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string data;  // octets
  friend bool operator==(const Tlsa&, const Tlsa&) = default;
};
using Data = std::variant<Mx, Address, Text, NameTarget, Tlsa>;

enum class Status : std::uint8_t {
  ok,              // records holds at least one
  no_data,         // the name exists, not with this type
  no_domain,       // NXDOMAIN
  server_failure,  // SERVFAIL, REFUSED, no server reached
  bogus,           // DNSSEC says the data is forged or broken; no record is given
  timed_out,       // our deadline
  malformed,       // the packet could not be read
};
std::string_view to_string(Status status);

struct Answer {
  Status status = Status::server_failure;
  std::vector<Data> records;       // of the asked type only, CNAMEs followed
  std::string canonical_name;      // where the CNAME chain ended; the asked name if there was none
  std::vector<std::string> chain;  // names passed on the way, the asked one first
  bool secure = false;             // validated by DNSSEC, denials too
  std::uint32_t ttl_seconds = 0;
  std::string detail;  // why bogus and the like, English, for logs

  // A definite answer, good or bad; false: ask again later.
  bool definite() const { return status == Status::ok || status == Status::no_data || status == Status::no_domain; }
};

}  // namespace postil::dns
