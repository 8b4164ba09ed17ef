// DATA, and everything about the octets of a message, however they come.
//
// Octets go through the scanner (where DATA ends, dots), the header filter (our fields) and on to the store in
// pieces. What is wrong with a message is known at some octet; from then on the rest is read and dropped, and the
// refusal stands where the reply to its end belongs.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "message/date.hpp"
#include "message/trace_field.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

// Of one AppendBody: at most 64 KiB with what the filter adds; not less than a page, so that single octets from
// the network are not single records on the disk.
constexpr std::size_t slice_octets_max = 48 * 1024;
constexpr std::size_t chunk_octets_min = 8 * 1024;

}  // namespace

void ServerSession::State::run_data(std::string_view) {
  if (transaction_->mail.body == BodyType::binary) return say(TextId::data_binarymime);  // [rfc3030 3]
  if (transaction_->recipients.empty()) {                                                // [rfc5321 3.3]
    return say(transaction_->rcpt_refused ? TextId::data_no_recipients : TextId::rcpt_first);
  }
  awaiting_ = Awaiting::begin;
}

void ServerSession::State::message_begun(Answer answer) {
  auto& transaction = *transaction_;
  const bool by_bdat = phase_ == Phase::chunk;
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    if (by_bdat) return swallow_chunk(chunk_left_, std::move(refusal->reply));
    say(std::move(refusal->reply));
    return drop_transaction();
  }
  POSTIL_ASSERT(std::holds_alternative<MessageBegun>(answer));
  const auto& begun = std::get<MessageBegun>(answer);
  begun_ = true;
  transaction.message = std::make_unique<IncomingMessage>(begun.id, header_options(begun));
  transaction.message->by_bdat = by_bdat;
  transaction.message->binary = transaction.mail.body == BodyType::binary;
  block_deadline_ = now_ + settings_->message_duration_max;
  if (by_bdat) return;
  phase_ = Phase::message;
  say(TextId::data_go);
}

message::HeaderFilter::Options ServerSession::State::header_options(const MessageBegun& begun) const {
  message::ReceivedFacts facts;
  const bool local = settings_->job == Job::local;
  // The name of a client may tell where it is as well as its address: as a literal, or by the name of its network.
  if (!settings_->hide_client) facts.helo = hello_;
  if (!settings_->hide_client && !local && peer_.address != "unknown") {
    facts.client_ip = peer_.address;
    if (xclient_) facts.client_name = xclient_->name.value_or("");
  }
  facts.host = settings_->host_name;
  facts.esmtp = esmtp_;
  if (tls_) {
    facts.tls = true;
    facts.tls_version = tls_->version;
    facts.tls_cipher = tls_->cipher;
  }
  facts.authenticated = !login_.empty();
  facts.smtputf8 = transaction_->mail.smtputf8;
  facts.local = local;
  facts.id = to_string(begun.id);
  if (transaction_->rcpt_taken == 1) facts.single_recipient = transaction_->only_recipient;
  facts.priority = transaction_->mail.priority;
  facts.time = begun.now;
  facts.zone_minutes = begun.zone_minutes;

  message::HeaderFilter::Options options;
  options.prepend = message::received_field(facts);
  options.header_octets_max = settings_->header_octets_max;
  if (settings_->job == Job::submission || local) {  // [rfc6409 8]
    options.date_if_missing = fmt::format("Date: {}\r\n", message::rfc5322_date(begun.now, begun.zone_minutes));
    options.message_id_if_missing = fmt::format("Message-ID: <{}@{}>\r\n", begun.nonce, settings_->host_name);
    options.remove_bcc = true;
    options.remove_return_path = true;
  }
  return options;
}

bool ServerSession::State::message_octets() {
  if (input_.empty()) return false;
  auto& incoming = *transaction_->message;
  std::string octets;
  const auto result = incoming.scanner.feed(input_.substr(0, slice_octets_max), octets);
  input_.remove_prefix(result.consumed);
  take_octets(octets);
  if (result.end) {
    phase_ = Phase::command;
    stage_ = "data";
    rest_since_ = now_;
    end_message();
  } else {
    append_when_full();
  }
  return true;
}

// The lines of a binary message's header, as far as they are its header for sure: how the network cut them must not
// matter.
void ServerSession::State::observe_header(IncomingMessage& incoming) {
  const auto settled = incoming.filter.settled_header_octets() - incoming.header_observer.facts().octets;
  incoming.header_observer.feed(std::string_view(incoming.header_rest).substr(0, settled));
  incoming.header_rest.erase(0, settled);
  if (!incoming.filter.in_header()) std::string().swap(incoming.header_rest);
}

// A message that is refused is looked at to its end all the same: what is said of it must not depend on how the network
// cut it.
void ServerSession::State::take_octets(std::string_view octets) {
  auto& incoming = *transaction_->message;
  const auto before = incoming.chunk.size();
  if (incoming.binary && incoming.filter.in_header()) incoming.header_rest += octets;
  incoming.filter.feed(octets, incoming.chunk);
  if (incoming.binary) observe_header(incoming);
  incoming.stored_octets += incoming.chunk.size() - before;
  if (!incoming.dropped && message_fault()) drop_message();
  if (incoming.dropped) std::string().swap(incoming.chunk);
}

// What is wrong with the message as far as it has come. Bare CR and LF wait for the end: a CR may be half of a CRLF
// still, and until then counts as one more octet of its line. A binary body has no lines; its header has.
std::optional<reply::Reply> ServerSession::State::message_fault() const {
  const auto& incoming = *transaction_->message;
  const auto facts = incoming.facts();
  const std::uint64_t line_octets_max = settings_->text_line_octets_max + (incoming.ended ? 0u : 1u);
  if (facts.octets > settings_->message_octets_max) {
    return reply::make(TextId::message_too_big, {{"limit", fmt::to_string(settings_->message_octets_max)}});
  }
  if (incoming.filter.too_big()) {
    return reply::make(TextId::message_header_too_big, {{"limit", fmt::to_string(settings_->header_octets_max)}});
  }
  if (incoming.filter.hops() > settings_->hops_max) {
    return reply::make(TextId::message_loop, {{"hops", fmt::to_string(incoming.filter.hops())}});
  }
  const auto lines = incoming.binary ? incoming.header_observer.facts() : facts;
  if (lines.longest_line > line_octets_max) {
    return reply::make(TextId::message_line_too_long, {{"limit", fmt::to_string(settings_->text_line_octets_max)}});
  }
  if (incoming.ended && (lines.bare_cr || lines.bare_lf)) return reply::make(TextId::message_bare_line_end);
  return std::nullopt;
}

// The store drops what it has at once; the client hears of it at the end.
void ServerSession::State::drop_message() {
  auto& incoming = *transaction_->message;
  incoming.dropped = true;
  std::string().swap(incoming.chunk);
  if (begun_) abort_due_ = true;
  begun_ = false;
}

void ServerSession::State::append_when_full() {
  if (transaction_->message->chunk.size() >= chunk_octets_min) awaiting_ = Awaiting::append;
}

// All octets are here: what is wrong with the whole is found, or the rest goes to the store and then the commit.
void ServerSession::State::end_message() {
  auto& incoming = *transaction_->message;
  incoming.ended = true;
  const auto before = incoming.chunk.size();
  incoming.filter.finish(incoming.chunk);
  incoming.stored_octets += incoming.chunk.size() - before;
  if (incoming.dropped || message_fault()) return finish_refused_message();
  awaiting_ = incoming.chunk.empty() ? Awaiting::commit : Awaiting::append;
}

// At the end of the message or of a chunk: its own fault says more than the store's trouble.
void ServerSession::State::finish_refused_message() {
  auto& incoming = *transaction_->message;
  auto fault = message_fault();
  POSTIL_ASSERT(fault || incoming.store_refusal);
  say(fault ? std::move(*fault) : std::move(*incoming.store_refusal));
  drop_transaction();
}

void ServerSession::State::appended(Answer answer) {
  auto& incoming = *transaction_->message;
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    incoming.store_refusal = std::move(refusal->reply);
    drop_message();
    if (incoming.ended) finish_refused_message();
    return;
  }
  POSTIL_ASSERT(std::holds_alternative<Continue>(answer));
  if (incoming.ended) awaiting_ = Awaiting::commit;
}

AcceptedMessage ServerSession::State::accepted_message() {
  auto& transaction = *transaction_;
  const auto& incoming = *transaction.message;
  const auto facts = incoming.facts();
  AcceptedMessage message;
  message.mail = transaction.mail;  // a refusal's record wants the sender still
  message.recipients = std::move(transaction.recipients);
  message.login = login_;
  message.size_octets = incoming.stored_octets;
  // The body passes as it is, so what is left of the whole is the header with our fields in it.
  const auto body = facts.octets - std::min<std::uint64_t>(facts.octets, incoming.filter.header_octets());
  message.header_octets = static_cast<std::uint32_t>(incoming.stored_octets - body);
  message.body_8bit = facts.eight_bit;
  message.header_utf8 = incoming.filter.utf8_header();
  message.tls_optional = iequals(trim(incoming.filter.tls_required()), "No");
  const auto& accepted = incoming.filter.accept_language();
  message.language = accepted.empty() ? incoming.filter.content_language() : accepted;
  message.id = incoming.id;
  return message;
}

void ServerSession::State::committed(Answer answer) {
  if (auto* refusal = std::get_if<Refusal>(&answer)) {
    say(std::move(refusal->reply));
    return drop_transaction();
  }
  POSTIL_ASSERT(std::holds_alternative<Committed>(answer));
  begun_ = false;
  const auto id = transaction_->message->id;
  commands_ = transaction_->commands_before;  // a transaction that succeeds costs nothing
  drop_transaction();
  say(TextId::message_ok, {{"id", to_string(id)}});
}

}  // namespace postil::smtp
