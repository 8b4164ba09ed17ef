// One mail transaction: MAIL, RCPTs, and the message by DATA or BDAT.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "smtp/client_commands.hpp"
#include "smtp/client_state.hpp"

namespace postil::smtp {
namespace {

// Commands that wait for their replies: few enough that they fit the peer's window, or both sides might wait for the
// other to read [rfc2920 3.1].
constexpr std::size_t outstanding_octets_max = 32 * 1024;
constexpr std::size_t outstanding_commands_max = 500;
constexpr std::size_t outstanding_chunks_max = 8;

}  // namespace

ClientAction ClientSession::State::begin(Transaction transaction, MonoTime now) {
  POSTIL_ASSERT(!transaction.recipients.empty() && !run && !result);
  const bool chunking = settings.chunking && extensions.chunking && !settings.lmtp;
  const Missing missing = missing_for(transaction, extensions, chunking);
  if (missing != Missing::none) {
    result.emplace();
    result->missing = missing;
    doing = Doing::finished;
    return Finished{};
  }
  if (extensions.rcpt_domain_max > 0) {
    for (const auto& rcpt : transaction.recipients) rcpt_domains.insert(to_lower(rcpt.recipient.domain));
  }
  run.emplace();
  run->smtputf8 = extensions.smtputf8 && needs_smtputf8(transaction);
  run->chunking = chunking;
  run->result.recipients.resize(transaction.recipients.size());
  run->decided.resize(transaction.recipients.size());
  run->transaction = std::move(transaction);
  armed = false;
  if (needs_rset) {
    // Alone: whoever refuses it may hold on to the recipients before, and must not get this message for them.
    command("RSET\r\n", Awaited::rset);
    needs_rset = false;
  } else {
    launch();
  }
  return pause(now);
}

void ClientSession::State::launch() {
  pump();
  if (fits_one_flight()) open_chunks();
}

void ClientSession::State::pump() {
  const bool pipelining = settings.pipelining && extensions.pipelining;
  const auto may_send = [&] {
    if (expected.empty()) return true;
    return pipelining && outstanding_octets < outstanding_octets_max && expected.size() < outstanding_commands_max;
  };
  if (!run->mail_sent && may_send()) {
    command(mail_line(run->transaction, extensions), Awaited::mail);
    run->mail_sent = true;
    ++mails_sent;
  }
  if (!run->mail_sent || run->mail_refused) return;
  const auto& recipients = run->transaction.recipients;
  while (run->next_rcpt < recipients.size() && may_send()) {
    command(rcpt_line(recipients[run->next_rcpt], extensions, run->smtputf8), Awaited::rcpt, run->next_rcpt);
    ++run->next_rcpt;
  }
  if (run->next_rcpt < recipients.size() || run->chunking || run->data_sent || !may_send()) return;
  const bool all_answered = run->answered == recipients.size();
  if (all_answered && run->taken == 0) return;
  command("DATA\r\n", Awaited::data);
  run->data_sent = true;
}

// All of it may be outstanding at once. A recipient that is refused has cost its octets, and no other harm.
bool ClientSession::State::fits_one_flight() const {
  return run->chunking && settings.pipelining && extensions.pipelining && settings.one_flight_octets_max > 0 &&
         run->transaction.size_octets <= settings.one_flight_octets_max &&
         run->next_rcpt == run->transaction.recipients.size() && expected.size() < outstanding_chunks_max;
}

void ClientSession::State::open_chunks() {
  POSTIL_ASSERT(run->chunking);
  const bool binary = run->transaction.mail.body == BodyType::binary;
  run->body.emplace(binary ? ClientBody::Form::binary_chunks : ClientBody::Form::chunks);
}

std::optional<ClientAction> ClientSession::State::advance(MonoTime) {
  if (!run || run->body) {
    // Inside the body: chunks go on, or, when one was refused, the replies to the others are awaited.
    if (run && run->chunk_refused && expected.empty()) return finish();
    return {};
  }
  pump();
  if (!expected.empty()) return {};
  const bool over = run->mail_refused || (run->answered == run->transaction.recipients.size() && run->taken == 0);
  if (over || run->data_sent) return finish();
  open_chunks();
  return {};
}

std::optional<ClientAction> ClientSession::State::on_mail(reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  if (klass == 3) return unexpected(Stage::mail, std::move(reply), "MAIL");
  if (klass == 2) return {};
  run->mail_refused = true;
  decide_rest(Outcome{Stage::mail, Trouble::none, std::move(reply), {}});
  return {};
}

std::optional<ClientAction> ClientSession::State::on_rcpt(std::size_t index, reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  if (klass == 3) return unexpected(Stage::rcpt, std::move(reply), "RCPT");
  ++run->answered;
  if (klass == 2) {
    if (!run->mail_refused) ++run->taken;
  } else {
    decide(index, Outcome{Stage::rcpt, Trouble::none, std::move(reply), {}});
  }
  return {};
}

std::optional<ClientAction> ClientSession::State::on_data(reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  const bool wanted = run->taken > 0 && !run->mail_refused;
  if (klass == 2) return unexpected(Stage::data, std::move(reply), "DATA");  // [rfc5321 3.3] no message without 354
  if (klass == 3 && wanted) {
    run->body.emplace(ClientBody::Form::data);
    if (!inbox.empty()) {  // it answers a message that it has not got
      return end(Stage::body, Trouble::reply_malformed, "The server answered more than it was asked.");
    }
  } else if (klass == 3 && settings.lmtp) {  // no replies would come behind the dot [rfc2033 4.2]
    return unexpected(Stage::data, std::move(reply), "DATA");
  } else if (klass == 3) {
    command(".\r\n", Awaited::void_end);
  } else if (wanted) {
    decide_rest(Outcome{Stage::data, Trouble::none, std::move(reply), {}});
  }
  return {};
}

std::optional<ClientAction> ClientSession::State::on_chunk(Awaited what, reply::RemoteReply reply) {
  const int klass = reply.code / 100;
  const Stage at = what == Awaited::last_chunk ? Stage::end_of_data : Stage::body;
  if (klass == 3) return unexpected(at, std::move(reply), "BDAT");
  if (klass != 2) {
    // No chunk is sent after this one [rfc3030 2].
    run->chunk_refused = true;
    decide_rest(Outcome{at, Trouble::none, std::move(reply), {}});
    return {};
  }
  if (what == Awaited::last_chunk && !run->chunk_refused) return on_end(0, std::move(reply));
  return {};
}

// The end of a message in DATA: one reply, or by LMTP one for each recipient that was taken, in their order.
void ClientSession::State::expect_ends(std::string wire) {
  const auto first = std::ranges::find(run->decided, false);
  POSTIL_ASSERT(first != run->decided.end());
  std::size_t index = static_cast<std::size_t>(first - run->decided.begin());
  command(std::move(wire), Awaited::end, index);
  if (!settings.lmtp) return;
  while (++index < run->decided.size()) {
    if (run->decided[index]) continue;
    expected.push_back({Awaited::end, index});
    ++unsent;
  }
}

std::optional<ClientAction> ClientSession::State::on_end(std::size_t index, reply::RemoteReply reply) {
  if (reply.code / 100 == 3) return unexpected(Stage::end_of_data, std::move(reply), "the end of the message");
  run->accepted = run->accepted || reply.code / 100 == 2;
  const Outcome outcome{Stage::end_of_data, Trouble::none, std::move(reply), {}};
  if (settings.lmtp) decide(index, outcome);
  if (settings.lmtp && !expected.empty()) return {};
  if (run->accepted) ++transactions_done;
  decide_rest(outcome);
  return finish();
}

bool ClientSession::State::wants_body() const {
  if (!run || !run->body || run->body_all || run->chunk_refused) return false;
  if (!run->chunking) return expected.empty();
  const bool pipelining = settings.pipelining && extensions.pipelining;
  return expected.size() < (pipelining ? outstanding_chunks_max : 1);
}

ClientAction ClientSession::State::give_body(std::string_view octets, bool last, MonoTime now) {
  run->body_offset += octets.size();
  std::string wire;
  if (!run->body->feed(octets, last, wire)) {
    return end(Stage::body, Trouble::body_line_ends, "The message holds a bare CR or LF and cannot be sent.");
  }
  if (wire.empty()) return pause(now);
  run->body_all = last;
  if (last) run->result.sent_to_end = true;
  if (run->chunking) {
    command(std::move(wire), last ? Awaited::last_chunk : Awaited::chunk);
  } else if (last) {
    expect_ends(std::move(wire));
  } else {
    out += wire;
  }
  if (last || !wants_body()) return pause(now);
  doing = Doing::writing;
  unsent = 0;
  return ClientWrite{std::exchange(out, {}), now + settings.block_timeout};
}

void ClientSession::State::decide(std::size_t index, const Outcome& outcome) {
  if (run->decided[index]) return;
  run->decided[index] = true;
  run->result.recipients[index] = outcome;
}

void ClientSession::State::decide_rest(const Outcome& outcome) {
  for (std::size_t i = 0; i < run->decided.size(); ++i) decide(i, outcome);
}

ClientAction ClientSession::State::finish() {
  needs_rset = !run->accepted;
  result = std::move(run->result);
  run.reset();
  out.clear();
  doing = Doing::finished;
  return Finished{};
}

}  // namespace postil::smtp
