// What the server would answer to a dialogue, up to RCPT: the session, the rules and the accounts of `postil serve`,
// fed with commands in place of a connection. Nothing is listened on, sent or stored.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "app/app.hpp"
#include "config/config.hpp"
#include "env/resolver.hpp"
#include "server/services.hpp"

namespace postil::app {

// A client, as far as the rules look at it. What is left empty gets a value that lets the dialogue go on.
struct SimulatedDialogue {
  std::string job;                           // submission, relay, null; "" = by `port`, or what fits best
  std::uint16_t port = 0;                    // 0 = any
  std::optional<bool> tls;                   // nothing: where a client would use it
  std::string from_ip;                       // numeric; "" = 192.0.2.1, which is nobody's
  std::string helo;                          // "" = the address as a literal
  std::string auth;                          // a login, whose password is taken for right; "" = nobody logs in
  std::optional<std::string> mail_from;      // "" = the null sender, which stands too where there are only recipients
  std::optional<std::uint64_t> size_octets;  // of the message, declared in MAIL
  std::vector<std::string> rcpt;
};

struct SimulatedStep {
  std::string command;             // as on the wire, without secrets; "" = the connection
  std::vector<std::string> lines;  // of the reply, with its code
  reply::Code code = 0;
  std::string status;   // "5.7.1"; "" = none
  std::string key;      // of a refusal: its name in the catalogue
  std::string rule;     // and the key of the configuration that decided; "" = the protocol
  std::string setting;  // its value, as TOML
  std::string place;    // "postil.toml:12", "default"
  bool dns = false;     // DNS would have been asked, but was left out

  bool refused() const { return code >= 400; }
  std::string reply() const;  // the lines as one, without the hyphens between
};

struct Simulated {
  ListenerPlan listener;
  bool tls = false;
  std::vector<SimulatedStep> steps;     // at least one
  std::vector<std::string> unasked;     // names that DNS was not asked of, each once
  std::vector<std::string> unanswered;  // names of which it gave no answer, which lets mail pass

  // The first refusal, or else the last answer.
  const SimulatedStep& verdict() const;
  bool accepted() const { return !verdict().refused(); }
};

// resolver: null = DNS is left out, and what depends on it is taken. accounts: null = those of the configuration's
// users file. Blocks for some milliseconds, with a resolver for policy::domain_check_deadline a domain at most. Fails
// where no listener of the configuration is such a one.
std::expected<Simulated, StartFailure> simulate(const config::Config& config, const SimulatedDialogue& dialogue,
                                                env::Resolver* resolver, server::AccountSource* accounts = nullptr);

}  // namespace postil::app
