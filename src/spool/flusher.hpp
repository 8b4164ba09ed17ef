// The one writer: takes what is queued, lays it out, writes each segment's part with one gather write, and syncs
// once if a batch is among it. Then the index changes and the callers go on.
//
// enqueue, reserve_room and close may be called from any thread; everything else happens on the flusher's executor,
// one group at a time. The names of rules are those of docs/formats/spool.md.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "env/async.hpp"
#include "spool/layout.hpp"
#include "spool/pieces.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

class Flusher : public std::enable_shared_from_this<Flusher> {
 public:
  // poke: there is something for the keeper to do; must not block.
  Flusher(std::shared_ptr<Shared> shared, env::Executor executor, std::function<void()> poke);

  void enqueue(Piece piece);
  // True: `octets` are counted as queued, enqueue a piece of that weight. False: no room now (rule g).
  bool reserve_room(std::uint64_t octets);
  // Resumed when there may be room, or the log is closed.
  void wait_for_room(env::Resume<bool> resume);
  std::uint64_t queued_octets() const;
  bool closed() const { return closed_.load(); }
  // Everybody who waits gets `stopped`. What is being written is finished.
  void close();

 private:
  struct Standing {  // what a group has done so far to a message, before the index knows
    bool present = false;
    std::uint32_t recipients = 0;
    std::vector<std::uint32_t> segments;
  };
  using Overlay = std::unordered_map<MessageId, Standing>;
  struct Laid {  // a batch on its way
    std::unique_ptr<BatchPiece> batch;
    OpList ops;
  };

  void flush_once();
  void wake();
  void take_chunk(Piece& piece);
  void take_batch(std::unique_ptr<BatchPiece> batch);
  void settle();  // writes, syncs where a batch waits
  void seal_for_stop();

  // What a batch would do, checked against index and overlay.
  env::StoreResult<void> check(const BatchPiece& batch, Overlay& changed);
  std::optional<Standing> standing(MessageId id, const Overlay& changed) const;
  bool still_there(const CopyChange& copy, const Overlay& changed) const;
  env::StoreResult<void> lay_bodies(BatchPiece& batch);
  env::StoreResult<OpList> lay_record(BatchPiece& batch, Overlay& changed);
  env::StoreResult<ChunkReference> lay_chunk(std::uint64_t body_id, std::string_view octets);

  // Room for a record with so much content in the active segment; begins a new one where needed.
  env::StoreResult<void> make_room(std::uint64_t content);
  env::DiskResult<void> begin_segment(std::uint64_t octets);
  bool write_out();
  bool sync();
  bool seal();
  void trouble(const env::DiskFailure& failure);
  void confirm(std::uint64_t position);
  void finish(Laid laid);
  void fail(std::unique_ptr<BatchPiece> batch, env::StoreError why);
  RecordHead head(RecordType type, std::uint64_t id) const;

  const std::shared_ptr<Shared> shared_;
  const env::Executor executor_;
  const std::function<void()> poke_;

  mutable std::mutex mutex_;  // guards the next four
  std::deque<Piece> queue_;
  std::uint64_t queued_octets_ = 0;
  std::vector<env::Resume<bool>> room_waiters_;
  bool scheduled_ = false;
  std::atomic<bool> closed_{false};

  // The flusher's own.
  std::optional<Segment> active_;
  std::uint64_t end_ = 0;      // laid out up to here
  std::uint64_t written_ = 0;  // given to the system up to here
  std::uint64_t synced_ = 0;
  Layout layout_;
  std::deque<std::string> kept_;  // contents that parts point to
  std::vector<Laid> laid_;        // batches that are not yet synced
  std::vector<std::shared_ptr<Body>> unsynced_;
  Overlay overlay_;
  std::optional<env::StoreError> no_segment_;  // in this group: none could be begun
  std::uint64_t batch_number_ = 0;
  std::vector<std::unique_ptr<BatchPiece>> void_again_;  // voids that could not be written yet
};

}  // namespace postil::spool
