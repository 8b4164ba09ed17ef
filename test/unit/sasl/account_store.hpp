// A server with some accounts, for the tests of mechanisms: answers their questions as accounts would, and a client's
// side of SCRAM that can lie.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "crypto/password.hpp"
#include "reply/catalogue.hpp"
#include "sasl/prepare.hpp"
#include "sasl/scram_keys.hpp"
#include "sasl/server.hpp"

namespace postil::sasl::test {

inline const std::string server_nonce = "3rfcNHYJY1ZVvWVs7j";

inline Credentials make_account(const std::string& user, const std::string& password,
                                const std::string& salt_base64 = "QSXCR+Q6sek8bf92") {
  const std::string salt = *crypto::base64_decode(salt_base64);
  return {.exists = true,
          .user = user,
          .password_hash = crypto::hash_password(password, "0123456789abcdef", crypto::Scheme::yescrypt),
          .scram_sha1 = make_scram_keys(crypto::Hash::sha1, password, salt, 4096),
          .scram_sha256 = make_scram_keys(crypto::Hash::sha256, password, salt, 4096)};
}

// One exchange with the server.
class Exchange {
 public:
  Exchange(std::string_view mechanism, std::map<std::string, Credentials>& accounts, ServerContext context = {})
      : accounts_(accounts) {
    if (context.nonce.empty()) context.nonce = server_nonce;
    server_ = make_server(*find_mechanism(mechanism), std::move(context));
  }
  Step start() { return settle(server_->start(std::nullopt)); }
  Step start(std::string_view initial) { return settle(server_->start(initial)); }
  Step respond(std::string_view message) { return settle(server_->respond(message)); }

  std::vector<std::string> lookups;
  int verified = 0;
  LookupOutcome outcome = LookupOutcome::answered;

 private:
  // Answers questions until the client is asked or the end has come.
  Step settle(Step step) {
    for (;;) {
      if (const auto* lookup = std::get_if<Lookup>(&step)) {
        lookups.push_back(lookup->user);
        const auto found = accounts_.find(lookup->user);
        Credentials credentials;
        if (found != accounts_.end()) {
          credentials = found->second;
        } else {
          credentials = make_account("", "nobody knows");
          credentials.exists = false;
        }
        step = server_->account(outcome, credentials);
      } else if (const auto* verify = std::get_if<Verify>(&step)) {
        ++verified;
        const bool matches = crypto::verify_password(verify->password_hash, verify->password);
        step = server_->verified(matches);
      } else {
        return step;
      }
    }
  }
  std::map<std::string, Credentials>& accounts_;
  std::unique_ptr<ServerMechanism> server_;
};

inline std::string outcome(const Step& step) {
  if (const auto* failed = std::get_if<Failed>(&step)) return std::string(reply::entry(failed->text).key);
  if (const auto* done = std::get_if<Done>(&step)) return "done " + done->user;
  if (const auto* challenge = std::get_if<Challenge>(&step)) return "challenge " + challenge->text;
  return "question";
}

// A SCRAM client whose messages can be bent before they are sent.
struct ScramClient {
  crypto::Hash hash = crypto::Hash::sha256;
  std::string password = "pencil";
  std::string gs2 = "n,,";
  std::string bare = "n=user,r=fyko+d2lbbFgONRv9qkxdawL";
  std::string binding_data;

  std::string first() const { return gs2 + bare; }
  // The final message for a server's first one; nonce and binding can be replaced.
  std::string final(std::string_view server_first, const std::string& extensions = {},
                    std::optional<std::string> nonce = {}, std::optional<std::string> binding = {}) {
    const auto salt_at = server_first.find(",s=");
    const auto count_at = server_first.find(",i=");
    const std::string salt = *crypto::base64_decode(server_first.substr(salt_at + 3, count_at - salt_at - 3));
    const int iterations = std::stoi(std::string(server_first.substr(count_at + 3)));
    const std::string salted = crypto::pbkdf2(hash, password, salt, iterations);
    const std::string client_key = crypto::hmac(hash, salted, "Client Key");
    const std::string without_proof = "c=" + crypto::base64_encode(binding.value_or(gs2 + binding_data)) +
                                      ",r=" + nonce.value_or(std::string(server_first.substr(2, salt_at - 2))) +
                                      extensions;
    const std::string auth = bare + "," + std::string(server_first) + "," + without_proof;
    std::string proof = crypto::hmac(hash, crypto::digest(hash, client_key), auth);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
    server_final = "v=" + crypto::base64_encode(crypto::hmac(hash, crypto::hmac(hash, salted, "Server Key"), auth));
    return without_proof + ",p=" + crypto::base64_encode(proof);
  }
  std::string server_final;  // what the server should prove
};

}  // namespace postil::sasl::test
