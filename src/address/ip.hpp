// IP addresses and networks as text. Pure: no sockets are touched.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postil::address {

class Ip {
 public:
  // "192.0.2.1" (four decimal numbers, no leading zeros) or "2001:db8::1"; no brackets, no zone ("%eth0").
  static std::optional<Ip> parse(std::string_view text);
  static Ip v4(const std::array<std::uint8_t, 4>& octets);
  static Ip v6(const std::array<std::uint8_t, 16>& octets);  // an IPv4-mapped one becomes IPv4

  bool is_v4() const { return v4_; }
  bool is_v6() const { return !v4_; }
  // IPv4-mapped for IPv4, so that all are comparable.
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }
  std::array<std::uint8_t, 4> v4_octets() const { return {octets_[12], octets_[13], octets_[14], octets_[15]}; }
  std::string text() const;  // canonical [rfc5952]

  bool loopback() const;  // 127.0.0.0/8, ::1
  bool any() const;       // 0.0.0.0, ::
  // Cannot be a mail host on the Internet: loopback, any, private, link-local, unique local, documentation,
  // multicast, reserved [rfc6890].
  bool special() const;

  friend auto operator<=>(const Ip&, const Ip&) = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  bool v4_ = false;
};

// The canonical text of an address, IPv4-mapped IPv6 as IPv4; nothing when it is none.
std::optional<std::string> canonical_ip(std::string_view text);
// "192.0.2.1" gives "[192.0.2.1]", "2001:db8::1" gives "[IPv6:2001:db8::1]"; text that is no address: "[text]",
// printable.
std::string ip_literal(std::string_view ip);
// The name under which DNS holds what belongs to the address: "1.2.0.192" (plus a suffix such as in-addr.arpa or
// a block list's zone, which the caller appends); nibbles for IPv6.
std::string reversed_labels(const Ip& ip);

class Network {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or a single address. Bits behind the prefix must be zero, or it is refused
  // (a typing error more often than a wish).
  static std::optional<Network> parse(std::string_view text);
  static Network single(const Ip& ip);

  bool contains(const Ip& ip) const;
  bool contains(std::string_view ip) const;  // false when it is no address
  const Ip& base() const { return base_; }
  int prefix() const { return base_.is_v4() ? bits_ - 96 : bits_; }
  std::string text() const;

  friend auto operator<=>(const Network&, const Network&) = default;

 private:
  Ip base_;
  int bits_ = 128;  // of the mapped form: an IPv4 /24 is 120
};

}  // namespace postil::address
