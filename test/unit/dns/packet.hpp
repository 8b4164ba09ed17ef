// Makes DNS packets for tests, octet by octet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dns/answer.hpp"

namespace postil::test {

inline std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}
inline std::string u32(std::uint32_t value) {
  return u16(value >> 16) + u16(value & 0xffff);
}
// "mx.example.com" uncompressed; "" = root.
inline std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot);
    out += static_cast<char>(label.size());
    out += label;
    name = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  }
  return out + '\0';
}
inline std::string pointer(unsigned to) {
  return u16(0xc000 | to);
}

struct Packet {
  unsigned flags = 0x8180;  // response, recursion
  std::string question_name;
  dns::Type type = dns::Type::mx;
  std::string answers, authorities, additionals;
  unsigned answer_count = 0, authority_count = 0, additional_count = 0, question_count = 1;

  Packet(std::string_view name, dns::Type asked) : question_name(wire_name(name)), type(asked) {}
  static std::string record(const std::string& owner, dns::Type type, const std::string& data, std::uint32_t ttl = 300,
                            unsigned record_class = 1) {
    return owner + u16(static_cast<unsigned>(type)) + u16(record_class) + u32(ttl) +
           u16(static_cast<unsigned>(data.size())) + data;
  }
  Packet& add(const std::string& owner, dns::Type of, const std::string& data, std::uint32_t ttl = 300,
              unsigned record_class = 1) {
    answers += record(owner, of, data, ttl, record_class);
    ++answer_count;
    return *this;
  }
  Packet& soa(const std::string& zone, std::uint32_t ttl, std::uint32_t minimum) {
    authorities +=
        record(wire_name(zone), dns::Type::soa,
               wire_name("ns." + zone) + wire_name("root." + zone) + std::string(16, '\0') + u32(minimum), ttl);
    ++authority_count;
    return *this;
  }
  // EDNS with DO [rfc6891 6.1.2]
  Packet& edns() {
    additionals += std::string(1, '\0') + u16(41) + u16(1232) + u32(0x8000) + u16(0);
    ++additional_count;
    return *this;
  }
  Packet& rcode(unsigned code) {
    flags = (flags & ~15u) | code;
    return *this;
  }
  std::string octets() const {
    return u16(0x1234) + u16(flags) + u16(question_count) + u16(answer_count) + u16(authority_count) +
           u16(additional_count) + question_name + u16(static_cast<unsigned>(type)) + u16(1) + answers + authorities +
           additionals;
  }
};

}  // namespace postil::test
