// STARTTLS [rfc3207]: nothing that came in clear lives on behind the handshake.
#include "base/bytes.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {

using reply::TextId;

void ServerSession::State::run_starttls(std::string_view argument) {
  if (tls_) return say(TextId::tls_already);
  if (!settings_->starttls) return say(TextId::tls_not_offered);
  if (!argument.empty()) return say(TextId::tls_argument);
  if (transaction_) return say(TextId::in_transaction, {{"verb", "STARTTLS"}});
  say(TextId::tls_ready);
  if (closing_) return;
  // Octets behind the command were sent in clear, by whoever is in between [rfc3207 6].
  input_ = {};
  searched_ = 0;
  phase_ = Phase::handshake;
}

void ServerSession::State::tls_done(const crypto::TlsFacts& facts) {
  tls_ = std::make_unique<crypto::TlsFacts>(facts);
  phase_ = Phase::command;
  rest_since_ = now_;
  hello_.clear();
  hello_said_ = false;
  esmtp_ = false;
  login_ = peer_.local_login;
  after_last_chunk_ = false;
  drop_transaction();
  tell(event::Name::session_tls, {{"ok", true}, {"version", tls_->version}, {"cipher", tls_->cipher}});
}

void ServerSession::State::tls_failed(std::string_view why) {
  phase_ = Phase::unserved;
  rest_since_ = now_;
  hello_.clear();
  hello_said_ = false;
  login_ = peer_.local_login;
  tell(event::Name::session_tls, {{"ok", false}, {"why", printable(why)}});
}

void ServerSession::State::unserved_command(const Command& command) {
  stage_ = "tls";
  if (command.verb == Verb::quit) return run_quit({});
  say(TextId::tls_failed);
}

}  // namespace postil::smtp
