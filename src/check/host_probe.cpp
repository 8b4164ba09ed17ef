#include "check/host_probe.hpp"

#include <algorithm>

#include "check/dialogue.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::check {
namespace {

bool good(const std::optional<reply::RemoteReply>& reply) {
  return reply && reply->code / 100 == 2;
}

env::TlsClientRequest look(const HostProbe& probe, const diagnose::Connection& connection) {
  env::TlsClientRequest out;
  out.server_name = connection.host.empty() ? connection.address : connection.host;
  out.ca_file = probe.options.ca_file;
  out.inspect = true;
  out.version = connection.version;
  return out;
}

std::uint32_t milliseconds_since(MonoTime begin, const env::Clock& clock) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<milliseconds>(clock.now() - begin).count());
}

// To EHLO, and over STARTTLS to the second EHLO. False when nothing more can be said there.
env::Awaitable<bool> open(HostProbe probe, Dialogue& dialogue, diagnose::Connection* to) {
  const bool connected = co_await dialogue.connect(probe.options.connect_patience);
  if (!connected) co_return false;
  to->greeting = co_await dialogue.read_reply("greeting");
  if (!good(to->greeting)) co_return false;
  const std::string hello = "EHLO " + probe.options.own_name;
  to->ehlo = co_await dialogue.command(hello, "ehlo");
  if (!good(to->ehlo)) co_return false;
  if (!smtp::parse_extensions(*to->ehlo).starttls) co_return true;
  to->starttls = co_await dialogue.command("STARTTLS", "starttls");
  if (!to->starttls || to->starttls->code != 220) co_return !dialogue.broken();
  const bool tls = co_await dialogue.start_tls(look(probe, *to));
  if (!tls) co_return false;
  if (to->purpose == diagnose::Purpose::tls_version) co_return true;
  to->ehlo_tls = co_await dialogue.command(hello, "ehlo");
  co_return good(to->ehlo_tls);
}

// The sender is <>: a check wants no bounce.
env::Awaitable<void> ask_recipient(HostProbe probe, Dialogue& dialogue, diagnose::Connection* to) {
  to->mail = co_await dialogue.command("MAIL FROM:<>", "mail");
  if (!good(to->mail)) co_return;
  const std::string line = "RCPT TO:<" + probe.options.request.recipient + ">";
  to->rcpt = co_await dialogue.command(line, "rcpt");
  co_await dialogue.command("RSET", "rset");
}

}  // namespace

env::Awaitable<void> probe_mail(HostProbe probe, diagnose::Connection* connection, bool recipient) {
  const MonoTime begin = probe.ports.clock.now();
  Dialogue dialogue(*connection, probe.ports.network, probe.ports.clock, probe.deadline, probe.options.reply_patience);
  const bool usable = co_await open(probe, dialogue, connection);
  if (usable && recipient) co_await ask_recipient(probe, dialogue, connection);
  co_await dialogue.quit();
  connection->took_ms = milliseconds_since(begin, probe.ports.clock);
}

env::Awaitable<void> probe_version(HostProbe probe, diagnose::Connection* connection) {
  const MonoTime begin = probe.ports.clock.now();
  Dialogue dialogue(*connection, probe.ports.network, probe.ports.clock, probe.deadline, probe.options.reply_patience);
  co_await open(probe, dialogue, connection);
  co_await dialogue.quit();
  connection->took_ms = milliseconds_since(begin, probe.ports.clock);
}

}  // namespace postil::check
