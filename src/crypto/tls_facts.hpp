// What is known of a TLS connection once its handshake is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postil::crypto {

// What was wrong with a certificate, or with the handshake; as the result types of TLS reports. [rfc8460 4.3]
enum class TlsFault : std::uint8_t {
  none,
  host_mismatch,  // good, but for another name
  not_trusted,    // no chain to a trusted authority
  expired,        // or not valid yet
  dane_mismatch,  // no TLSA record matches
  other,          // no handshake: versions, ciphers, an alert, no certificate
};
std::string_view to_string(TlsFault fault);  // "host_mismatch"

inline constexpr std::size_t inspected_chain_max = 10;

struct TlsFacts {
  std::string version;           // "TLSv1.3"
  std::string cipher;            // "TLS_AES_256_GCM_SHA384"
  std::string sni;               // the name that the client asked for; empty if none
  std::string exporter;          // tls-exporter channel binding, 32 octets; empty where it is not defined [rfc9266 2]
  std::string server_end_point;  // hash of the server's certificate [rfc5929 4.1]
  std::string peer_identity;     // server side: the client certificate's mailbox or DNS name, verified; else empty
  bool peer_verified = false;    // client side: chain and name are good
  std::string verify_error;      // client side: why not, English
  TlsFault verify_fault = TlsFault::none;  // client side: the same in a word
  // Client side, where TLSA records were given: usage, selector, matching type (an octet each) and data of the one that
  // matched; empty where none did.
  std::string dane_match;
  // Client side, where TlsClientRequest::inspect asks for it: the certificates as they were sent, DER, the server's own
  // first; at most inspected_chain_max.
  std::vector<std::string> chain;
};

}  // namespace postil::crypto
