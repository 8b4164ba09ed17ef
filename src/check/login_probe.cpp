#include "check/login_probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/bytes.hpp"
#include "check/dialogue.hpp"
#include "check/side_by_side.hpp"
#include "crypto/base64.hpp"
#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"
#include "diagnose/login_answer.hpp"
#include "sasl/client.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::check {
namespace {

using diagnose::Connection;

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

env::Awaitable<void> authenticate(HostProbe probe, Dialogue& dialogue, Connection* to) {
  if (diagnose::shows_password(to->mechanism) && !proven(*to)) co_return;  // kept back
  if (to->mechanism.ends_with("-PLUS") && !sasl::can_bind(dialogue.tls())) {
    to->broken = diagnose::Break{"auth", "tls", "This connection has nothing to which a login could be bound."};
    co_return;
  }
  const auto names = diagnose::offered_mechanisms(*to);
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

// A port of the host, and its first conversation, which waits for its turn.
struct Port {
  Connection* connection = nullptr;
  std::unique_ptr<Dialogue> dialogue;          // null once it is used
  std::vector<std::string> mechanisms, tried;  // of this port
};

class Logins {
 public:
  Logins(HostProbe probe, std::deque<Connection>* all) : probe_(probe), all_(all) {}
  env::Awaitable<void> run(std::vector<Connection*> ports);

 private:
  std::unique_ptr<Dialogue> dialogue_of(Connection* to) const {
    return std::make_unique<Dialogue>(*to, probe_.ports.network, probe_.ports.clock, probe_.deadline,
                                      probe_.options.reply_patience);
  }
  env::Awaitable<void> open_port(Port* port);
  std::string choose(const Port& port) const;  // "" = nothing more is to be tried there
  env::Awaitable<void> attempt(Port* port, std::string mechanism);
  void learn(const Connection& connection);

  HostProbe probe_;
  std::deque<Connection>* all_;
  std::vector<std::string> refused_;  // mechanisms, on whichever port
  bool let_in_ = false;
  bool enough_ = false;  // no further login would tell more
};

env::Awaitable<void> Logins::open_port(Port* port) {
  port->dialogue = dialogue_of(port->connection);
  const bool usable = co_await open(probe_, *port->dialogue, port->connection);
  if (!usable) co_return;
  port->mechanisms = diagnose::usable_mechanisms(*port->connection);
  const bool bound = sasl::can_bind(port->dialogue->tls());
  std::erase_if(port->mechanisms, [&](const auto& name) { return name.ends_with("-PLUS") && !bound; });
}

std::string Logins::choose(const Port& port) const {
  std::vector<std::string> left;
  for (const auto& one : port.mechanisms) {
    if (std::ranges::find(port.tried, one) == port.tried.end()) left.push_back(one);
  }
  if (left.empty()) return {};
  if (probe_.options.all_mechanisms) return left.front();
  const int max = let_in_ ? refused_logins_max + 1 : refused_logins_max;
  if (enough_ || static_cast<int>(refused_.size()) >= max) return {};
  if (let_in_ || refused_.empty()) return left.front();
  // After a refusal, that which differs most from it: the server is shown the password itself, in whatever form it
  // keeps it.
  std::erase_if(left, [&](const auto& one) { return std::ranges::find(refused_, one) != refused_.end(); });
  if (left.empty()) return {};
  const auto shown = std::ranges::find_if(left, diagnose::shows_password);
  return shown != left.end() && proven(*port.connection) ? *shown : left.front();
}

void Logins::learn(const Connection& connection) {
  using diagnose::LoginAnswer;
  if (!connection.auth) {
    if (connection.broken && connection.broken->stage == "auth") refused_.push_back(connection.mechanism);
    if (connection.broken && connection.broken->stage != "auth") enough_ = true;  // it does not want us any more
    return;
  }
  switch (diagnose::login_answer(*connection.auth)) {
    case LoginAnswer::let_in:
      let_in_ = true;
      return;
    case LoginAnswer::mechanism:
    case LoginAnswer::no_tls:
      return;  // the password was not judged
    case LoginAnswer::permission:
    case LoginAnswer::app_password:
    case LoginAnswer::later:
      enough_ = true;
      [[fallthrough]];
    case LoginAnswer::wrong:
      refused_.push_back(connection.mechanism);
  }
}

env::Awaitable<void> Logins::attempt(Port* port, std::string mechanism) {
  port->tried.push_back(mechanism);
  auto dialogue = std::move(port->dialogue);
  Connection* to = port->connection;
  bool usable = true;
  if (!dialogue) {
    to = &all_->emplace_back();
    to->purpose = diagnose::Purpose::login;
    to->host = port->connection->host;
    to->address = port->connection->address;
    to->port = port->connection->port;
    to->implicit_tls = port->connection->implicit_tls;
    dialogue = dialogue_of(to);
    usable = co_await open(probe_, *dialogue, to);
  }
  to->mechanism = std::move(mechanism);
  if (usable) co_await authenticate(probe_, *dialogue, to);
  co_await dialogue->quit();
  learn(*to);
}

// Both ports are opened side by side: one of them is often closed, and silent.
env::Awaitable<void> Logins::run(std::vector<Connection*> connections) {
  std::vector<Port> ports;
  for (auto* connection : connections) ports.push_back({connection, nullptr, {}, {}});
  std::vector<env::Awaitable<void>> opened;
  for (auto& port : ports) opened.push_back(open_port(&port));
  co_await side_by_side(std::move(opened));
  for (auto& port : ports) {
    for (std::string next = choose(port); !next.empty(); next = choose(port)) {
      std::string mechanism = next;
      co_await attempt(&port, std::move(mechanism));
    }
    if (port.dialogue) co_await port.dialogue->quit();
  }
}

}  // namespace

env::Awaitable<void> probe_logins(HostProbe probe, std::deque<Connection>* all, std::vector<Connection*> ports) {
  Logins logins(probe, all);
  co_await logins.run(std::move(ports));
}

}  // namespace postil::check
