// The HTTPS port: one request to one server, with limits; for MTA-STS policies and TLS reports.
//
// No redirects, no cookies, no caching, no proxies, nothing from the environment. The server's certificate is always
// verified, chain and name; addresses come from our own resolver.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "crypto/tls_facts.hpp"
#include "env/async.hpp"

namespace postil::env {

struct HttpsRequest {
  std::string host;  // A-labels: SNI, Host and the certificate's name
  std::uint16_t port = 443;
  std::string path = "/";              // with the query, encoded
  std::vector<std::string> addresses;  // numeric, tried in this order; none: HttpsError::no_address
  std::string ca_file;                 // PEM; empty: the system's
  std::size_t octets_max = 64 * 1024;  // of the response's body
  struct Post {
    std::string content_type;
    std::string body;
  };
  std::optional<Post> post;  // without it a GET
};

struct HttpsResponse {
  int status = 0;            // 200; a 3yz is given as it is, not followed
  std::string content_type;  // as it came, printable, at most 200 octets
  std::string body;
};

enum class HttpsError : std::uint8_t {
  no_address,   // none was given
  connect,      // nobody listens, or no way there
  timed_out,    // the deadline passed, or it came too slowly
  certificate,  // `fault` says what is wrong with it
  tls,          // no handshake
  too_large,    // the body is over octets_max
  protocol,     // what came is no HTTP, or it broke off
  unavailable,  // no libcurl on this machine, or the program stops
};
std::string_view to_string(HttpsError error);  // "too_large"

struct HttpsFailure {
  HttpsError error = HttpsError::unavailable;
  std::string detail;  // for logs and people, English, printable
  crypto::TlsFault fault = crypto::TlsFault::none;
};
using HttpsResult = std::expected<HttpsResponse, HttpsFailure>;

class Https {
 public:
  virtual ~Https() = default;
  // Any thread; the result comes on the caller's executor, at the latest shortly after the deadline.
  virtual Awaitable<HttpsResult> exchange(HttpsRequest request, MonoTime deadline) = 0;
};

}  // namespace postil::env
