// SASL, the server's side, sans-I/O: mechanisms take decoded client messages and answers to their
// questions, and give challenges, questions or an outcome. No lookup, hash or clock in here.
//
//   auto mechanism = sasl::make_server("SCRAM-SHA-256", context);
//   Step step = mechanism->start(initial_response);     // decoded; nullopt = none was given
//   Challenge -> send it, then mechanism->respond(decoded line)
//   Lookup    -> find the account, then mechanism->account(found)
//   Verify    -> hash in a pool, then mechanism->verified(ok)
//   Done / Failed
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "crypto/tls_facts.hpp"
#include "reply/catalogue.hpp"

namespace postil::sasl {

// What the accounts store holds for a user, as far as mechanisms need it.
struct ScramKeys {
  std::string salt;  // octets
  int iterations = 0;
  std::string stored_key;  // octets
  std::string server_key;
};
struct Credentials {
  bool exists = false;  // false: fields are made up from the server's key, so that answers look alike
  std::string user;     // canonical name
  bool disabled = false;
  std::string password_hash;  // crypt(5) or argon2 string; "" = none
  std::optional<ScramKeys> scram_sha1;
  std::optional<ScramKeys> scram_sha256;
  std::vector<std::string> mechanisms_off;  // not allowed for this account
};
enum class LookupOutcome : std::uint8_t { answered, unavailable };

struct Challenge {
  std::string text;  // not yet base64; may be empty
};
struct Lookup {
  std::string user;  // prepared (SASLprep/NFC), authentication identity
};
struct Verify {
  std::string password_hash;  // of Credentials; a dummy for unknown users: verify it all the same
  std::string password;
};
struct Done {
  std::string user;  // who is logged in
};
struct Failed {
  reply::TextId text;  // catalogue entry to answer with
};
using Step = std::variant<Challenge, Lookup, Verify, Done, Failed>;

struct ServerContext {
  bool tls = false;
  crypto::TlsFacts tls_facts;  // channel bindings, peer_identity
  bool plus_offered = false;   // a -PLUS mechanism was in the EHLO reply (downgrade check of gs2 'y')
  std::string nonce;           // fresh random text for SCRAM, printable without ','; at least 18 octets
};

class ServerMechanism {
 public:
  virtual ~ServerMechanism() = default;
  virtual Step start(std::optional<std::string_view> initial) = 0;
  virtual Step respond(std::string_view message) = 0;
  virtual Step account(LookupOutcome outcome, const Credentials& found) = 0;
  virtual Step verified(bool matches) = 0;
};

struct MechanismInfo {
  std::string_view name;   // "SCRAM-SHA-256-PLUS"
  bool password_in_clear;  // PLAIN, LOGIN: only over TLS
  bool channel_binding;    // -PLUS: only over TLS
  bool client_first;       // takes an initial response
};
// In the order in which they are offered: the strongest first.
const std::vector<MechanismInfo>& mechanisms();
const MechanismInfo* find_mechanism(std::string_view name);  // case-insensitive; null: unknown
std::unique_ptr<ServerMechanism> make_server(const MechanismInfo& mechanism, ServerContext context);

}  // namespace postil::sasl
