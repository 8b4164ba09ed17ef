#include "diagnose/login_answer.hpp"

#include <algorithm>

#include "diagnose/reply.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;

constexpr std::string_view known_mechanisms[login_mechanisms_max] = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"};

// What the words tell; nothing where they leave it to the codes.
std::optional<LoginAnswer> by_words(const reply::RemoteReply& reply) {
  const Explanation explained = explain_reply(reply, knowledge::Stage::auth);
  const Cause& cause = explained.finding;
  switch (explained.reason) {
    case Reason::auth_service_down:
    case Reason::rate_limited:
      return LoginAnswer::later;
    case Reason::tls_required:
      return LoginAnswer::no_tls;
    case Reason::sender_account_limited:
    case Reason::mailbox_disabled:
      return LoginAnswer::permission;
    case Reason::auth_mechanism:
      if (cause.rule.ends_with(".app_password")) return LoginAnswer::app_password;
      if (cause.who == knowledge::Role::sender_admin) return LoginAnswer::permission;
      return {};
    default:
      return {};
  }
}

}  // namespace

LoginAnswer login_answer(const reply::RemoteReply& reply) {
  if (reply.code == 235) return LoginAnswer::let_in;
  if (reply.code / 100 == 4) return reply.code == 432 ? LoginAnswer::permission : LoginAnswer::later;
  if (const auto told = by_words(reply)) return *told;
  const auto enhanced = reply::to_string(reply.enhanced);
  if (enhanced == "5.7.14") return LoginAnswer::permission;
  // Of the 50z codes none judges a password: the exchange was not understood, or not wanted [rfc4954 4].
  const bool by_syntax = reply.code >= 500 && reply.code <= 504;
  if (by_syntax || reply.code == 534 || enhanced == "5.7.9" || enhanced.starts_with("5.5.")) {
    return LoginAnswer::mechanism;
  }
  if (reply.code == 538 || enhanced == "5.7.11") return LoginAnswer::no_tls;
  if (reply.code == 525 || reply.code == 550 || reply.code == 530 || enhanced == "5.7.13" || enhanced == "5.7.1") {
    return LoginAnswer::permission;
  }
  return LoginAnswer::wrong;
}

std::vector<std::string> offered_mechanisms(const Connection& connection) {
  const auto& ehlo = connection.ehlo_tls ? connection.ehlo_tls : connection.ehlo;
  return ehlo ? smtp::parse_extensions(*ehlo).auth : std::vector<std::string>{};
}

std::vector<std::string> usable_mechanisms(const Connection& connection) {
  const auto offered = offered_mechanisms(connection);
  std::vector<std::string> out;
  for (const auto name : known_mechanisms) {
    if (std::ranges::find(offered, name) != offered.end()) out.emplace_back(name);
  }
  return out;
}

bool shows_password(std::string_view mechanism) {
  return mechanism == "PLAIN" || mechanism == "LOGIN";
}

}  // namespace postil::diagnose
