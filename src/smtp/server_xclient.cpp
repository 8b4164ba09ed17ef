// XCLIENT: the session goes on as that of another client, from its greeting on.
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {

using reply::TextId;

void ServerSession::State::run_xclient(std::string_view argument) {
  if (settings_->xclient_from.empty()) return say(TextId::command_unknown);
  if (!xclient_allowed_) return say(TextId::xclient_denied);
  auto said = parse_xclient(argument);
  if (!said) return say(TextId::argument_bad, {{"verb", "XCLIENT"}});
  const auto keep = [](auto& into, auto& from) {
    if (from) into = std::move(from);
  };
  if (!xclient_) xclient_ = std::make_unique<Xclient>();
  keep(xclient_->name, said->name);
  keep(xclient_->address, said->address);
  keep(xclient_->helo, said->helo);
  keep(xclient_->login, said->login);
  keep(xclient_->local_address, said->local_address);
  keep(xclient_->esmtp, said->esmtp);
  awaiting_ = Awaiting::client;
}

// The address counts from now on, for limits and rules too; who is refused by it is sent away.
void ServerSession::State::client_checked(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    say(std::move(refusal->reply));
    closing_ = true;
    return;
  }
  POSTIL_ASSERT(std::holds_alternative<Continue>(answer));
  const auto& now = *xclient_;
  const auto login = now.login.value_or("");
  tell(event::Name::session_client, {{"client", now.address ? client_address() : peer_.address},
                                     {"name", now.name.value_or("")},
                                     {"login", printable(login, 100)},
                                     {"by", "XCLIENT"}});
  if (now.address) peer_.address = client_address();
  if (now.local_address) peer_.local_address = *now.local_address;
  hello_ = now.helo.value_or("");
  hello_said_ = !hello_.empty();
  esmtp_ = hello_said_ && now.esmtp.value_or(false);
  login_ = login;
  after_last_chunk_ = false;
  say(TextId::greeting, {{"host", settings_->host_name}});
}

std::string ServerSession::State::client_address() const {
  if (!xclient_ || !xclient_->address) return peer_.address;
  return xclient_->address->empty() ? "unknown" : *xclient_->address;
}

}  // namespace postil::smtp
