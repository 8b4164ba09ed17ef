#include "spool/flusher.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::spool {

Flusher::Flusher(std::shared_ptr<Shared> shared, env::Executor executor, std::function<void()> poke)
    : shared_(std::move(shared)), executor_(std::move(executor)), poke_(std::move(poke)) {}

void Flusher::wake() {
  env::asio::post(executor_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->flush_once();
  });
}

void Flusher::enqueue(Piece piece) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      queue_.push_back(std::move(piece));
      if (std::exchange(scheduled_, true)) return;
      wake();
      return;
    }
  }
  if (piece.batch && piece.batch->done) piece.batch->done(std::unexpected(env::StoreError::stopped));
  if (piece.stop) piece.stop();
}

bool Flusher::reserve_room(std::uint64_t octets) {
  const std::lock_guard lock(mutex_);
  // A piece that is over the bound by itself goes when nothing else waits.
  if (queued_octets_ > 0 && queued_octets_ + octets > shared_->options.queue_octets_max) return false;
  queued_octets_ += octets;
  return true;
}

void Flusher::wait_for_room(env::Resume<bool> resume) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && queued_octets_ > 0) {
      room_waiters_.push_back(std::move(resume));
      return;
    }
  }
  resume(true);
}

std::uint64_t Flusher::queued_octets() const {
  const std::lock_guard lock(mutex_);
  return queued_octets_;
}

void Flusher::close() {
  std::deque<Piece> queue;
  std::vector<env::Resume<bool>> waiters;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    queue.swap(queue_);
    waiters.swap(room_waiters_);
  }
  for (auto& waiter : waiters) waiter(false);
  for (auto& piece : queue) {
    if (piece.batch && piece.batch->done) piece.batch->done(std::unexpected(env::StoreError::stopped));
    if (piece.stop) piece.stop();
  }
}

void Flusher::flush_once() {
  std::deque<Piece> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(queue_);
  }
  no_segment_.reset();
  shared_->group_floor = active_ ? active_->number : 0;
  for (auto& again : std::exchange(void_again_, {})) take_batch(std::move(again));
  std::uint64_t weight = 0;
  for (auto& piece : taken) {
    weight += piece.weight;
    if (piece.batch) {
      take_batch(std::move(piece.batch));
    } else if (piece.stop) {
      settle();
      seal_for_stop();
      piece.stop();
    } else {
      take_chunk(piece);
    }
  }
  settle();
  shared_->group_floor = ~0u;
  layout_.clear();
  kept_.clear();
  std::vector<env::Resume<bool>> waiters;
  {
    const std::lock_guard lock(mutex_);
    POSTIL_ASSERT(queued_octets_ >= weight);
    queued_octets_ -= weight;
    waiters.swap(room_waiters_);
    if (queue_.empty()) {
      scheduled_ = false;
    } else {
      wake();
    }
  }
  for (auto& waiter : waiters) waiter(true);
}

void Flusher::take_chunk(Piece& piece) {
  if (piece.body->failed) return;
  if (shared_->reserve_short) {  // it is for results (rule f)
    piece.body->fail(shared_->reserve_error);
    return;
  }
  kept_.push_back(std::move(piece.octets));
  const auto chunk = lay_chunk(piece.body->id, kept_.back());
  if (!chunk) {
    piece.body->fail(chunk.error());
    return;
  }
  piece.body->chunks.push_back(*chunk);
  piece.body->hold(chunk->at.segment);
  unsynced_.push_back(piece.body);
}

void Flusher::take_batch(std::unique_ptr<BatchPiece> batch) {
  if (batch->mail && shared_->reserve_short) return fail(std::move(batch), shared_->reserve_error);
  Overlay changed;
  if (const auto possible = check(*batch, changed); !possible) return fail(std::move(batch), possible.error());
  if (const auto bodies = lay_bodies(*batch); !bodies) return fail(std::move(batch), bodies.error());
  auto ops = lay_record(*batch, changed);
  if (!ops) return fail(std::move(batch), ops.error());
  for (auto& [id, standing] : changed) overlay_[id] = std::move(standing);
  laid_.push_back({std::move(batch), std::move(*ops)});
}

RecordHead Flusher::head(RecordType type, std::uint64_t id) const {
  RecordHead head;
  head.type = type;
  head.id = id;
  head.offset = static_cast<std::uint32_t>(end_);
  head.synced = static_cast<std::uint32_t>(synced_);
  return head;
}

env::StoreResult<ChunkReference> Flusher::lay_chunk(std::uint64_t body_id, std::string_view octets) {
  if (const auto room = make_room(octets.size()); !room) return std::unexpected(room.error());
  ChunkReference chunk;
  chunk.at = {active_->number, static_cast<std::uint32_t>(end_), static_cast<std::uint32_t>(octets.size())};
  chunk.crc = layout_.record(head(RecordType::chunk, body_id), active_->salt, octets);
  end_ += padded(record_header_octets + octets.size());
  return chunk;
}

// Room is kept for the seal at the end.
env::StoreResult<void> Flusher::make_room(std::uint64_t content) {
  const auto octets = padded(record_header_octets + content);
  if (octets + (8 << 20) > 0xffffffffu) return std::unexpected(env::StoreError::failed);  // offsets have 32 bits
  if (no_segment_) return std::unexpected(*no_segment_);
  if (active_ && end_ + octets + record_header_octets <= active_->capacity) return {};
  if (active_ && !seal()) return std::unexpected(env::StoreError::failed);
  if (const auto begun = begin_segment(octets + record_header_octets); !begun) {
    no_segment_ = store_error(begun.error());
    return std::unexpected(*no_segment_);
  }
  return {};
}

env::DiskResult<void> Flusher::begin_segment(std::uint64_t octets) {
  auto begun = shared_->segments.begin(octets);
  if (!begun) {
    shared_->sink.emit({event::Name::spool_sync_failed,
                        {{"detail", begun.error().detail}, {"error", std::string(to_string(begun.error().error))}}});
    return std::unexpected(begun.error());
  }
  active_ = std::move(*begun);
  end_ = written_ = synced_ = active_->records_from;
  const std::lock_guard lock(shared_->index_mutex);
  shared_->index.add_segment(active_->number);
  shared_->index.watch(active_->number, shared_->options.segment_octets / 100 * shared_->options.copy_forward_percent);
  shared_->position = {active_->number, static_cast<std::uint32_t>(end_), 0};
  return {};
}

bool Flusher::write_out() {
  if (layout_.empty()) return true;
  const auto octets = layout_.octets();
  const auto written = active_->file->write(written_, layout_.parts());
  layout_.forget_parts();
  if (!written) {
    trouble(written.error());
    return false;
  }
  written_ += octets;
  POSTIL_ASSERT(written_ == end_);
  shared_->written_octets += octets;
  return true;
}

bool Flusher::sync() {
  if (const auto synced = active_->file->sync_data(); !synced) {
    trouble(synced.error());
    return false;
  }
  synced_ = written_;
  return true;
}

// Closes the active segment in order; what was laid in it is durable then (rule a). False: it went wrong, and a
// new segment may be active already.
bool Flusher::seal() {
  // Where the log goes on for a checkpoint, until there is a next segment: who reads from there is to see the seal.
  const auto before = end_;
  layout_.record(head(RecordType::seal, 0), active_->salt, {});
  end_ += record_header_octets;
  if (!write_out() || !sync()) return false;
  confirm(before);
  shared_->segments.close(active_->number, static_cast<std::uint32_t>(end_), true);
  active_.reset();
  poke_();
  return true;
}

// The active segment is not trusted any more from where it was synced last: the next one's header cuts it there,
// before anybody is told (rule e).
void Flusher::trouble(const env::DiskFailure& failure) {
  const auto number = active_->number;
  shared_->sink.emit({event::Name::spool_sync_failed,
                      {{"detail", failure.detail},
                       {"error", std::string(to_string(failure.error))},
                       {"segment", static_cast<std::int64_t>(number)},
                       {"batches", static_cast<std::int64_t>(laid_.size())}}});
  const auto why = store_error(failure);
  shared_->segments.close(number, static_cast<std::uint32_t>(synced_), false);
  active_.reset();
  layout_.forget_parts();
  for (const auto& body : std::exchange(unsynced_, {})) body->fail(why);
  auto lost = std::exchange(laid_, {});
  overlay_.clear();
  if (const auto begun = begin_segment(0); !begun) no_segment_ = store_error(begun.error());
  for (auto& laid : lost) fail(std::move(laid.batch), why);
  poke_();
}

void Flusher::settle() {
  if (!active_) {
    POSTIL_ASSERT(laid_.empty());
    return;
  }
  if (!write_out()) return;
  if (!laid_.empty() && sync()) confirm(synced_);
}

void Flusher::seal_for_stop() {
  if (active_) seal();
}

void Flusher::fail(std::unique_ptr<BatchPiece> batch, env::StoreError why) {
  auto done = std::move(batch->done);
  if (batch->voids && why != env::StoreError::not_found) {
    batch->done = nullptr;
    void_again_.push_back(std::move(batch));  // with the next group that comes
  }
  if (done) done(std::unexpected(why));
}

// Everything that was laid out is on the disk now. position: where a checkpoint says that the log goes on.
void Flusher::confirm(std::uint64_t position) {
  unsynced_.clear();
  overlay_.clear();
  auto laid = std::exchange(laid_, {});
  bool thin = false;
  {
    const std::lock_guard lock(shared_->index_mutex);
    for (const auto& one : laid) shared_->index.apply(one.ops);
    shared_->messages = shared_->index.entries().size();
    shared_->position = {active_->number, static_cast<std::uint32_t>(position), 0};
    thin = shared_->index.take_thin();
  }
  for (auto& one : laid) finish(std::move(one));
  if (thin) poke_();
}

void Flusher::finish(Laid laid) {
  auto& batch = *laid.batch;
  if (batch.voids) {
    if (batch.done) batch.done(std::unexpected(env::StoreError::failed));
    return;
  }
  const auto& deadline = shared_->options.commit_deadline;
  if (!batch.mail || shared_->clock.now() - batch.queued <= deadline) {
    if (batch.done) batch.done({});
    return;
  }
  // Too late for its 250: its sender has given up, or will. It is voided before it can be delivered (rule e).
  auto voids = std::make_unique<BatchPiece>();
  voids->voids = true;
  voids->done = std::move(batch.done);
  for (const auto& change : batch.changes) voids->changes.push_back(RemoveChange{std::get<AddChange>(change).id});
  Piece piece;
  piece.batch = std::move(voids);
  enqueue(std::move(piece));
}

}  // namespace postil::spool
