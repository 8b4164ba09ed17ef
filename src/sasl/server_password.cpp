// PLAIN [rfc4616] and LOGIN (draft-murchison-sasl-login): the password itself comes over, so only inside TLS.
#include "base/assert.hpp"
#include "crypto/digest.hpp"
#include "crypto/password.hpp"
#include "sasl/prepare.hpp"
#include "sasl/server_mechanisms.hpp"

namespace postil::sasl {
namespace {

// From the moment that name and password are there, both are the same.
class PasswordMechanism : public ServerMechanism {
 public:
  explicit PasswordMechanism(std::string_view name) : name_(name) {}
  ~PasswordMechanism() override { crypto::wipe(password_); }

  Step account(LookupOutcome outcome, const Credentials& found) override {
    POSTIL_ASSERT(asked_ == Asked::account);
    asked_ = Asked::nothing;
    if (outcome == LookupOutcome::unavailable) return failed(reply::TextId::auth_unavailable);
    found_ = found;
    asked_ = Asked::password;
    // Somebody whom we do not know, or who has no password, must not be answered faster than others.
    return Verify{found.password_hash.empty() ? crypto::dummy_hash() : found.password_hash, std::move(password_)};
  }

  Step verified(bool matches) override {
    POSTIL_ASSERT(asked_ == Asked::password);
    asked_ = Asked::nothing;
    return finish(found_, matches && !found_.password_hash.empty(), name_);
  }

 protected:
  Step look_up(std::string_view user, std::string_view password) {
    const auto prepared = prepared_user(user);
    auto prepared_password = saslprep(password);
    if (!prepared || !prepared_password) return failed(reply::TextId::auth_malformed);
    password_ = std::move(*prepared_password);
    asked_ = Asked::account;
    return Lookup{*prepared};
  }

 private:
  enum class Asked : std::uint8_t { nothing, account, password };
  std::string_view name_;
  Asked asked_ = Asked::nothing;
  Credentials found_;
  std::string password_;
};

class Plain final : public PasswordMechanism {
 public:
  Plain() : PasswordMechanism("PLAIN") {}

  Step start(std::optional<std::string_view> initial) override {
    if (!initial) return Challenge{};
    return respond(*initial);
  }

  // [authzid] NUL authcid NUL passwd [rfc4616 2]
  Step respond(std::string_view message) override {
    const auto first = message.find('\0');
    const auto second = first == std::string_view::npos ? first : message.find('\0', first + 1);
    if (second == std::string_view::npos) return failed(reply::TextId::auth_malformed);
    const auto authzid = message.substr(0, first);
    const auto authcid = message.substr(first + 1, second - first - 1);
    const auto prepared = prepared_user(authcid);
    if (!prepared) return failed(reply::TextId::auth_malformed);
    if (!acts_as_itself(authzid, *prepared)) return failed(reply::TextId::auth_credentials);
    return look_up(authcid, message.substr(second + 1));  // a third NUL is in the password: saslprep refuses it
  }
};

class Login final : public PasswordMechanism {
 public:
  Login() : PasswordMechanism("LOGIN") {}

  Step start(std::optional<std::string_view> initial) override {
    if (!initial) return Challenge{"Username:"};
    return respond(*initial);
  }

  Step respond(std::string_view message) override {
    if (!user_) {
      user_ = std::string(message.substr(0, user_octets_max + 1));  // one more, so that it is seen to be too long
      return Challenge{"Password:"};
    }
    return look_up(*user_, message);
  }

 private:
  std::optional<std::string> user_;
};

}  // namespace

std::unique_ptr<ServerMechanism> make_plain() {
  return std::make_unique<Plain>();
}
std::unique_ptr<ServerMechanism> make_login() {
  return std::make_unique<Login>();
}

}  // namespace postil::sasl
