// The store port: where messages are from their 250 to their end. Cut for a log of one node (spool) and
// for a database shared by many (store_pg): chunks are appended outside any transaction, a commit is a
// batch, whole or absent; the engine knows only what it leased.
//
// All calls are awaitable on any executor. A failed commit has no effect that survives (rule e of
// docs/formats/spool.md); after StoreError::failed the caller answers 451 and tells it aloud.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "env/async.hpp"
#include "queue/envelope.hpp"

namespace postil::env {

enum class StoreError : std::uint8_t {
  no_space,   // below the watermark; for new mail only
  limit,      // no descriptors or memory left on this side; nothing of the batch counts
  failed,     // the disk failed; nothing of the batch counts
  stopped,    // the store is closing
  not_found,  // no such message
  corrupt,    // what was synced cannot be read back
};
std::string_view to_string(StoreError error);
template <class T>
using StoreResult = std::expected<T, StoreError>;

// A body while it streams in. Destroyed without a commit: its chunks are garbage and collected.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Takes the octets (copied or written before it returns); waits while too much is queued for the disk,
  // which is what slows a client down (rule g).
  virtual Awaitable<StoreResult<void>> append(std::string_view octets) = 0;
  virtual std::uint64_t size_octets() const = 0;
};

struct AddMessage {  // a new message; its body is finished by this commit
  queue::Envelope envelope;
  std::unique_ptr<BodyWriter> body;
  queue::MessageState state;  // initial states; recipients may be empty = all waiting, due at once
};
struct UpdateState {  // results of an attempt, or an admin's action: replaces the states given
  queue::MessageState state;
};
struct DeleteMessage {
  MessageId id;
};
using Change = std::variant<AddMessage, UpdateState, DeleteMessage>;
using Batch = std::vector<Change>;

// What the engine needs of a message that waits; made from the store without the address texts.
struct Waiting {
  MessageId id;
  queue::Envelope envelope;
  queue::MessageState state;  // every recipient
};

class Store {
 public:
  virtual ~Store() = default;
  // Why no new mail may come (below the watermark: no_space); nothing: it may. Any thread, no wait.
  virtual std::optional<StoreError> refuses_mail() const = 0;
  bool accepts_mail() const { return !refuses_mail(); }
  virtual Awaitable<StoreResult<std::unique_ptr<BodyWriter>>> begin_body() = 0;
  // Durable (synced) when it returns without error; in the order of the calls of one caller.
  virtual Awaitable<StoreResult<void>> commit(Batch batch) = 0;
  // Octets [offset, offset+length) of a message's body, less at its end.
  virtual Awaitable<StoreResult<std::string>> read_body(MessageId id, std::uint64_t offset, std::size_t length) = 0;
  virtual Awaitable<StoreResult<queue::Envelope>> read_envelope(MessageId id) = 0;
  virtual Awaitable<StoreResult<queue::MessageState>> read_state(MessageId id) = 0;
  // At start: every message with a waiting recipient, in no order, handed to `each` on the caller's executor
  // in slices (so that 1,000,000 messages do not stand in memory twice). The log leases all to its one node.
  virtual Awaitable<StoreResult<std::uint64_t>> lease_all(std::function<void(Waiting&&)> each) = 0;
  // Ids of all messages, ascending, for listing; after = last id of the page before.
  virtual Awaitable<StoreResult<std::vector<MessageId>>> list(MessageId after, std::size_t count) = 0;
  virtual std::uint64_t message_count() const = 0;
};

}  // namespace postil::env
