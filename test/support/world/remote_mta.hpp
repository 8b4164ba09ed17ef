// A remote mail host of the world: takes mail by SMTP, keeps a ledger of what it took, and misbehaves as it is told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.hpp"
#include "env/network.hpp"

namespace postil::test {

class Node;

enum class RemoteStage : std::uint8_t { greeting, ehlo, starttls, mail, rcpt, data, end, rset, quit };

// What the host does instead of what a good one would.
struct RemoteStep {
  std::string reply;  // lines without the last CRLF; "" = says nothing
  Duration delay{};
  enum class Then : std::uint8_t {
    go_on,
    close,    // after the reply
    reset,    // after the reply, which may so get lost
    silence,  // says nothing any more and reads nothing
    garbage,  // octets that are no SMTP, then closes
    endless,  // continuation lines without an end
  } then = Then::go_on;
};

struct RemoteOptions {
  std::string host_name = "mx.example.net";
  bool esmtp = true, pipelining = true, size = true, eight_bit_mime = true, chunking = true, smtputf8 = true,
       dsn = true, enhanced_status = true, binarymime = true;  // the last with CHUNKING
  bool lmtp = false;        // LHLO in place of EHLO, and a reply for each recipient behind the message
  bool requiretls = false;  // offered after TLS
  std::string certificate;  // "world:NAME"; with it STARTTLS is offered
  std::uint64_t size_max = 50'000'000;
  std::vector<std::string> also;  // further lines of its reply to EHLO: "LIMITS RCPTMAX=2", "BINARYMIME"
};

struct RemoteMessage {
  std::string sender;
  std::vector<std::string> recipients;  // addresses that were taken
  std::string octets;                   // without transparency
  std::string mail_line;
  std::vector<std::string> rcpt_lines;
  bool tls = false;
  bool dsn = false;        // the host offered it in this session
  bool answered = true;    // false: it was taken, but its 250 was not sent: the client must send again
  bool confirmed = false;  // the client went on to another command: it has read the 250
  MonoTime when;
};

class RemoteMta {
 public:
  // Nothing: as a good host does. argument: the command line; for greeting and end "".
  using Behaviour =
      std::function<std::optional<RemoteStep>(RemoteStage stage, std::string_view argument, Prng& random)>;

  // Listens on port 25 of all addresses of the node, until the node is gone.
  RemoteMta(std::shared_ptr<Node> node, RemoteOptions options, Behaviour behaviour = {});
  ~RemoteMta();
  RemoteMta(const RemoteMta&) = delete;
  RemoteMta& operator=(const RemoteMta&) = delete;

  void behave(Behaviour behaviour);
  const std::vector<RemoteMessage>& taken() const;
  void forget();  // what it took
  struct Counts {
    std::uint64_t sessions = 0, sessions_open = 0, sessions_most = 0, transactions = 0, refusals = 0;
    std::uint64_t bad_commands = 0;  // what a client must never send
  };
  const Counts& counts() const;
  const std::vector<std::string>& complaints() const;  // about the client: bare LF, commands out of order ...

 private:
  struct State;
  friend class RemoteSession;
  std::shared_ptr<State> state_;
};

// Hosts that fail now and then, at each stage in each way, otherwise good. trouble: the part of steps that go wrong.
RemoteMta::Behaviour moody(double trouble);
// Always this reply at this stage.
RemoteMta::Behaviour always(RemoteStage stage, std::string reply, RemoteStep::Then then = RemoteStep::Then::go_on);

}  // namespace postil::test
