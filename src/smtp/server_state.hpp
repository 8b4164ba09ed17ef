// The inside of ServerSession: what its files share. Each group of commands has a file of its own:
//   server_session.cpp    the loop, lines, time, the public functions
//   server_commands.cpp   the table verb × state, and commands that touch no mail
//   server_auth.cpp  server_tls.cpp  server_null_host.cpp  server_xclient.cpp  server_extensions.cpp
//   server_mail.cpp       MAIL, RCPT, what belongs to a transaction
//   server_data.cpp       DATA and everything about a message's octets; server_bdat.cpp: BDAT
//
// Every handler runs to its end and leaves behind: replies in output_, perhaps a question (awaiting_), perhaps another
// phase_. The loop then does the next thing. Nothing recurses, so pipelined input of any length is only time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "message/header_filter.hpp"
#include "message/line_scanner.hpp"
#include "smtp/command_parser.hpp"
#include "smtp/server_session.hpp"
#include "smtp/xclient.hpp"

namespace postil::smtp {

// What the octets are that come next.
enum class Phase : std::uint8_t {
  command,
  auth_line,  // the client's answer to a 334
  message,    // behind the 354
  chunk,      // of BDAT
  swallow,    // the octets of a refused chunk
  handshake,  // TLS's, not ours
  null_host,  // commands, all refused [rfc7504 3]
  unserved,   // commands, all refused but QUIT: TLS failed [rfc3207 4.1]
};

// Where the session stands between commands: the columns of the table.
enum class Stand : std::uint8_t { fresh, ready, mail, rcpt, chunks };
inline constexpr std::size_t stand_count = 5;

// The question that is open.
enum class Awaiting : std::uint8_t {
  nothing,
  account,
  password,
  auth_report,
  sender,
  recipient,
  begin,
  append,
  commit,
  abort,
  client,
};

// A message whose octets come in. Exists from BeginMessage's answer on.
struct IncomingMessage {
  IncomingMessage(MessageId message_id, message::HeaderFilter::Options options)
      : id(message_id), filter(std::move(options)) {}

  MessageId id;
  message::HeaderFilter filter;
  message::DataScanner scanner;           // DATA
  message::BodyObserver observer;         // BDAT
  message::BodyObserver header_observer;  // of a binary message: its header's lines
  std::string header_rest;                // what that has not seen yet
  bool by_bdat = false;
  bool binary = false;  // BODY=BINARYMIME: what is behind the header is no lines
  bool ended = false;   // its last octet was seen
  std::string chunk;    // filtered, not yet appended
  std::uint64_t stored_octets = 0;
  bool dropped = false;                       // it will be refused; the store has nothing of it any more
  std::optional<reply::Reply> store_refusal;  // of AppendBody

  message::BodyFacts facts() const { return by_bdat ? observer.facts() : scanner.facts(); }
};

struct OpenTransaction {
  MailCommand mail;
  bool taken = false;          // MAIL was answered 250
  RcptCommand rcpt;            // the one being checked
  bool rcpt_refused = false;   // at least one was
  std::size_t rcpt_taken = 0;  // commands answered 250
  std::string only_recipient;  // as the client said it, of the first RCPT
  std::vector<AcceptedMessage::Recipient> recipients;
  std::unordered_set<std::string> known;  // their addresses, the domain in lower case
  std::uint64_t declared_octets = 0;      // sum of BDAT sizes
  std::uint64_t chunk_octets = 0;         // of the chunk that comes in
  bool last_chunk = false;
  std::unique_ptr<IncomingMessage> message;
  std::uint32_t commands_before = 0;  // of the session, without those of this transaction
};

struct AuthExchange {
  const sasl::MechanismInfo* info = nullptr;
  std::unique_ptr<sasl::ServerMechanism> mechanism;
  sasl::Step step;   // the one whose question is open
  std::string user;  // as the client said it
};

struct ServerSession::State {
  State(std::shared_ptr<const ServerSettings> settings, PeerFacts peer, SessionRandom& random);

  // server_session.cpp
  Action start();
  Action feed(std::string_view octets);
  Action run();
  Action resume();  // run() on what waits inside
  bool advance();
  bool command_lines();
  bool skip_line();
  std::optional<std::string_view> take_line(std::size_t octets_max, bool& too_long);
  void keep_rest();
  MonoTime deadline() const;
  Question question();
  void answered(Answer answer);
  bool may_reply() const;  // between commands, where a 421 may stand
  void say(reply::Reply reply);
  void say(reply::TextId text, std::vector<reply::Arg> args = {});
  void close_with(reply::TextId text, std::vector<reply::Arg> args = {});
  void write(const reply::Reply& reply);
  void give_receipt(reply::Reply& reply);
  void idle_too_long();
  void tell(event::Name name, std::vector<event::Field> fields);

  // server_commands.cpp
  struct Row;
  static const Row rows[];
  static const Row& row_of(Verb verb);
  Stand stand() const;
  std::optional<reply::TextId> missing() const;
  void command(std::string_view line);
  void hello(std::string_view name, bool extended);
  void run_ehlo(std::string_view argument);
  void run_helo(std::string_view argument);
  void run_rset(std::string_view argument);
  void run_noop(std::string_view argument);
  void run_quit(std::string_view argument);
  void run_vrfy(std::string_view argument);
  void run_help(std::string_view argument);

  // server_extensions.cpp
  std::vector<std::string> extensions() const;

  // server_null_host.cpp
  void null_host_greeting();
  void null_host_command(const Command& command);

  // server_tls.cpp
  void run_starttls(std::string_view argument);
  void tls_done(const crypto::TlsFacts& facts);
  void tls_failed(std::string_view why);
  void unserved_command(const Command& command);

  // server_auth.cpp
  std::vector<std::string_view> usable_mechanisms() const;
  bool allowed(const sasl::MechanismInfo& info) const;
  void run_auth(std::string_view argument);
  std::optional<reply::TextId> mechanism_fault(const sasl::MechanismInfo* info) const;
  void begin_auth(const sasl::MechanismInfo& info, std::optional<std::string_view> initial);
  bool auth_line();
  void auth_answer(std::string_view line);
  void auth_step(sasl::Step step);
  void auth_account(Answer answer);
  void auth_password(Answer answer);
  void auth_reported(Answer answer);
  void auth_succeeded(std::string user);
  void auth_refused(reply::Reply reply);
  void end_auth(reply::TextId text);

  // server_mail.cpp
  void run_mail(std::string_view argument);
  WallTime wall() const { return peer_.started + (now_ - started_); }
  std::optional<reply::Reply> timing_fault(MailCommand& mail) const;
  bool lower_priority(MailCommand& mail) const;
  void sender_checked(Answer answer);
  void run_rcpt(std::string_view argument);
  void recipient_checked(Answer answer);
  void drop_transaction();

  // server_xclient.cpp
  void run_xclient(std::string_view argument);
  void client_checked(Answer answer);
  std::string client_address() const;

  // server_data.cpp
  void run_data(std::string_view argument);
  void message_begun(Answer answer);
  message::HeaderFilter::Options header_options(const MessageBegun& begun) const;
  bool message_octets();
  void take_octets(std::string_view octets);
  static void observe_header(IncomingMessage& incoming);
  std::optional<reply::Reply> message_fault() const;
  void drop_message();
  void append_when_full();
  void end_message();
  void finish_refused_message();
  void appended(Answer answer);
  void committed(Answer answer);
  AcceptedMessage accepted_message();

  // server_bdat.cpp
  void run_bdat(std::string_view argument);
  std::optional<reply::Reply> chunk_fault(std::uint64_t size) const;
  void swallow_chunk(std::uint64_t size, reply::Reply reply);
  bool chunk_octets();
  bool swallow_octets();
  void end_chunk();

  std::shared_ptr<const ServerSettings> settings_;
  PeerFacts peer_;  // without its TLS facts
  SessionRandom& random_;
  std::unique_ptr<crypto::TlsFacts> tls_;

  MonoTime now_{};
  MonoTime started_{};
  MonoTime rest_since_{};      // when the session began to wait for the command that it waits for
  MonoTime block_deadline_{};  // for the message or the chunk as a whole
  Phase phase_ = Phase::command;
  Awaiting awaiting_ = Awaiting::nothing;
  bool esmtp_ = false;
  bool closing_ = false;
  bool over_ = false;       // Close was given
  bool flushing_ = false;   // a Read with `flush` is open
  bool skip_line_ = false;  // the rest of a line that was too long
  bool skip_after_cr_ = false;
  bool begun_ = false;  // a message is with the store: commit or abort it
  bool abort_due_ = false;
  bool after_last_chunk_ = false;
  bool hello_said_ = false;
  bool xclient_allowed_ = false;  // by the connection's own peer, whatever XCLIENT says of others
  std::uint32_t commands_ = 0;
  std::uint32_t errors_ = 0;
  std::uint32_t auth_failures_ = 0;
  const char* stage_ = "connect";

  std::string_view input_;        // during a step; views pending_ or what bytes() was given
  std::string pending_;           // between steps
  std::size_t pending_from_ = 0;  // where in pending_ the input goes on
  std::size_t searched_ = 0;      // octets of input_ that hold no line end
  std::uint64_t chunk_left_ = 0;
  std::unique_ptr<reply::Reply> swallow_reply_;  // what the swallowed chunk gets; null: it was given
  std::unique_ptr<reply::Reply> stop_;
  std::string output_;

  std::string hello_;
  std::string login_;
  std::unique_ptr<AuthExchange> auth_;
  std::unique_ptr<Xclient> xclient_;  // all that XCLIENT has said so far
  std::unique_ptr<OpenTransaction> transaction_;
  std::vector<event::Event> events_;
  std::vector<RefusalRecord> refusals_;
};

}  // namespace postil::smtp
