#include "address/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/bytes.hpp"

namespace postil::address {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// [rfc6890] and the IANA registries of special addresses: what no mail host on the Internet has.
bool in_special_networks(const Ip& ip) {
  static const auto networks = [] {
    std::array<Network, 22> all;
    const char* texts[] = {"0.0.0.0/8",       "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",    "169.254.0.0/16",
                           "172.16.0.0/12",   "192.0.0.0/24",   "192.0.2.0/24",  "192.168.0.0/16", "198.18.0.0/15",
                           "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",   "240.0.0.0/4",    "::/128",
                           "::1/128",         "100::/64",       "2001:db8::/32", "fc00::/7",       "fe80::/10",
                           "fec0::/10",       "ff00::/8"};
    static_assert(std::size(texts) == 22);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = *Network::parse(texts[i]);
    return all;
  }();
  return std::ranges::any_of(networks, [&](const Network& n) { return n.contains(ip); });
}

bool same_prefix(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

Ip Ip::v4(const std::array<std::uint8_t, 4>& octets) {
  Ip ip;
  ip.v4_ = true;
  std::ranges::copy(mapped_prefix, ip.octets_.begin());
  std::ranges::copy(octets, ip.octets_.begin() + 12);
  return ip;
}

Ip Ip::v6(const std::array<std::uint8_t, 16>& octets) {
  Ip ip;
  ip.octets_ = octets;
  ip.v4_ = std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets.begin());
  return ip;
}

std::optional<Ip> Ip::parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return {};
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  std::array<std::uint8_t, 16> octets{};
  if (text.find(':') != std::string_view::npos) {
    if (inet_pton(AF_INET6, buffer, octets.data()) != 1) return {};
    return v6(octets);
  }
  if (inet_pton(AF_INET, buffer, octets.data()) != 1) return {};
  return v4({octets[0], octets[1], octets[2], octets[3]});
}

std::string Ip::text() const {
  char buffer[INET6_ADDRSTRLEN];
  const auto* data = v4_ ? octets_.data() + 12 : octets_.data();
  return inet_ntop(v4_ ? AF_INET : AF_INET6, data, buffer, sizeof buffer);
}

bool Ip::loopback() const {
  if (v4_) return octets_[12] == 127;
  return std::all_of(octets_.begin(), octets_.end() - 1, [](auto o) { return o == 0; }) && octets_[15] == 1;
}

bool Ip::any() const {
  return std::all_of(octets_.begin() + (v4_ ? 12 : 0), octets_.end(), [](auto o) { return o == 0; });
}

bool Ip::special() const {
  return in_special_networks(*this);
}

std::optional<std::string> canonical_ip(std::string_view text) {
  const auto ip = Ip::parse(text);
  if (!ip) return {};
  return ip->text();
}

std::string ip_literal(std::string_view ip) {
  const auto parsed = Ip::parse(ip);
  if (!parsed) return "[" + printable(ip, 64) + "]";
  return (parsed->is_v4() ? "[" : "[IPv6:") + parsed->text() + "]";
}

std::string reversed_labels(const Ip& ip) {
  std::string out;
  const auto& octets = ip.octets();
  if (ip.is_v4()) {
    for (std::size_t i = 16; i-- > 12;) out += std::to_string(octets[i]) + (i > 12 ? "." : "");
    return out;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  for (std::size_t i = 16; i-- > 0;) {
    out += digits[octets[i] & 15];
    out += '.';
    out += digits[octets[i] >> 4];
    if (i > 0) out += '.';
  }
  return out;
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const auto ip = Ip::parse(address);
  if (!ip) return {};
  Network network = single(*ip);
  if (slash == std::string_view::npos) return network;
  const auto digits = text.substr(slash + 1);
  int bits = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size() || !is_digit(digits.front())) return {};
  if (digits.size() > 1 && digits.front() == '0') return {};
  const bool written_as_v4 = address.find(':') == std::string_view::npos;
  if (bits > (written_as_v4 ? 32 : 128)) return {};
  network.bits_ = written_as_v4 ? bits + 96 : bits;
  if (ip->is_v4() && network.bits_ < 96) return {};
  for (int bit = network.bits_; bit < 128; ++bit)
    if (ip->octets()[static_cast<std::size_t>(bit / 8)] & (0x80 >> (bit % 8))) return {};
  return network;
}

Network Network::single(const Ip& ip) {
  Network network;
  network.base_ = ip;
  network.bits_ = 128;
  return network;
}

bool Network::contains(const Ip& ip) const {
  return ip.is_v4() == base_.is_v4() && same_prefix(ip.octets(), base_.octets(), bits_);
}

bool Network::contains(std::string_view ip) const {
  const auto parsed = Ip::parse(ip);
  return parsed && contains(*parsed);
}

std::string Network::text() const {
  return bits_ == 128 ? base_.text() : base_.text() + "/" + std::to_string(prefix());
}

}  // namespace postil::address
