// Runs one server session on its stream: the only place where ServerSession meets the network.
#pragma once

#include <memory>

#include "server/answers.hpp"
#include "server/registry.hpp"
#include "server/services.hpp"

namespace postil::server {

// What the sessions of one listener share; a reload swaps the whole.
struct ListenerState {
  std::shared_ptr<const smtp::ServerSettings> settings;
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<env::TlsServerContext> tls;  // null: no certificate
  // Job::local: the account name for a uid; nothing refuses it.
  std::function<std::optional<std::string>(std::uint32_t)> local_login;
  // Job::relay: who may connect; empty = everybody.
  std::vector<address::Network> networks;
  // The proxies, which begin each connection with a PROXY header; nobody else may connect. Empty: no header is read.
  std::vector<address::Network> proxies;
};

// Who is at the other end, as the rules and limits see it.
struct Client {
  SessionId session;
  std::string address;  // canonical; "local" for a Unix socket
  std::string local_address;
  std::unique_ptr<reply::Reply> refusal;  // it is not served, and told so until it says QUIT
};

// Who may not connect to this listener at all, and what it is told in place of a greeting. address: numeric.
std::optional<reply::Reply> refuse_peer(const ListenerState& listener, const std::string& address);

// Runs to the end of the connection, on the stream's executor; then gives back its place in the registry, which it
// entered before, and its `load`.
env::Awaitable<void> run_session(Services& services, Registry& registry, std::shared_ptr<const ListenerState> listener,
                                 env::StreamPtr stream, Client client, std::shared_ptr<void> load);

}  // namespace postil::server
