// Gathers what a check needs to know, through the ports: DNS answers, conversations with hosts, policies by HTTPS. All
// parts go on side by side, each with its own deadline, so that a host that drips or says nothing costs no more than
// its own time. Judges nothing: diagnose::find_all() does.
#pragma once

#include <functional>
#include <string>

#include "check/notebook.hpp"
#include "diagnose/observations.hpp"
#include "env/clock.hpp"
#include "env/entropy.hpp"
#include "env/https.hpp"
#include "env/network.hpp"
#include "env/resolver.hpp"

namespace postil::check {

struct Ports {
  const env::Clock& clock;
  env::Resolver& resolver;
  env::Network& network;
  env::Entropy& entropy;
  env::Https* https = nullptr;  // null: policies cannot be fetched
};

struct Options {
  diagnose::CheckRequest request;
  std::string password;         // of request.login_user; never kept in what is observed
  std::string own_name;         // for EHLO
  std::string ca_file;          // "" = the system's
  bool all_mechanisms = false;  // logins: each one on both ports, however many are refused
  std::uint16_t port = 25;
  std::uint16_t port_submissions = 465;  // TLS from the start
  std::uint16_t port_submission = 587;
  Duration patience = seconds(20);     // of the whole
  Duration dns_patience = seconds(8);  // of one question
  Duration connect_patience = seconds(8);
  Duration reply_patience = seconds(10);  // of one reply, and of a handshake
  Duration fetch_patience = seconds(15);  // of a policy by HTTPS, with its questions to DNS
  // Told what goes on: a literal ("mx1.example.org 192.0.2.1"); may be empty.
  std::function<void(std::string_view)> progress;
};

// Runs on the caller's executor, which one thread at a time runs. Takes at most options.patience and a moment.
env::Awaitable<diagnose::Observations> observe(Ports ports, Options options);

}  // namespace postil::check
