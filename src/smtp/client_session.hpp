// The client's side of an SMTP session, sans-I/O: one connection to one next hop, any number of transactions.
//
// The driver's loop, as for ServerSession: start() gives an action, each action names the input it waits for.
//   Read       write `output` first, read until `deadline`         -> bytes() | timed_out() | failed()
//   Write      write `output` and come back without reading        -> written() | timed_out() | failed()  (body
//   streaming)
//              when the write fails and the peer has answered early, give that to bytes() in place of failed()
//   StartTls   write nothing, handshake                            -> tls_done() | tls_failed()
//              TlsUse::implicit: the first action of all; else after the 220 to STARTTLS
//   Hash       run `work` on a thread for such work: it takes milliseconds -> hashed()
//   NeedBody   the next octets of the message are wanted           -> body(octets, last)
//   Idle       ready for a transaction                             -> send() | quit()
//   Finished   the transaction is over: `take_result()`; then Idle or Close follows by resume()
//   Close      `why` says how the connection ended                  (nothing more)
//
// A reply decides by its code alone [rfc5321 4.2]; text is kept for people. One reply for each command, in
// order; PIPELINING sends MAIL, RCPTs and DATA in one write where offered [rfc2920]; with CHUNKING the body goes
// by BDAT, else by DATA with transparency [rfc3030] [rfc5321 4.5.2]. Nothing that arrives before the
// handshake survives it [rfc3207 4.2].
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "crypto/tls_facts.hpp"
#include "event/event.hpp"
#include "reply/reply.hpp"
#include "smtp/params.hpp"

namespace postil::smtp {

enum class Stage : std::uint8_t {
  connect,
  greeting,
  ehlo,
  starttls,
  tls,
  auth,
  mail,
  rcpt,
  data,
  body,
  end_of_data,
  quit,
  idle
};
std::string_view to_string(Stage stage);  // "end_of_data"

enum class TlsUse : std::uint8_t { never, opportunistic, required, implicit };

struct ClientLogin {
  std::string user;
  std::string password;
  std::string mechanism;  // "" = the strongest offered that fits
};

struct ClientSettings {
  std::string host_name;  // our EHLO name
  TlsUse tls = TlsUse::opportunistic;
  std::optional<ClientLogin> login;
  bool login_without_tls = false;
  bool pipelining = true;
  bool chunking = true;
  bool lmtp = false;  // LHLO, and behind the message a reply for each recipient [rfc2033]; never with CHUNKING
  // A message up to this size to few recipients goes with its MAIL and RCPT in one flight, where the server offers
  // PIPELINING and CHUNKING: one round trip a message [rfc3030 4.2]. 0 = never.
  std::uint64_t one_flight_octets_max = 0;
  // [rfc5321 4.5.3.2]
  Duration greeting_timeout = minutes(5);
  Duration command_timeout = minutes(5);
  Duration data_timeout = minutes(2);   // for the 354
  Duration block_timeout = minutes(3);  // for a write of the body
  Duration end_timeout = minutes(10);
  Duration quit_timeout = seconds(5);
};

struct Extensions {
  bool esmtp = false;
  bool pipelining = false, chunking = false, eight_bit_mime = false, smtputf8 = false, dsn = false, starttls = false,
       binarymime = false, enhanced_status = false, requiretls = false, deliverby = false, mt_priority = false;
  bool size = false;
  std::uint64_t size_max = 0;  // 0 = no limit said
  // LIMITS [rfc9422 4]; 0 = no limit said. Of RCPTs in a transaction, and of MAILs and recipients' domains in a
  // session.
  std::uint32_t rcpt_max = 0, mail_max = 0, rcpt_domain_max = 0;
  std::uint32_t by_seconds_min = 0;  // of DELIVERBY; 0 = not said
  std::vector<std::string> auth;     // mechanisms, upper case
  std::vector<std::string> unknown;  // keywords kept for the trace, bounded
};

struct Transaction {
  MailCommand mail;
  std::vector<RcptCommand> recipients;  // at least one
  std::uint64_t size_octets = 0;
  bool body_8bit = false;  // facts, as seen when the message came in
  bool header_utf8 = false;
};

// How the connection or a command failed when no reply says it.
enum class Trouble : std::uint8_t {
  none,
  connection_lost,
  timed_out,
  reply_malformed,
  reply_too_long,
  tls_refused,
  tls_failed,
  tls_not_offered,
  auth_not_offered,
  auth_no_mechanism,
  auth_rejected,
  local_shutdown,
  body_unreadable,  // our disk
  body_line_ends,   // the stored message holds a bare CR or LF, which must not be sent [rfc5321 2.3.8]
};
std::string_view to_string(Trouble trouble);

// What one recipient, one message or the whole connection met: a reply, or a trouble without one.
struct Outcome {
  Stage stage = Stage::connect;
  Trouble trouble = Trouble::none;
  std::optional<reply::RemoteReply> reply;
  std::string detail;  // for people where no reply says it; English
  bool ok() const { return trouble == Trouble::none && reply && reply->code / 100 == 2; }
};

// What the next hop cannot take; found before anything is sent.
enum class Missing : std::uint8_t {
  none,
  eight_bit_mime,
  binarymime,
  smtputf8_address,
  smtputf8_header,
  size,
  deliverby
};

struct TransactionResult {
  Missing missing = Missing::none;  // then nothing was sent, and the rest is empty
  std::vector<Outcome> recipients;  // one each, in order: the RCPT reply if it refused, else the end's outcome
  bool sent_to_end = false;         // the final dot or LAST chunk was sent: a lost reply leaves doubt
};

struct ClientRead {
  std::string output;
  MonoTime deadline;    // holds for the whole reply, not for each read
  bool secret = false;  // output is part of a login: not for traces
};
struct ClientWrite {
  std::string output;
  MonoTime deadline;
};
struct ClientStartTls {
  MonoTime deadline;
};
struct ClientHash {
  std::function<void()> work;  // once, on any thread; holds all that it needs, also when the session is gone
};
struct NeedBody {
  std::uint64_t offset = 0;
  std::size_t octets_max = 0;
};
struct Idle {};
struct Finished {};
struct ClientClose {
  std::string output;  // QUIT where there was no time to wait for 221
  Outcome why;         // reply/trouble of what ended it; ok() after an orderly QUIT
};
using ClientAction =
    std::variant<ClientRead, ClientWrite, ClientStartTls, ClientHash, NeedBody, Idle, Finished, ClientClose>;

class ClientSession {
 public:
  ClientSession(ClientSettings settings, std::uint64_t random);  // random: for SCRAM nonces
  ~ClientSession();

  ClientAction start(MonoTime now);  // the connection is up; waits for the greeting
  ClientAction bytes(std::string_view octets, MonoTime now);
  ClientAction written(MonoTime now);
  ClientAction timed_out(MonoTime now);
  ClientAction failed(std::string_view why, MonoTime now);  // connection lost
  ClientAction tls_done(const crypto::TlsFacts& facts, MonoTime now);
  ClientAction tls_failed(std::string_view why, MonoTime now);
  ClientAction hashed(MonoTime now);  // the work of ClientHash is done
  ClientAction body(std::string_view octets, bool last, MonoTime now);
  // The message cannot be read any more (disk): ends the connection without finishing the message.
  ClientAction body_failed(MonoTime now);
  // Our side stops, whatever the session waits for: Close, what is open ends with Trouble::local_shutdown.
  ClientAction abort(MonoTime now);
  ClientAction send(Transaction transaction, MonoTime now);  // only when Idle
  ClientAction resume(MonoTime now);                         // after Finished
  ClientAction quit(MonoTime now);                           // when Idle

  TransactionResult take_result();  // after Finished, or after Close when one was under way
  bool transaction_open() const;    // from send() until take_result()
  const Extensions& extensions() const;
  const std::optional<crypto::TlsFacts>& tls() const;
  const std::string& greeting() const;  // printable, one line
  std::uint64_t transactions_done() const;
  // Which of so many recipients, by index, the next transaction may have by the server's LIMITS; none: this session may
  // have none of them. domain_of: a recipient's, in any letters. May be asked at any time. [rfc9422 4]
  std::vector<std::size_t> fitting(std::size_t count,
                                   const std::function<std::string_view(std::size_t)>& domain_of) const;
  bool may_begin() const;  // false: the server's MAILMAX is reached

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postil::smtp
