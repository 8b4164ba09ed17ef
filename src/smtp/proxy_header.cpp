#include "smtp/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "address/ip.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::smtp {
namespace {

constexpr std::size_t line_octets_min = 15;   // "PROXY UNKNOWN\r\n"
constexpr std::size_t line_octets_max = 107;  // with its CRLF
constexpr std::string_view line_begin = "PROXY ";

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t fixed_octets = 16;
constexpr std::uint8_t unspecified = 0, tcp_v4 = 0x11, tcp_v6 = 0x21, unix_stream = 0x31;  // family and transport

using Status = ProxyHeaderParser::Status;

std::uint8_t octet(std::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

std::uint16_t number16(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(octet(text, at) << 8 | octet(text, at + 1));
}

// Decimal, no leading zeros.
std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (text.size() > 1 && text.front() == '0') return {};
  return port;
}

}  // namespace

std::size_t ProxyHeaderParser::wanted() const {
  if (binary_) return held_.size() < held_wanted_ ? held_wanted_ - held_.size() : skipped_left_;
  if (held_.size() < line_octets_min) return line_octets_min - held_.size();
  return held_.back() == '\r' ? 1 : 2;  // the CRLF may be all that is missing
}

Status ProxyHeaderParser::feed(std::string_view octets) {
  POSTIL_ASSERT(!octets.empty() && octets.size() <= wanted());
  if (binary_ && held_.size() == held_wanted_) {
    skipped_left_ -= octets.size();
    return skipped_left_ > 0 ? Status::more : Status::done;
  }
  held_ += octets;
  if (binary_) return binary();
  const auto begins = [&](std::string_view with) {
    const auto size = std::min(held_.size(), with.size());
    return std::string_view(held_).substr(0, size) == with.substr(0, size);
  };
  if (begins(line_begin)) return line();
  if (!begins(signature)) return Status::malformed;
  if (held_.size() < signature.size()) return Status::more;
  binary_ = true;
  held_wanted_ = fixed_octets;
  return binary();
}

// "PROXY TCP4 192.0.2.1 192.0.2.25 50000 25" and CRLF.
Status ProxyHeaderParser::line() {
  const auto end = held_.find('\n');
  if (end == std::string::npos) return held_.size() < line_octets_max ? Status::more : Status::malformed;
  if (end + 1 != held_.size() || !held_.ends_with("\r\n") || held_.size() > line_octets_max) return Status::malformed;
  const std::string_view text = std::string_view(held_).substr(0, end - 1);
  const auto words = split(text, ' ');
  if (words[1] == "UNKNOWN") return Status::done;  // what follows is to be ignored
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return Status::malformed;
  const bool v6 = words[1] == "TCP6";
  const auto right = [&](std::string_view word) {
    return (word.find(':') != std::string_view::npos) == v6 && address::Ip::parse(word);
  };
  const auto from = port_of(words[4]), to = port_of(words[5]);
  if (!right(words[2]) || !right(words[3]) || !from || !to) return Status::malformed;
  header_ = {address::Ip::parse(words[2])->text(), *from, address::Ip::parse(words[3])->text(), *to};
  return Status::done;
}

// The signature is there; then version and command, family and transport, and the length of what follows.
Status ProxyHeaderParser::binary() {
  if (held_.size() < held_wanted_) return Status::more;
  if (held_.size() == fixed_octets) return begin_binary();
  if (octet(held_, 13) == tcp_v6) {
    take_addresses<16>();
  } else {
    take_addresses<4>();
  }
  return skipped_left_ > 0 ? Status::more : Status::done;
}

Status ProxyHeaderParser::begin_binary() {
  const int version = octet(held_, 12) >> 4, command = octet(held_, 12) & 0xf;
  const std::uint8_t family = octet(held_, 13);
  skipped_left_ = number16(held_, 14);
  if (version != 2 || command > 1) return Status::malformed;
  std::size_t addresses = 0;
  if (command == 1 && family == tcp_v4) {
    addresses = 12;
  } else if (command == 1 && family == tcp_v6) {
    addresses = 36;
  } else if (command == 1 && family != unspecified && family != unix_stream) {
    return Status::malformed;  // a datagram never came over this connection
  }
  if (skipped_left_ < addresses) return Status::malformed;
  skipped_left_ -= addresses;
  held_wanted_ += addresses;
  return addresses + skipped_left_ > 0 ? Status::more : Status::done;
}

template <std::size_t N>
void ProxyHeaderParser::take_addresses() {
  const auto ip = [&](std::size_t at) {
    std::array<std::uint8_t, N> octets{};
    for (std::size_t i = 0; i < N; ++i) octets[i] = octet(held_, at + i);
    if constexpr (N == 4) return address::Ip::v4(octets).text();
    if constexpr (N == 16) return address::Ip::v6(octets).text();
  };
  constexpr std::size_t ports = fixed_octets + 2 * N;
  header_ = {ip(fixed_octets), number16(held_, ports), ip(fixed_octets + N), number16(held_, ports + 2)};
}

}  // namespace postil::smtp
