#include "check/login_probe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "check/dialogue.hpp"
#include "crypto/base64.hpp"
#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"
#include "sasl/client.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::check {
namespace {

using diagnose::Connection;

constexpr std::string_view known_mechanisms[] = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"};

bool good(const std::optional<reply::RemoteReply>& reply) {
  return reply && reply->code / 100 == 2;
}

env::TlsClientRequest look(const HostProbe& probe, const Connection& connection) {
  env::TlsClientRequest out;
  out.server_name = connection.host.empty() ? connection.address : connection.host;
  out.ca_file = probe.options.ca_file;
  out.inspect = true;
  return out;
}

// The chain leads to a trusted authority, and the name is right: PLAIN may show the password to this server.
bool proven(const Connection& c) {
  const std::string& name = c.host.empty() ? c.address : c.host;
  return c.tls && c.tls->chain_error.empty() && !c.tls->chain.empty() &&
         crypto::certificate_is_for(c.tls->chain.front(), name);
}

// To the EHLO over TLS. False when no login can be tried there.
env::Awaitable<bool> open(HostProbe probe, Dialogue& dialogue, Connection* to) {
  const bool connected = co_await dialogue.connect(probe.options.connect_patience);
  if (!connected) co_return false;
  if (to->implicit_tls) {
    const bool tls = co_await dialogue.start_tls(look(probe, *to));
    if (!tls) co_return false;
  }
  to->greeting = co_await dialogue.read_reply("greeting");
  if (!good(to->greeting)) co_return false;
  const std::string hello = "EHLO " + probe.options.own_name;
  to->ehlo = co_await dialogue.command(hello, "ehlo");
  if (!good(to->ehlo)) co_return false;
  if (to->implicit_tls) co_return true;
  if (!smtp::parse_extensions(*to->ehlo).starttls) co_return false;
  to->starttls = co_await dialogue.command("STARTTLS", "starttls");
  if (!to->starttls || to->starttls->code != 220) co_return false;
  const bool tls = co_await dialogue.start_tls(look(probe, *to));
  if (!tls) co_return false;
  to->ehlo_tls = co_await dialogue.command(hello, "ehlo");
  co_return good(to->ehlo_tls);
}

std::vector<std::string> offered(const Connection& c) {
  const auto* ehlo = c.ehlo_tls ? &*c.ehlo_tls : &*c.ehlo;
  return smtp::parse_extensions(*ehlo).auth;
}

// Those that can be tried here, the strongest first.
std::vector<std::string> to_try(const std::vector<std::string>& offered) {
  std::vector<std::string> out;
  for (const auto name : known_mechanisms) {
    if (std::ranges::find(offered, name) != offered.end()) out.emplace_back(name);
  }
  if (out.size() > login_mechanisms_max) out.resize(login_mechanisms_max);
  return out;
}

env::Awaitable<void> authenticate(HostProbe probe, Dialogue& dialogue, Connection* to) {
  const bool in_clear = to->mechanism == "PLAIN" || to->mechanism == "LOGIN";
  if (in_clear && !proven(*to)) co_return;  // kept back
  const auto names = offered(*to);
  sasl::ClientLogin login;
  login.user = probe.options.request.login_user;
  login.password = probe.options.password;
  login.tls = dialogue.tls();
  login.plus_offered = std::ranges::any_of(names, [](const auto& name) { return name.ends_with("-PLUS"); });
  login.nonce =
      crypto::base64_encode(crypto::sha256(fmt::format("check {}", probe.ports.entropy.word()))).substr(0, 32);
  const auto mechanism = sasl::make_client(to->mechanism, std::move(login));
  auto initial = mechanism->initial();
  std::string line = "AUTH " + to->mechanism;
  const std::string shown = line + (initial ? " ***" : "");
  if (initial) line += " " + (initial->empty() ? std::string("=") : crypto::base64_encode(*initial));
  std::optional<reply::RemoteReply> reply = co_await dialogue.command(std::move(line), "auth", shown);
  constexpr int rounds_max = 8;
  for (int round = 0; reply && reply->code == 334 && round < rounds_max; ++round) {
    const auto challenge = crypto::base64_decode(reply->lines.empty() ? "" : reply->lines.front());
    std::expected<std::string, std::string> response = std::unexpected("The server's challenge is not base64.");
    if (challenge) response = mechanism->respond(*challenge);
    if (!response) {
      co_await dialogue.command("*", "auth");
      to->broken = diagnose::Break{"auth", "malformed", printable(response.error(), 200)};
      co_return;
    }
    reply = co_await dialogue.command(crypto::base64_encode(*response), "auth", "***");
  }
  if (reply && reply->code == 235 && !mechanism->complete()) {
    to->broken =
        diagnose::Break{"auth", "malformed", "The server let us in without a proof that it knows the password."};
    co_return;
  }
  to->auth = std::move(reply);
}

env::Awaitable<void> probe_mechanism(HostProbe probe, Connection* to) {
  Dialogue dialogue(*to, probe.ports.network, probe.ports.clock, probe.deadline, probe.options.reply_patience);
  const bool usable = co_await open(probe, dialogue, to);
  if (usable) co_await authenticate(probe, dialogue, to);
  co_await dialogue.quit();
}

}  // namespace

// One after the other: servers slow logins down that come in numbers.
env::Awaitable<void> probe_login(HostProbe probe, std::deque<Connection>* all, Connection* connection) {
  std::vector<std::string> mechanisms;
  {
    Dialogue dialogue(*connection, probe.ports.network, probe.ports.clock, probe.deadline,
                      probe.options.reply_patience);
    const bool usable = co_await open(probe, dialogue, connection);
    if (usable) mechanisms = to_try(offered(*connection));
    if (!mechanisms.empty()) {
      connection->mechanism = mechanisms.front();
      co_await authenticate(probe, dialogue, connection);
    }
    co_await dialogue.quit();
  }
  for (std::size_t i = 1; i < mechanisms.size(); ++i) {
    auto& next = all->emplace_back();
    next.purpose = diagnose::Purpose::login;
    next.host = connection->host;
    next.address = connection->address;
    next.port = connection->port;
    next.implicit_tls = connection->implicit_tls;
    next.mechanism = mechanisms[i];
    co_await probe_mechanism(probe, &next);
  }
}

}  // namespace postil::check
