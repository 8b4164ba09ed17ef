// EXTERNAL [rfc4422 A]: the client certificate of the TLS connection has said who it is.
#include "base/assert.hpp"
#include "sasl/server_mechanisms.hpp"

namespace postil::sasl {
namespace {

class External final : public ServerMechanism {
 public:
  explicit External(ServerContext context) : context_(std::move(context)) {}

  Step start(std::optional<std::string_view> initial) override {
    if (!initial) return Challenge{};
    return respond(*initial);
  }

  Step respond(std::string_view message) override {
    const auto identity = prepared_user(context_.tls_facts.peer_identity);
    // Without a certificate it is not offered [rfc4422 A.2: "the server fails the exchange"].
    if (!context_.tls || !identity) return failed(reply::TextId::auth_mechanism_unknown);
    if (!message.empty() && !prepared_user(message)) return failed(reply::TextId::auth_malformed);
    if (!acts_as_itself(message, *identity)) return failed(reply::TextId::auth_credentials);
    return Lookup{*identity};
  }

  Step account(LookupOutcome outcome, const Credentials& found) override {
    if (outcome == LookupOutcome::unavailable) return failed(reply::TextId::auth_unavailable);
    return finish(found, true, "EXTERNAL");  // proven by the handshake
  }

  Step verified(bool) override {
    POSTIL_ASSERT(false && "EXTERNAL asks for no password");
    return failed(reply::TextId::auth_malformed);
  }

 private:
  ServerContext context_;
};

}  // namespace

std::unique_ptr<ServerMechanism> make_external(ServerContext context) {
  return std::make_unique<External>(std::move(context));
}

}  // namespace postil::sasl
