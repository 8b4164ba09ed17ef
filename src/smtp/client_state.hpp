// Inside of ClientSession: what it waits for, and the steps. client_session.cpp drives it, client_opening.cpp has the
// greeting, EHLO and STARTTLS, client_login.cpp AUTH, client_transaction.cpp the mail transaction.
#pragma once

#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sasl/client.hpp"
#include "smtp/client_body.hpp"
#include "smtp/client_session.hpp"
#include "smtp/reply_parser.hpp"

namespace postil::smtp {

// What a reply answers.
enum class Awaited : std::uint8_t {
  greeting,
  ehlo,
  helo,
  starttls,
  auth,
  rset,
  mail,
  rcpt,
  data,
  chunk,
  last_chunk,
  end,
  void_end,  // the dot of an empty message nobody gets [rfc2920 3.1]
  quit,
};

// The transaction under way.
struct ClientRun {
  Transaction transaction;
  TransactionResult result;
  std::vector<bool> decided;  // recipients whose outcome is in result
  std::size_t next_rcpt = 0;  // to be sent
  bool mail_sent = false, mail_refused = false, data_sent = false;
  bool smtputf8 = false, chunking = false;
  std::size_t answered = 0, taken = 0;
  bool chunk_refused = false;
  bool body_all = false;  // the last octets were given
  std::uint64_t body_offset = 0;
  bool accepted = false;
  std::optional<ClientBody> body;
};

struct ClientSession::State {
  // What the driver was told to do last.
  enum class Doing : std::uint8_t {
    nothing,
    reading,
    writing,
    handshake,
    hashing,
    giving_body,
    idle,
    finished,
    closed
  };
  struct Expected {
    Awaited what;
    std::size_t index = 0;   // of the recipient
    std::size_t octets = 0;  // of the command
  };

  State(ClientSettings given, std::uint64_t random_bits) : settings(std::move(given)), random(random_bits) {}

  // ---- the loop (client_session.cpp)
  ClientAction process(MonoTime now);  // reads replies as far as they are in; what to do next
  std::optional<ClientAction> handle(Expected expected, reply::RemoteReply reply, MonoTime now);
  ClientAction pause(MonoTime now);
  void command(std::string line, Awaited what, std::size_t index = 0);
  void arm(MonoTime now);  // the deadline of the reply that is awaited first
  Stage stage() const;     // of what goes on now
  ClientAction end(Outcome why, bool quit_first);
  ClientAction end(Stage at, Trouble trouble, std::string detail, bool quit_first = false);
  ClientAction end_by_reply(Stage at, reply::RemoteReply reply);
  std::optional<ClientAction> unexpected(Stage at, reply::RemoteReply reply, std::string_view command_name);
  ClientAction surplus(MonoTime now);
  std::optional<ClientAction> idle();

  // ---- the opening (client_opening.cpp)
  std::optional<ClientAction> on_greeting(reply::RemoteReply reply);
  std::optional<ClientAction> on_hello(Awaited what, reply::RemoteReply reply);
  std::optional<ClientAction> on_starttls(reply::RemoteReply reply, MonoTime now);
  void hello();
  std::optional<ClientAction> after_hello();

  // ---- login (client_login.cpp)
  std::optional<ClientAction> begin_login();
  std::optional<ClientAction> on_auth(reply::RemoteReply reply);
  std::optional<ClientAction> try_mechanism();
  std::optional<ClientAction> answer_challenge(std::expected<std::string, std::string> response);
  std::optional<ClientAction> give_up_auth(std::string detail);

  // ---- transaction (client_transaction.cpp)
  ClientAction begin(Transaction transaction, MonoTime now);
  void launch();                                      // the first flight
  void pump();                                        // queues as many commands as may be outstanding
  std::optional<ClientAction> advance(MonoTime now);  // after a reply: what the transaction does next
  std::optional<ClientAction> on_mail(reply::RemoteReply reply);
  std::optional<ClientAction> on_rcpt(std::size_t index, reply::RemoteReply reply);
  std::optional<ClientAction> on_data(reply::RemoteReply reply);
  std::optional<ClientAction> on_chunk(Awaited what, reply::RemoteReply reply);
  std::optional<ClientAction> on_end(std::size_t index, reply::RemoteReply reply);
  void expect_ends(std::string wire);
  ClientAction give_body(std::string_view octets, bool last, MonoTime now);
  bool wants_body() const;
  bool fits_one_flight() const;
  void open_chunks();
  void decide(std::size_t index, const Outcome& outcome);
  void decide_rest(const Outcome& outcome);
  ClientAction finish();

  ClientSettings settings;
  std::uint64_t random;
  Extensions extensions;
  std::optional<crypto::TlsFacts> tls;
  std::string greeting;
  std::uint64_t transactions_done = 0;
  std::uint32_t mails_sent = 0;
  std::unordered_set<std::string> rcpt_domains;  // of all recipients, kept where RCPTDOMAINMAX bounds them

  Doing doing = Doing::nothing;
  ReplyParser parser;
  std::string inbox;  // octets that came and were not read yet; at most what one read gave
  std::string out;    // to be written with the next Read
  bool out_secret = false;
  std::deque<Expected> expected;  // replies to come, in order
  std::size_t unsent = 0;         // of these, the last ones, whose commands are still in `out`
  std::size_t outstanding_octets = 0;
  MonoTime deadline{};
  bool armed = false;
  bool starttls_refused = false;
  bool needs_rset = false;
  Outcome closed_by;

  std::shared_ptr<sasl::ClientMechanism> mechanism;  // shared with the work of ClientHash
  std::shared_ptr<std::expected<std::string, std::string>> hash_result;
  std::optional<std::string> initial_response;  // too long for the command: goes with the first 334
  std::string cancelled;                        // why we gave AUTH up with "*"
  std::vector<std::string> mechanisms_tried;

  std::optional<ClientRun> run;
  std::optional<TransactionResult> result;
};

}  // namespace postil::smtp
