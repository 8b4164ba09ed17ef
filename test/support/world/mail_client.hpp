// A plain client of the world that submits one message and knows what it was told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "env/network.hpp"

namespace postil::test {

class Node;

struct Submission {
  std::string sender;  // "" = <>
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
