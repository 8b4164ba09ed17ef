// A client of the world that submits one message, with a login and TLS where it is told so, and knows what it was told.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/network.hpp"

namespace postil::test {

class Node;

struct SubmissionLogin {
  std::string mechanism;  // "PLAIN", "LOGIN", "SCRAM-SHA-256" ...
  std::string user, password;
};

struct Submission {
  enum class Tls : std::uint8_t { none, starttls, implicit } tls = Tls::none;
  std::optional<SubmissionLogin> login;
  std::string sender;           // "" = <>
  std::string mail_parameters;  // "RET=HDRS ENVID=x"
  std::vector<std::string> recipients;
  std::string octets;                   // lines with CRLF
  std::vector<std::string> parameters;  // of RCPT, as many as recipients or none: "NOTIFY=NEVER"
};

struct SubmissionResult {
  enum class End : std::uint8_t {
    accepted,  // 250 after the message
    refused,   // a reply said that it is not taken
    doubtful,  // the connection broke after the message was sent, before a reply
    not_sent,  // it broke before
  } end = End::not_sent;
  std::vector<std::string> taken;                            // recipients that RCPT answered 250
  std::vector<std::pair<std::string, std::string>> refused;  // recipient and reply
  std::string last_reply;
  MonoTime when;
};

env::Awaitable<SubmissionResult> submit(std::shared_ptr<Node> from, env::Endpoint to, Submission what);

}  // namespace postil::test
