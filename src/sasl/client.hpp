// SASL, the client's side, sans-I/O: our login at a smarthost. PLAIN, LOGIN, SCRAM-SHA-1 and SCRAM-SHA-256, and these
// with channel binding (-PLUS) [rfc4616] [rfc5802] [rfc7677] [rfc9266]; CRAM-MD5 for a check only. Octets, not base64:
// that is the protocol's business.
//
//   auto mechanism = sasl::make_client("SCRAM-SHA-256", login);
//   mechanism->initial()        the initial response; nothing when the server speaks first
//   mechanism->respond(text)    the answer to a challenge, or why the exchange must be given up
//   mechanism->complete()       when the server says that we are in: may we believe it?
//
// PLAIN and LOGIN send user and password as they are written in the configuration; SCRAM prepares them (SASLprep).
// Not thread-safe. The first respond() of SCRAM costs some milliseconds (PBKDF2), more where the server asks for more
// iterations; their number is bounded. costly() says so before.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/tls_facts.hpp"

namespace postil::sasl {

struct ClientLogin {
  std::string user;
  std::string password;
  std::optional<crypto::TlsFacts> tls;
  bool plus_offered = false;  // the server offered a -PLUS mechanism
  std::string nonce;          // SCRAM: fresh random text, printable without ','; at least 18 octets
};

class ClientMechanism {
 public:
  virtual ~ClientMechanism() = default;
  virtual std::optional<std::string> initial() = 0;
  // Error: one English sentence; the exchange is to be cancelled.
  virtual std::expected<std::string, std::string> respond(std::string_view challenge) = 0;
  // The next respond() hashes a password: not on a thread that others wait for.
  virtual bool costly() const { return false; }
  // Whether the exchange is whole; false for SCRAM whose server has not proved that it knows the password.
  virtual bool complete() const = 0;
};

struct ClientChoice {
  std::vector<std::string> offered;  // by the server
  std::string wanted;                // only this one; "" = any
  bool password_in_clear = false;    // PLAIN and LOGIN may be used: the server's identity was verified, or the admin
                                     // accepts the risk [rfc4954 14]
  std::vector<std::string> without;  // tried before
};
// The strongest mechanism that both sides know and that fits, upper case; "" = none.
std::string choose_client(const ClientChoice& choice, const std::optional<crypto::TlsFacts>& tls);

// Whether a -PLUS mechanism can be made over this connection: some certificates and old TLS give nothing to bind to.
bool can_bind(const std::optional<crypto::TlsFacts>& tls);

// name: one that choose_client() gave, or CRAM-MD5, which that never does; a -PLUS one only where can_bind().
std::unique_ptr<ClientMechanism> make_client(std::string_view name, ClientLogin login);

}  // namespace postil::sasl
