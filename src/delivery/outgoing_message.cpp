#include "delivery/outgoing_message.hpp"

#include <algorithm>

#include "delivery/tell.hpp"
#include "mailauth/dkim_body.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::delivery {
namespace {

constexpr std::size_t piece_octets = 64 * 1024;

// Our own reports on mail have no sender; their author is this host.
std::string envelope_domain(const queue::Envelope& envelope, const Settings& settings) {
  if (envelope.kind != queue::Kind::mail && envelope.sender.empty()) return settings.host_name;
  const auto at = envelope.sender.rfind('@');
  return at == std::string::npos ? std::string() : envelope.sender.substr(at + 1);
}

}  // namespace

env::Awaitable<env::StoreResult<std::shared_ptr<OutgoingMessage>>> OutgoingMessage::make(
    Services& services, std::shared_ptr<const Settings> settings, std::shared_ptr<const queue::Envelope> envelope) {
  std::shared_ptr<OutgoingMessage> made(new OutgoingMessage(services, envelope->id, envelope->size_octets));
  if (settings->dkim && !settings->dkim->empty()) {
    const auto done = co_await made->sign(std::move(settings), std::move(envelope));
    if (!done) co_return std::unexpected(done.error());
  }
  co_return made;
}

// The hash of a body that came before there was a key, or with an older version.
env::Awaitable<env::StoreResult<std::string>> OutgoingMessage::body_hash() {
  mailauth::DkimMessageHash hash;
  for (std::uint64_t at = 0; at < stored_octets_;) {
    auto piece = co_await services_.store.read_body(id_, at, piece_octets);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return std::unexpected(env::StoreError::corrupt);
    at += piece->size();
    hash.feed(*piece);
  }
  co_return hash.finish();
}

env::Awaitable<env::StoreResult<void>> OutgoingMessage::sign(std::shared_ptr<const Settings> settings,
                                                             std::shared_ptr<const queue::Envelope> envelope) {
  const auto header = co_await services_.store.read_body(id_, 0, std::max<std::size_t>(envelope->header_octets, 1));
  if (!header) co_return std::unexpected(header.error());
  const std::string domain = envelope_domain(*envelope, *settings);
  const WallTime now = services_.clock.wall();
  const auto keys = settings->dkim->for_message({*header, domain}, now);
  if (keys.empty()) co_return env::StoreResult<void>{};
  std::string hash = envelope->body_hash;
  if (hash.empty()) {
    auto computed = co_await body_hash();
    if (!computed) co_return std::unexpected(computed.error());
    hash = std::move(*computed);
  }
  std::string by;
  for (const auto* key : keys) {
    signatures_ += mailauth::sign_dkim(*key, *header, hash, now);
    by += (by.empty() ? "" : " ") + mailauth::dkim_key_name(key->selector, key->domain);
  }
  tell(services_, id_, {event::Name::message_signed, {{"keys", by}}});
  co_return env::StoreResult<void>{};
}

env::Awaitable<env::StoreResult<std::string>> OutgoingMessage::read(std::uint64_t offset, std::size_t length) {
  if (offset >= signatures_.size()) {
    auto stored = co_await services_.store.read_body(id_, offset - signatures_.size(), length);
    co_return stored;
  }
  std::string out = signatures_.substr(static_cast<std::size_t>(offset), length);
  if (out.size() == length) co_return out;
  auto stored = co_await services_.store.read_body(id_, 0, length - out.size());
  if (!stored) co_return std::unexpected(stored.error());
  out += *stored;
  co_return out;
}

}  // namespace postil::delivery
