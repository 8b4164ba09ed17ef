// What goes to the flusher: body chunks and batches, encoded as far as that is possible before their place is known.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "env/store.hpp"
#include "spool/format.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

// A body that streams in. While it lives, the segments with its chunks are not given back. `chunks` and `held`
// belong to the flusher.
struct Body {
  explicit Body(std::shared_ptr<Shared> its_shared) : shared(std::move(its_shared)) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  void hold(std::uint32_t segment);

  const std::shared_ptr<Shared> shared;
  std::vector<std::uint32_t> held;
  std::uint64_t id = 0;
  std::vector<ChunkReference> chunks;
  std::atomic<bool> failed{false};
  std::atomic<env::StoreError> error{env::StoreError::failed};
  void fail(env::StoreError why) {
    error = why;
    failed = true;
  }
};

struct AddChange {
  MessageId id;
  std::uint32_t recipients = 0;
  std::string envelope;
  std::string state;
  std::shared_ptr<Body> body;  // may be null: no octets
  std::string tail;            // of the body, not yet queued
};
struct StateChange {
  MessageId id;
  std::string state;
  std::uint32_t told = 0;  // recipients that it tells of
};
struct RemoveChange {
  MessageId id;
};
// Copying forward: takes place only if the message still stands where it stood when it was read.
struct CopyChange {
  MessageId id;
  Location add;                  // as it was
  std::vector<Location> states;  // as they were
  std::uint32_t recipients = 0;
  std::string envelope;
  std::string state;  // the newest, of all recipients
  std::uint64_t body_id = 0;
  std::vector<ChunkReference> chunks;
  std::vector<std::pair<std::size_t, std::string>> moved;  // chunks to be written anew, by place in `chunks`
};
struct CopyRemove {  // a delete that must outlive its segment
  MessageId id;
  ItemKind kind = ItemKind::remove;
  std::vector<std::uint32_t> segments;
};
using ChangePiece = std::variant<AddChange, StateChange, RemoveChange, CopyChange, CopyRemove>;

using Done = env::Resume<env::StoreResult<void>>;

struct BatchPiece {
  std::vector<ChangePiece> changes;
  Done done;  // may be empty
  MonoTime queued;
  bool mail = false;      // new mail only: refused when space is short, voided when it is late
  bool voids = false;     // its removes are voids, and its caller is told `failed`
  bool internal = false;  // copying: whole batch is passed over quietly when the message has moved on
};

struct Piece {
  std::shared_ptr<Body> body;  // a chunk of it …
  std::string octets;
  std::unique_ptr<BatchPiece> batch;     // … or a batch
  std::move_only_function<void()> stop;  // … or the end: called when everything before is settled
  std::uint64_t weight = 0;              // counted against the bound of the queue
};

}  // namespace postil::spool
