// One mail transaction from the command line: smtp::ClientSession on the real network, with the dialogue recorded.
// Logins are never recorded: what is sent for AUTH and the server's challenges are left out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/tls_facts.hpp"
#include "knowledge/codes.hpp"
#include "reply/reply.hpp"
#include "smtp/client_session.hpp"

namespace postil::cli {

// The session ends after the reply to this; data: after the 354, by closing the connection.
enum class StopAfter : std::uint8_t { connect, ehlo, starttls, auth, mail, rcpt, data, nothing };

struct DialogueLine {
  char who = 'C';    // C or S; * = not on the wire: TLS, the message itself
  std::string text;  // printable, one line
};

struct GivenReply {
  knowledge::Stage stage = knowledge::Stage::any;
  std::string command;  // as in the dialogue; "" for the greeting
  reply::RemoteReply reply;
};

struct MailTask {
  std::string host;  // name or numeric address; or the path of a Unix socket
  std::uint16_t port = 0;
  std::vector<std::string> addresses;  // of the host, numeric, in the order of trying; empty: the system is asked
  smtp::ClientSettings settings;
  bool verify = true;       // the server's certificate
  std::string verify_name;  // "" = host
  std::string ca_file;      // "" = the system's
  Duration connect_timeout = seconds(30);
  StopAfter stop_after = StopAfter::nothing;
  smtp::Transaction transaction;
  std::string message;  // with CRLF, without transparency
  // Called when the server is ready for mail, with its greeting's host name: the last moment to fill in the two above.
  std::function<void(MailTask& task, const std::string& host_name)> ready;
  std::function<void(const DialogueLine&)> listen;  // called as lines come; may be empty
};

struct MailResult {
  enum class Reached : std::uint8_t {
    nothing,    // the name has no address
    no_server,  // no connection to any address
    no_right,   // the Unix socket is not for this user
    server,     // a session took place
  };
  Reached reached = Reached::nothing;
  std::string detail;   // English, where there was no session
  std::string address;  // of the server, "192.0.2.1:25"
  std::vector<DialogueLine> dialogue;
  std::vector<GivenReply> replies;
  std::optional<crypto::TlsFacts> tls;
  std::optional<smtp::TransactionResult> result;  // when the transaction was begun and not stopped
  std::optional<smtp::Outcome> end;               // why the session ended before a transaction
  bool stopped = false;                           // by stop_after

  // The last reply to a stage, or null.
  const GivenReply* last(knowledge::Stage stage) const;
};

// Blocks until it is over; every wait has the settings' bounds.
MailResult send_mail(MailTask task);

}  // namespace postil::cli
