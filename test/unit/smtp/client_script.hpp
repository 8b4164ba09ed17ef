// A scripted next hop for ClientSession: each time the session reads, the next line of the script is given to it; what
// it sends is kept. Steps: "S: 250 ok" (replies; several in one write with "|"), as in a dialogue, but without C lines:
// what was sent is compared afterwards.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "smtp/client_session.hpp"

namespace postil::smtp::client_test {

inline address::Path path(std::string_view text) {
  if (text.empty()) return {};
  return *address::parse_address(text, true);
}

inline Transaction transaction(std::string_view from, std::vector<std::string> to, std::uint64_t size = 0) {
  Transaction t;
  t.mail.sender = path(from);
  for (const auto& address : to) t.recipients.push_back({path(address), 0, {}});
  t.size_octets = size;
  return t;
}

inline constexpr const char* greeting = "220 mx.example ESMTP\r\n";
inline constexpr const char* bare_ehlo = "250 mx.example\r\n";
// What follows where all is taken.
inline const std::vector<std::string> by_data{"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 taken\r\n", "221 bye\r\n"};
inline const std::vector<std::string> by_bdat{"250 ok\r\n", "250 ok\r\n", "250 taken\r\n", "221 bye\r\n"};

inline std::string ehlo(std::initializer_list<std::string_view> keywords) {
  std::string out = keywords.size() == 0 ? "250 mx.example\r\n" : "250-mx.example\r\n";
  std::size_t left = keywords.size();
  for (const auto k : keywords) out += std::string(--left == 0 ? "250 " : "250-") + std::string(k) + "\r\n";
  return out;
}

struct Script {
  ClientSettings settings{.host_name = "us.example"};
  std::vector<std::string> replies;  // one for each Read, with "\r\n" inside; sent when the session reads
  std::vector<Transaction> transactions;
  std::vector<std::string> bodies;  // one per transaction
  std::optional<crypto::TlsFacts> tls = crypto::TlsFacts{};
  std::size_t body_cut = 1 << 20;                         // octets per body()
  std::function<std::string(const std::string&)> answer;  // in place of replies: by what was written last
};

// What goes wrong, and when: at the Nth Read, before its reply.
enum class Fault { none, lost, timeout };

struct Record {
  std::string sent;  // all that was written; "[TLS]" where the handshake was
  std::vector<TransactionResult> results;
  std::vector<std::string> writes;  // of each Read, "" where it only went on reading
  std::optional<Outcome> closed;
  std::string last_words;  // ClientClose::output
  std::size_t reads = 0;
  std::size_t accepted = 0;  // transactions that were
  std::size_t hashes = 0;    // pieces of work for a thread of its own
  Extensions extensions;
};

struct Options {
  std::size_t cut = 0;  // octets per bytes(); 0 = a reply at once
  Fault fault = Fault::none;
  std::size_t fault_at = 0;
  std::size_t octets_max = SIZE_MAX;  // of replies; then the fault
};

inline Record run(const Script& script, const Options& options = {}) {
  Record out;
  ClientSession session(script.settings, 42);
  MonoTime now{seconds(1000)};
  std::size_t next_reply = 0, next_transaction = 0;
  std::size_t body_at = 0;
  std::size_t given = 0;
  std::string pending;  // of the reply that is being given in cuts
  ClientAction action = session.start(now);
  for (int steps = 0; steps < 1'000'000; ++steps) {
    now += milliseconds(10);
    if (auto* read = std::get_if<ClientRead>(&action)) {
      out.sent += read->output;
      if (pending.empty()) {
        ++out.reads;
        if (options.fault != Fault::none && out.reads == options.fault_at) {
          action =
              options.fault == Fault::lost ? session.failed("reset by peer", now) : session.timed_out(read->deadline);
          continue;
        }
        out.writes.push_back(read->output);
        if (script.answer) {
          action = session.bytes(script.answer(read->output), now);
          continue;
        }
        if (next_reply >= script.replies.size()) {
          action = session.failed("end of the script", now);
          continue;
        }
        pending = script.replies[next_reply++];
      }
      if (given == options.octets_max) {
        action =
            options.fault == Fault::timeout ? session.timed_out(read->deadline) : session.failed("reset by peer", now);
        continue;
      }
      const std::size_t take = options.cut == 0 ? pending.size() : std::min(options.cut, pending.size());
      const std::string part = pending.substr(0, std::min(take, options.octets_max - given));
      given += part.size();
      pending.erase(0, part.size());
      action = session.bytes(part, now);
    } else if (auto* write = std::get_if<ClientWrite>(&action)) {
      out.sent += write->output;
      action = session.written(now);
    } else if (std::get_if<ClientStartTls>(&action)) {
      out.sent += "[TLS]";
      action = script.tls ? session.tls_done(*script.tls, now) : session.tls_failed("bad certificate", now);
    } else if (auto* hash = std::get_if<ClientHash>(&action)) {
      ++out.hashes;
      hash->work();
      action = session.hashed(now);
    } else if (auto* need = std::get_if<NeedBody>(&action)) {
      const std::string& body = script.bodies.at(next_transaction - 1);
      if (need->offset != body_at) return out;
      const auto part = body.substr(body_at, std::min(script.body_cut, need->octets_max));
      body_at += part.size();
      action = session.body(part, body_at == body.size(), now);
    } else if (std::get_if<Idle>(&action)) {
      out.extensions = session.extensions();
      if (next_transaction < script.transactions.size()) {
        body_at = 0;
        action = session.send(script.transactions[next_transaction++], now);
      } else {
        action = session.quit(now);
      }
    } else if (std::get_if<Finished>(&action)) {
      out.results.push_back(session.take_result());
      action = session.resume(now);
    } else {
      auto& close = std::get<ClientClose>(action);
      out.closed = close.why;
      out.last_words = close.output;
      if (session.transaction_open()) out.results.push_back(session.take_result());
      return out;
    }
  }
  return out;
}

// One transaction. hello: the reply to EHLO; replies: what follows.
inline Script with(std::string hello, std::vector<std::string> replies,
                   std::vector<std::string> to = {"b@there.example"},
                   std::string body = "Subject: x\r\n\r\nhello\r\n") {
  Script s;
  s.replies = {greeting, std::move(hello)};
  s.replies.insert(s.replies.end(), replies.begin(), replies.end());
  s.transactions = {transaction("a@us.example", std::move(to))};
  s.bodies = {std::move(body)};
  return s;
}
inline void add_second(Script& s) {
  s.transactions.push_back(transaction("c@us.example", {"d@x.example"}));
  s.bodies.push_back("second\r\n");
}

// A session of its own, for single steps: a transaction is under way, and as many commands as `answered` were taken.
inline ClientAction begin_transaction(ClientSession& session, MonoTime now, int answered = 0) {
  session.start(now);
  session.bytes("220 a\r\n", now);
  session.bytes("250 a\r\n", now);
  auto action = session.send(transaction("a@us.example", {"b@x.example"}), now);
  for (; answered > 0; --answered) action = session.bytes("250 a\r\n", now);
  return action;
}

// The stage and code (or trouble) of an outcome: "rcpt 550", "mail timed_out".
inline std::string brief(const Outcome& o) {
  std::string out(to_string(o.stage));
  if (o.trouble != Trouble::none) out += " " + std::string(to_string(o.trouble));
  if (o.reply) out += " " + std::to_string(o.reply->code);
  return out;
}
inline std::vector<std::string> briefs(const Record& r, std::size_t transaction_index = 0) {
  std::vector<std::string> out;
  if (transaction_index >= r.results.size()) return {"no result"};
  for (const auto& o : r.results[transaction_index].recipients) out.push_back(brief(o));
  return out;
}
inline std::string closing(const Record& r) {
  return r.closed ? brief(*r.closed) : "not closed";
}

}  // namespace postil::smtp::client_test
