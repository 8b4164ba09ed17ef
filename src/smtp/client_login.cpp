// Our login at the next hop: AUTH [rfc4954].
#include <fmt/format.h>

#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "smtp/client_state.hpp"

namespace postil::smtp {
namespace {

constexpr std::size_t auth_command_octets_max = 512;  // with an initial response [rfc4954 4.]

std::string fresh_nonce(std::uint64_t random, std::size_t count) {
  // Hashed, so that one nonce does not give away the next.
  return crypto::base64_encode(crypto::sha256(fmt::format("nonce {} {}", random, count))).substr(0, 32);
}

}  // namespace

std::optional<ClientAction> ClientSession::State::begin_login() {
  if (!tls && !settings.login_without_tls) {
    return end(Stage::auth, Trouble::tls_not_offered, "Our login is sent over TLS only, and there is no TLS here.",
               true);
  }
  if (extensions.auth.empty()) {
    return end(Stage::auth, Trouble::auth_not_offered, "The server does not offer AUTH.", true);
  }
  return try_mechanism();
}

std::optional<ClientAction> ClientSession::State::try_mechanism() {
  const ClientLogin& login = *settings.login;
  sasl::ClientChoice choice{extensions.auth, login.mechanism, false, mechanisms_tried};
  choice.password_in_clear = settings.login_without_tls || (tls && tls->peer_verified);
  const std::string name = sasl::choose_client(choice, tls);
  if (name.empty()) {
    choice.password_in_clear = true;
    std::string detail = sasl::choose_client(choice, tls).empty()
                             ? "The server offers no AUTH mechanism that can be used here."
                             : "The server's certificate is not verified, so the password is not sent to it.";
    return end(Stage::auth, Trouble::auth_no_mechanism, std::move(detail), true);
  }
  mechanisms_tried.push_back(name);
  bool plus_offered = false;
  for (const auto& offered : extensions.auth)
    plus_offered |= offered.starts_with("SCRAM-") && offered.ends_with("-PLUS");
  mechanism = sasl::make_client(
      name, {login.user, login.password, tls, plus_offered, fresh_nonce(random, mechanisms_tried.size())});
  initial_response = mechanism->initial();
  std::string line = "AUTH " + name;
  if (initial_response) {
    const std::string text = initial_response->empty() ? "=" : crypto::base64_encode(*initial_response);
    if (line.size() + 1 + text.size() + 2 <= auth_command_octets_max) {
      line += " " + text;
      initial_response.reset();
    }
  }
  command(line + "\r\n", Awaited::auth);
  out_secret = true;
  return {};
}

std::optional<ClientAction> ClientSession::State::give_up_auth(std::string detail) {
  cancelled = std::move(detail);
  command("*\r\n", Awaited::auth);
  return {};
}

std::optional<ClientAction> ClientSession::State::answer_challenge(std::expected<std::string, std::string> response) {
  if (!response) return give_up_auth(std::move(response.error()));
  command(crypto::base64_encode(*response) + "\r\n", Awaited::auth);
  out_secret = true;
  return {};
}

std::optional<ClientAction> ClientSession::State::on_auth(reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  if (klass == 3 && cancelled.empty()) {
    const auto challenge = crypto::base64_decode(reply.lines.empty() ? "" : reply.lines.front());
    if (!challenge || reply.lines.size() > 1) return give_up_auth("The server's challenge is not base64.");
    if (initial_response) {
      if (!challenge->empty()) return give_up_auth("The server sent a challenge before our first response.");
      command(crypto::base64_encode(*initial_response) + "\r\n", Awaited::auth);
      initial_response.reset();
      out_secret = true;
      return {};
    }
    if (!mechanism->costly()) return answer_challenge(mechanism->respond(*challenge));
    doing = Doing::hashing;
    hash_result = std::make_shared<std::expected<std::string, std::string>>();
    return ClientHash{[by = mechanism, text = *challenge, result = hash_result] { *result = by->respond(text); }};
  }
  if (klass == 3) return unexpected(Stage::auth, std::move(reply), "the end of AUTH");
  if (klass == 2) {
    std::string detail = cancelled;
    if (detail.empty() && !mechanism->complete()) {
      detail = "The server let us in without a proof that it knows the password.";
    }
    mechanism.reset();
    if (!detail.empty())
      return end(Outcome{Stage::auth, Trouble::auth_rejected, std::move(reply), std::move(detail)}, true);
    return idle();
  }
  mechanism.reset();
  // Not this mechanism; another one may do [rfc4954 6].
  const bool try_another =
      cancelled.empty() && (reply.code == 504 || reply.code == 534) && settings.login->mechanism.empty();
  if (try_another) {
    sasl::ClientChoice choice{extensions.auth, "", settings.login_without_tls || (tls && tls->peer_verified),
                              mechanisms_tried};
    if (!sasl::choose_client(choice, tls).empty()) return try_mechanism();
  }
  return end(Outcome{Stage::auth, Trouble::auth_rejected, std::move(reply), cancelled}, true);
}

}  // namespace postil::smtp
