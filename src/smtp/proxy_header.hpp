// The PROXY protocol's header, versions 1 and 2 (haproxy, doc/proxy-protocol.txt): whose connection a proxy passes on.
// Sans-I/O, and never a guess: a listener either wants a header from each peer, or from none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postil::smtp {

struct ProxyHeader {
  // Empty: the proxy speaks for itself (LOCAL, a health check) or knows no IP address (UNKNOWN, UNSPEC, UNIX); the
  // connection is to be taken as the proxy's own.
  std::string client_address;  // canonical
  std::uint16_t client_port = 0;
  std::string server_address;  // that the client connected to
  std::uint16_t server_port = 0;
};

// Takes the octets in any cuts, holds at most 107 of them, and never takes one that is behind the header, provided that
// the caller reads no more than wanted() at a time.
class ProxyHeaderParser {
 public:
  enum class Status : std::uint8_t { more, done, malformed };

  // So many octets at the most may be fed next; at least 1 while feed() gave `more`.
  std::size_t wanted() const;
  // octets: 1 to wanted().
  Status feed(std::string_view octets);
  // After `done`.
  const ProxyHeader& header() const { return header_; }

 private:
  Status line();
  Status begin_binary();
  Status binary();
  template <std::size_t N>
  void take_addresses();

  std::string held_;
  bool binary_ = false;
  std::size_t held_wanted_ = 0;   // version 2: octets to hold, the fixed part with the addresses
  std::size_t skipped_left_ = 0;  // version 2: TLVs
  ProxyHeader header_;
};

}  // namespace postil::smtp
