// BDAT [rfc3030 2]: chunks of a given size. The octets of a refused chunk are read and dropped: they are never
// commands.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/bytes.hpp"
#include "smtp/server_state.hpp"

namespace postil::smtp {
namespace {

using reply::TextId;

constexpr std::size_t slice_octets_max = 48 * 1024;

struct Chunk {
  std::uint64_t size = 0;
  bool last = false;
};

// "1000" or "1000 LAST". A number over 64 bits is none: nothing could swallow it.
std::optional<Chunk> parse_chunk(std::string_view argument) {
  const auto space = argument.find(' ');
  const auto number = argument.substr(0, space);
  Chunk chunk;
  if (number.empty() || !std::ranges::all_of(number, is_digit)) return std::nullopt;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), chunk.size);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  if (space == std::string_view::npos) return chunk;
  if (!iequals(trim(argument.substr(space)), "LAST")) return std::nullopt;
  chunk.last = true;
  return chunk;
}

}  // namespace

void ServerSession::State::run_bdat(std::string_view argument) {
  const auto chunk = parse_chunk(argument);
  if (!chunk) return say(TextId::bdat_bad);
  if (auto fault = chunk_fault(chunk->size)) {
    if (chunk->last) after_last_chunk_ = true;
    return swallow_chunk(chunk->size, std::move(*fault));
  }
  auto& transaction = *transaction_;
  transaction.declared_octets += chunk->size;
  transaction.chunk_octets = chunk->size;
  transaction.last_chunk = chunk->last;
  chunk_left_ = chunk->size;
  phase_ = Phase::chunk;
  if (!transaction.message) awaiting_ = Awaiting::begin;
}

std::optional<reply::Reply> ServerSession::State::chunk_fault(std::uint64_t size) const {
  if (!hello_said_) return reply::make(TextId::hello_first);
  if (const auto what = missing()) return reply::make(*what);
  switch (stand()) {
    case Stand::fresh:
    case Stand::ready:
      return reply::make(after_last_chunk_ ? TextId::bdat_after_last : TextId::mail_first);
    case Stand::mail:
      return reply::make(transaction_->rcpt_refused ? TextId::data_no_recipients : TextId::rcpt_first);
    case Stand::rcpt:
    case Stand::chunks:
      break;
  }
  const auto limit = settings_->message_octets_max;
  if (size > limit || transaction_->declared_octets > limit - size) {
    return reply::make(TextId::message_too_big, {{"limit", fmt::to_string(limit)}});
  }
  return std::nullopt;
}

// The reply comes behind the octets, where the client waits for it, unless they are more than anybody would
// send only to hear "no".
void ServerSession::State::swallow_chunk(std::uint64_t size, reply::Reply reply) {
  const bool in_message = transaction_ && (transaction_->message || !transaction_->recipients.empty());
  give_receipt(reply);  // while it is known whose message it was
  if (in_message) drop_transaction();
  chunk_left_ = size;
  phase_ = Phase::swallow;
  block_deadline_ = now_ + settings_->message_duration_max;
  if (size > settings_->message_octets_max) {
    say(std::move(reply));
    swallow_reply_.reset();
  } else {
    swallow_reply_ = std::make_unique<reply::Reply>(std::move(reply));
  }
}

bool ServerSession::State::swallow_octets() {
  const auto part = std::min<std::uint64_t>(chunk_left_, input_.size());
  input_.remove_prefix(part);
  chunk_left_ -= part;
  if (chunk_left_ > 0) return false;
  phase_ = Phase::command;
  rest_since_ = now_;
  if (auto reply = std::move(swallow_reply_)) say(std::move(*reply));
  return true;
}

bool ServerSession::State::chunk_octets() {
  if (chunk_left_ == 0) {
    end_chunk();
    return true;
  }
  if (input_.empty()) return false;
  const auto part = input_.substr(0, std::min<std::uint64_t>(chunk_left_, slice_octets_max));
  input_.remove_prefix(part.size());
  chunk_left_ -= part.size();
  transaction_->message->observer.feed(part);
  take_octets(part);
  append_when_full();
  return true;
}

void ServerSession::State::end_chunk() {
  auto& transaction = *transaction_;
  phase_ = Phase::command;
  stage_ = "bdat";
  rest_since_ = now_;
  if (transaction.last_chunk) after_last_chunk_ = true;
  if (transaction.last_chunk) return end_message();
  if (transaction.message->dropped) return finish_refused_message();
  // The whole chunk's size, as the client gave it.
  say(TextId::bdat_ok, {{"octets", fmt::to_string(transaction.chunk_octets)}});
}

}  // namespace postil::smtp
