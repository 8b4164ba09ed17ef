// The server's side of an SMTP session, sans-I/O: takes bytes, answers, TLS facts and the time; gives actions.
// No coroutine, socket, clock or thread inside. A table of verb × state (server_commands.cpp) says what is legal.
//
// The driver's loop:
//   Action action = session.start(now);
//   for (;;) switch (action):  each action has one kind of input that the session waits for next
//     Read       write `output` first (if any), then read until `deadline`  -> bytes() | timed_out() | closed()
//                with `flush` set: write `output` until `deadline`, read nothing -> written() | closed()
//     StartTls   write `output`, then handshake                             -> tls_done() | closed()
//     Ask        answer the question                                        -> answer()
//     Close      write `output` (best effort), close; the session is over
// Events that the session wants told are in `take_events()` after each step.
//
// Bytes that came with a command that asks a question wait inside, bounded by what one read gave:
// while a question is open the driver does not read, and that is what slows a client down.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "address/ip.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "crypto/tls_facts.hpp"
#include "event/event.hpp"
#include "reply/catalogue.hpp"
#include "sasl/server.hpp"
#include "smtp/params.hpp"

namespace postil::smtp {

enum class Job : std::uint8_t {
  submission,  // 587, 465: a login before MAIL [rfc6409]
  relay,       // for trusted networks, no login needed
  inbound,     // an MX: nobody logs in (a later part of the program; the session is ready for it)
  null_host,   // takes no mail at all [rfc7504]
  local,       // Unix socket: the peer's uid is the login
};

// What one listener's sessions share; never changes, a reload makes new ones. The session holds a shared_ptr.
struct ServerSettings {
  Job job = Job::submission;
  std::string host_name;
  bool implicit_tls = false;      // TLS was up before the greeting (465)
  bool starttls = false;          // a certificate is there
  bool auth_offered = false;      // accounts are there
  bool auth_without_tls = false;  // password mechanisms in clear; off by default
  bool require_tls = false;       // MAIL before TLS gets 530
  bool require_auth = false;      // MAIL before AUTH gets 530
  std::vector<std::string>
      mechanisms;  // allowed ones, upper case; empty = all that sasl knows (EXTERNAL only with a client certificate)
  std::vector<address::Network> xclient_from;  // who may say XCLIENT; empty = it is not there
  std::string receipt_url;                     // "" or "https://mx.example.org/r/"
  bool hide_client = false;                    // leave the client's address out of Received
  // HELP TOPIC: the lines that explain a code, ASCII; empty = nothing is known of it. Pure, any thread.
  std::function<std::vector<std::string>(std::string_view topic)> help;
  // Limits.
  std::uint64_t message_octets_max = 50u << 20;
  std::uint32_t recipients_max = 1000;            // per message; at least 100 [rfc5321 4.5.3.1.8]
  std::uint32_t text_line_octets_max = 998 * 64;  // of a line in a message; passed on as it is
  std::uint32_t header_octets_max = 1u << 20;
  std::uint32_t hops_max = 100;              // Received fields [rfc5321 6.3]
  std::uint32_t errors_max = 20;             // replies 4yz and 5yz to commands, per session; then 421
  std::uint32_t commands_max = 20000;        // per session, not counting those of transactions that succeeded
  std::uint32_t auth_failures_max = 3;       // per session; then 421 [rfc4954 9: not before 3]
  Duration hold_max{};                       // HOLDFOR and HOLDUNTIL up to this [rfc4865]; 0 = not offered
  std::uint32_t by_seconds_min = 60;         // BY=...;R below this is refused [rfc2852 3]
  std::int8_t priority_max = 9;              // MT-PRIORITY above this is lowered to it [rfc6710 4.1]
  Duration command_timeout = minutes(5);     // [rfc5321 4.5.3.2.7]
  Duration data_timeout = minutes(3);        // between blocks of data; 4.5.3.2.5 asks at least 3 min of clients
  Duration message_duration_max = hours(1);  // from DATA to its end, so that a drip of octets ends
  std::string contact;                       // of the null host, for people; told in its greeting
  Duration null_host_duration_max = seconds(30);
  std::uint32_t null_host_commands_max = 10;
};

// A host that takes no mail at all: whatever it says, "try again later" is not it [rfc7504 3].
inline bool refuses_all(const ServerSettings& settings) {
  return settings.job == Job::null_host;
}
// What it says in place of a greeting; also where there is no room for a session. No receipt.
reply::Reply null_host_greeting(const ServerSettings& settings);

struct PeerFacts {
  SessionId session;
  std::string address;  // "192.0.2.1"; "local" for a Unix socket
  std::string local_address;
  std::string local_login;                // Job::local: the account name that the uid stands for
  bool readable_before_greeting = false;  // octets were there before we said anything
  WallTime started;                       // now; the session counts on from it by the monotonic clock
  std::unique_ptr<crypto::TlsFacts> tls;  // implicit TLS; null: none
  // What a client that is not served is told in place of a greeting [rfc5321 3.1]; null: it is served.
  std::unique_ptr<reply::Reply> refusal;
};

// ---- questions -------------------------------------------------------------------------------------------

struct LookupAccount {  // -> AccountAnswer
  std::string user;
  std::string mechanism;
};
struct VerifyPassword {  // -> PasswordAnswer; in a pool, never here
  std::string password_hash;
  std::string password;
};
struct ReportAuth {  // tells the driver the end of a login for its limits over time -> Continue (or a Refusal that
                     // closes)
  std::string user;  // as the client said it
  std::string mechanism;
  bool ok = false;
};
struct CheckSender {                  // -> Verdict
  const MailCommand* mail = nullptr;  // valid until answered
  std::string login;                  // "" = none
};
struct CheckRecipient {  // -> RecipientAnswer
  const MailCommand* mail = nullptr;
  const RcptCommand* rcpt = nullptr;
  std::string login;
  std::size_t taken = 0;  // recipients taken in this transaction so far
};
struct BeginMessage {  // before 354 and before the first BDAT chunk -> MessageBegun | Refusal
};
struct AppendBody {    // -> Continue | Refusal
  std::string octets;  // moved out by the driver
};
struct AcceptedMessage {
  MailCommand mail;
  struct Recipient {
    std::string address;  // where it goes, after aliases
    std::uint8_t notify = 0;
    std::string orcpt;
  };
  std::vector<Recipient> recipients;  // no address twice
  std::string login;
  std::uint64_t size_octets = 0;  // as stored
  std::uint32_t header_octets = 0;
  bool body_8bit = false;
  bool header_utf8 = false;
  bool tls_optional = false;  // the header says `TLS-Required: No`
  std::string language;
  MessageId id;
};
struct CommitMessage {  // the end came and nothing is wrong -> Committed | Refusal
  AcceptedMessage message;
};
struct AbortMessage {  // drop what was appended -> Continue. Asked for every message begun and not committed.
};
struct CheckClient {    // XCLIENT: the session is another client's from now on -> Continue | Refusal, which closes
  std::string address;  // canonical, or "unknown"; perhaps the one that it has already
};
using Question = std::variant<LookupAccount, VerifyPassword, ReportAuth, CheckSender, CheckRecipient, BeginMessage,
                              AppendBody, CommitMessage, AbortMessage, CheckClient>;

// ---- answers ---------------------------------------------------------------------------------------------

struct Continue {};
struct Refusal {  // answer this; permanence and scope are in the reply; 421 closes
  reply::Reply reply;
};
struct AccountAnswer {
  sasl::LookupOutcome outcome = sasl::LookupOutcome::unavailable;
  sasl::Credentials credentials;
};
struct PasswordAnswer {
  bool available = true;  // false: the pool is full -> 454
  bool matches = false;
};
struct RecipientTaken {
  std::vector<std::string> addresses;  // where it goes: itself, or what an alias expands to; at least one
};
struct MessageBegun {
  MessageId id;
  WallTime now;  // for Received and Date
  int zone_minutes = 0;
  std::string nonce;  // random text for a Message-ID
};
struct Committed {};
using Answer = std::variant<Continue, Refusal, AccountAnswer, PasswordAnswer, RecipientTaken, MessageBegun, Committed>;

// ---- actions ---------------------------------------------------------------------------------------------

struct Read {
  std::string output;
  MonoTime deadline;
  bool flush = false;  // commands wait inside still: only write, then written()
};
struct StartTls {
  std::string output;
  MonoTime deadline;
};
struct Ask {
  Question question;
};
struct Close {
  std::string output;
};
using Action = std::variant<Read, StartTls, Ask, Close>;

// Who can be asked for fresh ids and randomness inside a step; given by the driver.
class SessionRandom {
 public:
  virtual ~SessionRandom() = default;
  virtual ReceiptId receipt() = 0;
  virtual std::string nonce() = 0;  // printable, 24 octets or more, for SCRAM
};

// A refusal with a receipt, for the history.
struct RefusalRecord {
  ReceiptId id;
  reply::Reply reply;
  std::string stage;  // "connect", "auth", "mail", "rcpt", "data", ...
  std::string sender;
  std::string recipient;
  std::string login;
  std::string helo;
};

class ServerSession {
 public:
  ServerSession(std::shared_ptr<const ServerSettings> settings, PeerFacts peer, SessionRandom& random);
  ~ServerSession();
  ServerSession(const ServerSession&) = delete;
  ServerSession& operator=(const ServerSession&) = delete;

  Action start(MonoTime now);
  Action bytes(std::string_view octets, MonoTime now);
  Action written(MonoTime now);    // the output of a Read with `flush` is on its way
  Action timed_out(MonoTime now);  // the Read's deadline passed
  Action closed(MonoTime now);     // the peer went away; what is left is AbortMessage or Close
  Action tls_done(const crypto::TlsFacts& facts, MonoTime now);
  Action tls_failed(std::string_view why, MonoTime now);  // the connection is still up: 554 to all but QUIT
  Action answer(Answer answer, MonoTime now);
  // The server stops or a limit outside was hit: 421 as soon as a reply may be given, never inside a reply or
  // before the reply to a message whose end has come. Give it instead of bytes() when a Read is open.
  Action shut_down(reply::Reply why, MonoTime now);

  bool in_message() const;  // octets of a message are coming in
  const std::string& login() const;
  const std::string& hello_name() const;
  std::vector<event::Event> take_events();
  std::vector<RefusalRecord> take_refusals();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postil::smtp
