// How a connection begins: the greeting, EHLO, STARTTLS.
#include <fmt/format.h>

#include "smtp/client_extensions.hpp"
#include "smtp/client_state.hpp"

namespace postil::smtp {

std::optional<ClientAction> ClientSession::State::on_greeting(reply::RemoteReply reply) {
  greeting = reply.one_line();
  if (reply.code / 100 == 3) return unexpected(Stage::greeting, std::move(reply), "our connection");
  if (reply.code / 100 != 2) return end_by_reply(Stage::greeting, std::move(reply));
  hello();
  return {};
}

void ClientSession::State::hello() {
  command(fmt::format("{} {}\r\n", settings.lmtp ? "LHLO" : "EHLO", settings.host_name), Awaited::ehlo);
}

std::optional<ClientAction> ClientSession::State::on_hello(Awaited what, reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  if (klass == 3) return unexpected(Stage::ehlo, std::move(reply), what == Awaited::ehlo ? "EHLO" : "HELO");
  extensions = {};
  if (klass == 2) {
    if (what == Awaited::ehlo) extensions = parse_extensions(reply);
    return after_hello();
  }
  if (klass == 5 && what == Awaited::ehlo && !settings.lmtp) {  // [rfc5321 3.2]
    command(fmt::format("HELO {}\r\n", settings.host_name), Awaited::helo);
    return {};
  }
  return end_by_reply(Stage::ehlo, std::move(reply));
}

std::optional<ClientAction> ClientSession::State::after_hello() {
  const bool wanted = settings.tls == TlsUse::opportunistic || settings.tls == TlsUse::required;
  if (!tls && wanted && !starttls_refused) {
    if (extensions.starttls) {
      command("STARTTLS\r\n", Awaited::starttls);
      return {};
    }
    if (settings.tls == TlsUse::required) {
      return end(Stage::starttls, Trouble::tls_not_offered, "The server does not offer STARTTLS.", true);
    }
  }
  if (settings.login) return begin_login();
  return idle();
}

std::optional<ClientAction> ClientSession::State::on_starttls(reply::RemoteReply reply, MonoTime now) {
  if (reply.code / 100 == 3) return unexpected(Stage::starttls, std::move(reply), "STARTTLS");
  if (reply.code / 100 == 2) {
    if (!inbox.empty()) {  // CVE-2021-38371
      return end(Stage::starttls, Trouble::reply_malformed,
                 "Octets in clear came behind the reply to STARTTLS; they may be an injection.");
    }
    doing = Doing::handshake;
    deadline = now + settings.command_timeout;
    return ClientStartTls{deadline};
  }
  if (settings.tls == TlsUse::required) {
    return end(Outcome{Stage::starttls, Trouble::tls_refused, std::move(reply), {}}, true);
  }
  starttls_refused = true;
  return after_hello();
}

}  // namespace postil::smtp
