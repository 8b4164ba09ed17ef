// SCRAM-SHA-1, SCRAM-SHA-256 and their -PLUS forms, the server's side. [rfc5802] [rfc7677] [rfc9266]
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "sasl/scram_message.hpp"
#include "sasl/server_mechanisms.hpp"

namespace postil::sasl {
namespace {

constexpr std::size_t nonce_octets_min = 18;

class Scram final : public ServerMechanism {
 public:
  Scram(const MechanismInfo& mechanism, ServerContext context)
      : mechanism_(mechanism),
        hash_(mechanism.name.starts_with("SCRAM-SHA-256") ? crypto::Hash::sha256 : crypto::Hash::sha1),
        context_(std::move(context)) {
    const auto printable = [](char c) { return c > ' ' && c < 127 && c != ','; };
    POSTIL_ASSERT(context_.nonce.size() >= nonce_octets_min && std::ranges::all_of(context_.nonce, printable));
  }

  Step start(std::optional<std::string_view> initial) override {
    if (!initial) return Challenge{};
    return respond(*initial);
  }

  Step respond(std::string_view message) override {
    switch (state_) {
      case State::client_first:
        return client_first(message);
      case State::client_final:
        return client_final(message);
      case State::server_final_sent:
        state_ = State::over;
        if (!message.empty()) return failed(reply::TextId::auth_malformed);
        return Done{found_.user};
      case State::account:
      case State::over:
        break;
    }
    POSTIL_ASSERT(false && "SCRAM: no message was due");
    return failed(reply::TextId::auth_malformed);
  }

  Step account(LookupOutcome outcome, const Credentials& found) override {
    POSTIL_ASSERT(state_ == State::account);
    state_ = State::over;
    if (outcome == LookupOutcome::unavailable) return failed(reply::TextId::auth_unavailable);
    found_ = found;
    const auto& keys = hash_ == crypto::Hash::sha256 ? found.scram_sha256 : found.scram_sha1;
    // [rfc4954 6] Also for unknown users, of whom a share has no keys when a share of the known has none.
    if (!keys) return failed(reply::TextId::auth_transition);
    const std::size_t octets = crypto::digest_octets(hash_);
    const bool usable = !keys->salt.empty() && keys->iterations > 0 && keys->stored_key.size() == octets &&
                        keys->server_key.size() == octets;
    if (!usable) return failed(reply::TextId::auth_unavailable);
    keys_ = *keys;
    nonce_ = first_.nonce + context_.nonce;
    server_first_ = fmt::format("r={},s={},i={}", nonce_, crypto::base64_encode(keys_.salt), keys_.iterations);
    state_ = State::client_final;
    return Challenge{server_first_};
  }

  Step verified(bool) override {
    POSTIL_ASSERT(false && "SCRAM asks for no password");
    return failed(reply::TextId::auth_malformed);
  }

 private:
  enum class State : std::uint8_t { client_first, account, client_final, server_final_sent, over };

  Step client_first(std::string_view message) {
    state_ = State::over;
    auto first = parse_client_first(message);
    if (!first) return failed(reply::TextId::auth_malformed);
    first_ = std::move(*first);
    if (auto refused = check_binding()) return *refused;
    const auto user = prepared_user(first_.user);
    if (!user) return failed(reply::TextId::auth_malformed);
    if (!acts_as_itself(first_.authzid, *user)) return failed(reply::TextId::auth_credentials);
    state_ = State::account;
    return Lookup{*user};
  }

  // Finds binding_data_; says what is wrong with the client's choice. [rfc5802 6]
  std::optional<Failed> check_binding() {
    const bool used = first_.binding == ChannelBinding::used;
    if (used != mechanism_.channel_binding) return failed(reply::TextId::auth_malformed);
    // The client could bind and did not see -PLUS in our list: somebody in between has taken it out. The exchange goes
    // on, so that it fails as it does with a wrong password, and for the owner of the password only in this way.
    same_channel_ = first_.binding != ChannelBinding::not_offered || !context_.plus_offered;
    if (!used) return std::nullopt;
    if (context_.tls && first_.binding_name == "tls-exporter") binding_data_ = context_.tls_facts.exporter;
    if (context_.tls && first_.binding_name == "tls-server-end-point")
      binding_data_ = context_.tls_facts.server_end_point;
    // tls-unique is not defined for TLS 1.3 and broken without extended master secrets [rfc9266 3].
    if (binding_data_.empty()) return failed(reply::TextId::auth_mechanism_unknown);
    return std::nullopt;
  }

  Step client_final(std::string_view message) {
    state_ = State::over;
    const auto final = parse_client_final(message);
    if (!final || final->proof.size() != keys_.stored_key.size()) return failed(reply::TextId::auth_malformed);
    if (!crypto::constant_time_equal(final->nonce, nonce_)) return failed(reply::TextId::auth_malformed);
    const std::string auth_message = first_.bare + "," + server_first_ + "," + final->without_proof;
    std::string client_key = crypto::hmac(hash_, keys_.stored_key, auth_message);
    for (std::size_t i = 0; i < client_key.size(); ++i)
      client_key[i] = static_cast<char>(client_key[i] ^ final->proof[i]);
    const bool proof_good = crypto::constant_time_equal(crypto::digest(hash_, client_key), keys_.stored_key);
    crypto::wipe(client_key);
    same_channel_ = crypto::constant_time_equal(final->binding, first_.gs2_header + binding_data_) && same_channel_;
    if (found_.exists && proof_good && !same_channel_) return failed(reply::TextId::auth_channel_binding);
    Step end = finish(found_, proof_good && same_channel_, mechanism_.name);
    if (!std::holds_alternative<Done>(end)) return end;
    // SMTP has no room for data in its 235: the server's proof is one more challenge. [rfc4954 4]
    state_ = State::server_final_sent;
    return Challenge{"v=" + crypto::base64_encode(crypto::hmac(hash_, keys_.server_key, auth_message))};
  }

  MechanismInfo mechanism_;
  crypto::Hash hash_;
  ServerContext context_;
  State state_ = State::client_first;
  ClientFirst first_;
  std::string binding_data_;
  bool same_channel_ = true;  // as far as is known
  Credentials found_;
  ScramKeys keys_;
  std::string nonce_;
  std::string server_first_;
};

}  // namespace

std::unique_ptr<ServerMechanism> make_scram(const MechanismInfo& mechanism, ServerContext context) {
  return std::make_unique<Scram>(mechanism, std::move(context));
}

}  // namespace postil::sasl
