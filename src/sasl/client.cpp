#include "sasl/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "crypto/hmac_md5.hpp"
#include "sasl/prepare.hpp"

namespace postil::sasl {
namespace {

using Response = std::expected<std::string, std::string>;

// Below, a listener could try passwords too fast [rfc7677 4]; above, the server would only burn our time.
constexpr int iterations_min = 4096;
constexpr int iterations_max = 100'000;

struct Known {
  std::string_view name;
  bool password_in_clear;
  bool channel_binding;
};
constexpr Known known[] = {
    // the strongest first
    {"SCRAM-SHA-256-PLUS", false, true},
    {"SCRAM-SHA-1-PLUS", false, true},
    {"SCRAM-SHA-256", false, false},
    {"SCRAM-SHA-1", false, false},
    {"PLAIN", true, false},
    {"LOGIN", true, false},
};

struct Binding {
  std::string_view type;  // "" = none can be had
  std::string_view data;
};
Binding binding_of(const std::optional<crypto::TlsFacts>& tls) {
  if (!tls) return {};
  if (!tls->exporter.empty()) return {"tls-exporter", tls->exporter};
  if (!tls->server_end_point.empty()) return {"tls-server-end-point", tls->server_end_point};
  return {};
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const std::string& n) { return iequals(n, name); });
}

class Plain final : public ClientMechanism {
 public:
  explicit Plain(ClientLogin login) : login_(std::move(login)) {}
  ~Plain() override { crypto::wipe(login_.password); }
  std::optional<std::string> initial() override {
    done_ = true;
    std::string out;
    out += '\0';
    out += login_.user;
    out += '\0';
    out += login_.password;
    return out;
  }
  Response respond(std::string_view) override { return std::unexpected("The server asked for more than PLAIN has."); }
  bool complete() const override { return done_; }

 private:
  ClientLogin login_;
  bool done_ = false;
};

// draft-murchison-sasl-login: two prompts, whose texts are not to be looked at.
class Login final : public ClientMechanism {
 public:
  explicit Login(ClientLogin login) : login_(std::move(login)) {}
  ~Login() override { crypto::wipe(login_.password); }
  std::optional<std::string> initial() override { return {}; }
  Response respond(std::string_view) override {
    switch (step_++) {
      case 0:
        return login_.user;
      case 1:
        return login_.password;
      default:
        return std::unexpected("The server asked for more than LOGIN has.");
    }
  }
  bool complete() const override { return step_ == 2; }

 private:
  ClientLogin login_;
  int step_ = 0;
};

// [rfc2195 2]: the server speaks first, and the password stays here.
class CramMd5 final : public ClientMechanism {
 public:
  explicit CramMd5(ClientLogin login) : login_(std::move(login)) {}
  ~CramMd5() override { crypto::wipe(login_.password); }
  std::optional<std::string> initial() override { return {}; }
  Response respond(std::string_view challenge) override {
    if (done_) return std::unexpected("The server asked for more than CRAM-MD5 has.");
    const auto proof = crypto::hmac_md5(login_.password, challenge);
    if (!proof) return std::unexpected("CRAM-MD5 needs MD5, which is switched off here.");
    done_ = true;
    std::string out = login_.user + " ";
    for (const char octet : *proof) out += fmt::format("{:02x}", static_cast<unsigned char>(octet));
    return out;
  }
  bool complete() const override { return done_; }

 private:
  ClientLogin login_;
  bool done_ = false;
};

std::string escaped_name(std::string_view name) {  // [rfc5802 5.1]
  std::string out;
  for (const char c : name) {
    if (c == '=') {
      out += "=3D";
    } else if (c == ',') {
      out += "=2C";
    } else {
      out += c;
    }
  }
  return out;
}

// As SCRAM wants names and passwords [rfc5802 5.1]; what cannot be prepared goes as it is.
std::string prepared(std::string_view text) {
  return saslprep(text).value_or(std::string(text));
}

class Scram final : public ClientMechanism {
 public:
  Scram(crypto::Hash hash, bool plus, ClientLogin login) : hash_(hash), login_(std::move(login)) {
    const Binding binding = binding_of(login_.tls);
    if (plus) {
      POSTIL_ASSERT(!binding.type.empty());
      gs2_ = fmt::format("p={},,", binding.type);
      binding_ = gs2_;
      binding_ += binding.data;
    } else {
      // 'y': we could bind, and think that the server cannot; it notices when somebody hid that it can [rfc5802 6].
      gs2_ = !binding.type.empty() && !login_.plus_offered ? "y,," : "n,,";
      binding_ = gs2_;
    }
  }
  ~Scram() override {
    crypto::wipe(login_.password);
    crypto::wipe(server_signature_);
  }

  std::optional<std::string> initial() override {
    bare_ = fmt::format("n={},r={}", escaped_name(prepared(login_.user)), login_.nonce);
    return gs2_ + bare_;
  }
  Response respond(std::string_view challenge) override {
    switch (step_++) {
      case 0:
        return server_first(challenge);
      case 1:
        return server_final(challenge);
      default:
        return std::unexpected("The server asked for more than SCRAM has.");
    }
  }
  bool costly() const override { return step_ == 0; }
  bool complete() const override { return verified_; }

 private:
  Response server_first(std::string_view message);
  Response server_final(std::string_view message);

  crypto::Hash hash_;
  ClientLogin login_;
  std::string gs2_, binding_, bare_;
  std::string server_signature_;
  int step_ = 0;
  bool verified_ = false;
};

Response Scram::server_first(std::string_view message) {
  const auto parts = split(message, ',');
  if (parts.size() < 3 || !parts[0].starts_with("r=") || !parts[1].starts_with("s=") || !parts[2].starts_with("i=")) {
    return std::unexpected("The server's first SCRAM message cannot be read.");
  }
  const auto nonce = parts[0].substr(2);
  if (!nonce.starts_with(login_.nonce) || nonce.size() == login_.nonce.size()) {
    return std::unexpected("The server's SCRAM nonce does not go on from ours.");
  }
  const auto salt = crypto::base64_decode(parts[1].substr(2));
  const auto count = parts[2].substr(2);
  int iterations = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), iterations);
  if (!salt || salt->empty() || error != std::errc() || end != count.data() + count.size()) {
    return std::unexpected("The server's first SCRAM message cannot be read.");
  }
  if (iterations < iterations_min || iterations > iterations_max) {
    return std::unexpected(fmt::format("The server wants {} SCRAM iterations; {} to {} are accepted.", iterations,
                                       iterations_min, iterations_max));
  }
  std::string password = prepared(login_.password);
  std::string salted = crypto::pbkdf2(hash_, password, *salt, iterations);
  std::string client_key = crypto::hmac(hash_, salted, "Client Key");
  const std::string stored_key = crypto::digest(hash_, client_key);
  std::string server_key = crypto::hmac(hash_, salted, "Server Key");
  std::string final = fmt::format("c={},r={}", crypto::base64_encode(binding_), nonce);
  const std::string auth_message = fmt::format("{},{},{}", bare_, message, final);
  const std::string signature = crypto::hmac(hash_, stored_key, auth_message);
  server_signature_ = crypto::hmac(hash_, server_key, auth_message);
  std::string proof = client_key;
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  final += ",p=" + crypto::base64_encode(proof);
  crypto::wipe(password);
  crypto::wipe(salted);
  crypto::wipe(client_key);
  crypto::wipe(server_key);
  return final;
}

Response Scram::server_final(std::string_view message) {
  if (message.starts_with("e=")) {
    return std::unexpected(
        fmt::format("The server ended SCRAM with the error \"{}\".", printable(message.substr(2), 60)));
  }
  const auto signature = message.starts_with("v=") ? crypto::base64_decode(split(message.substr(2), ',')[0])
                                                   : std::expected<std::string, crypto::Base64Error>(std::string());
  if (!signature || !crypto::constant_time_equal(*signature, server_signature_)) {
    return std::unexpected("The server could not prove that it knows the password.");
  }
  verified_ = true;
  return std::string();
}

}  // namespace

std::string choose_client(const ClientChoice& choice, const std::optional<crypto::TlsFacts>& tls) {
  for (const Known& mechanism : known) {
    if (!choice.wanted.empty() && !iequals(choice.wanted, mechanism.name)) continue;
    if (!has(choice.offered, mechanism.name) || has(choice.without, mechanism.name)) continue;
    if (mechanism.channel_binding && binding_of(tls).type.empty()) continue;
    if (mechanism.password_in_clear && !choice.password_in_clear) continue;
    return std::string(mechanism.name);
  }
  return {};
}

bool can_bind(const std::optional<crypto::TlsFacts>& tls) {
  return !binding_of(tls).type.empty();
}

std::unique_ptr<ClientMechanism> make_client(std::string_view name, ClientLogin login) {
  if (name == "CRAM-MD5") return std::make_unique<CramMd5>(std::move(login));
  if (name == "PLAIN") return std::make_unique<Plain>(std::move(login));
  if (name == "LOGIN") return std::make_unique<Login>(std::move(login));
  POSTIL_ASSERT(name.starts_with("SCRAM-SHA-"));
  const auto hash = name.starts_with("SCRAM-SHA-256") ? crypto::Hash::sha256 : crypto::Hash::sha1;
  return std::make_unique<Scram>(hash, name.ends_with("-PLUS"), std::move(login));
}

}  // namespace postil::sasl
