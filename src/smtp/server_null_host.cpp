// A host that takes no mail at all [rfc7504 3]: 521 to open with, 521 to what follows, 221 to QUIT. In the same way one
// that does not serve this client: 554, and then 503.
#include "smtp/server_state.hpp"

namespace postil::smtp {

using reply::TextId;

// Who meets this has no other way to find out whom to ask. No enhanced code here [rfc2034 4].
reply::Reply null_host_greeting(const ServerSettings& settings) {
  const auto& host = settings.host_name;
  if (!settings.contact.empty()) {
    return reply::make(TextId::greeting_null_host, {{"host", host}, {"contact", settings.contact}});
  }
  auto reply = reply::make(TextId::null_host, {{"host", host}});
  reply.enhanced = {};
  return reply;
}

void ServerSession::State::null_host_greeting() {
  phase_ = Phase::null_host;
  stage_ = "connect";
  say(peer_.refusal ? *peer_.refusal : smtp::null_host_greeting(*settings_));
}

void ServerSession::State::null_host_command(const Command& command) {
  ++commands_;
  if (command.verb == Verb::quit) {
    say(TextId::closing, {{"host", settings_->host_name}});
    closing_ = true;
    return;
  }
  auto reply = peer_.refusal ? reply::make(TextId::session_unserved)
                             : reply::make(TextId::null_host, {{"host", settings_->host_name}});
  if (command.verb == Verb::ehlo || command.verb == Verb::helo) reply.enhanced = {};  // [rfc2034 4]
  say(std::move(reply));
  if (commands_ >= settings_->null_host_commands_max) closing_ = true;
}

}  // namespace postil::smtp
