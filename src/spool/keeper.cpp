#include "spool/keeper.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "spool/checkpoint.hpp"
#include "spool/messages.hpp"
#include "spool/scan.hpp"

namespace postil::spool {
namespace {
constexpr std::uint64_t slice_octets = 4 << 20;
constexpr std::size_t slice_messages = 1000;
}  // namespace

void Keeper::poke() {
  again_ = true;
  if (stopped_ || scheduled_.exchange(true)) return;
  env::asio::post(readers_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->again_ = false;
    {
      const std::lock_guard lock(self->busy_);
      if (!self->stopped_) self->pass();
    }
    self->scheduled_ = false;
    if (self->again_) self->poke();
  });
}

void Keeper::watch_space() {
  const auto now = shared_->clock.now().time_since_epoch().count();
  auto asked = space_asked_us_.load();
  if (asked >= 0 && now - asked < shared_->options.space_interval.count()) return;
  if (space_asked_us_.compare_exchange_strong(asked, now)) poke();
}

void Keeper::pass() {
  give_back();
  shared_->segments.trim();
  refill();
  check_space();
  if (shared_->written_octets - checkpoint_at_ >= shared_->options.checkpoint_octets) (void)write();
  copy_forward();
}

env::DiskResult<void> Keeper::checkpoint() {
  const std::lock_guard lock(busy_);
  return write();
}

env::DiskResult<void> Keeper::write() {
  checkpoint_at_ = shared_->written_octets;
  return write_checkpoint(*shared_);
}

// Giving one segment back may set the deletes in another one free: until there is nothing to do.
void Keeper::give_back() {
  for (;;) {
    std::vector<std::uint32_t> dead;
    for (const auto& segment : shared_->segments.all()) {
      if (!segment.closed || segment.number >= shared_->group_floor) continue;
      const std::lock_guard lock(shared_->index_mutex);
      if (shared_->index.has_segment(segment.number) && !shared_->index.use(segment.number).needed()) {
        dead.push_back(segment.number);
      }
    }
    if (dead.empty()) return;
    if (const auto removed = shared_->segments.remove(dead); !removed) {
      shared_->sink.emit({event::Name::resource_trouble, {{"detail", removed.error().detail}}});
      return;
    }
    const std::lock_guard lock(shared_->index_mutex);
    for (const auto number : dead) shared_->index.remove_segment(number);
  }
}

void Keeper::refill() {
  const auto filled = shared_->segments.fill_reserve();
  const auto error = filled ? env::StoreError::no_space : store_error(filled.error());
  const auto error_before = shared_->reserve_error.exchange(error);
  const bool was = shared_->reserve_short.exchange(!filled);
  if (!filled && (!was || error != error_before)) {
    const bool full = error == env::StoreError::no_space;
    shared_->sink.emit({full ? event::Name::spool_full : event::Name::resource_trouble,
                        {{"what", std::string("spool")}, {"detail", filled.error().detail}}});
  } else if (filled && was && !shared_->below_watermark) {
    shared_->sink.emit({event::Name::spool_space_back, {}});
  }
}

void Keeper::check_space() {
  const auto space = shared_->disk.space();
  if (!space) return;
  const auto& options = shared_->options;
  const std::uint64_t given = shared_->watermark_octets;
  const auto least = given ? given : 2 * options.segment_octets + (64 << 20);
  const auto share =
      static_cast<std::uint64_t>(static_cast<double>(space->total_octets) * options.watermark_percent / 100);
  const auto watermark = std::max(least, share);
  const bool was = shared_->below_watermark;
  // Some more is asked for before mail is taken again, so that it does not flap.
  const bool below = space->free_octets < (was ? watermark + watermark / 8 : watermark);
  shared_->below_watermark = below;
  if (below == was) return;
  shared_->sink.emit({below ? event::Name::spool_full : event::Name::spool_space_back,
                      {{"free_octets", static_cast<std::int64_t>(space->free_octets)},
                       {"watermark_octets", static_cast<std::int64_t>(watermark)}}});
}

// A closed segment of which little is needed, the emptiest first; 0 for none. Deletes that are kept count: a segment
// full of them would only be written again, without end.
std::uint32_t Keeper::thin_segment() {
  const auto limit = shared_->options.segment_octets / 100 * shared_->options.copy_forward_percent;
  std::uint32_t best = 0;
  std::uint64_t best_octets = 0;
  for (const auto& segment : shared_->segments.all()) {
    if (!segment.closed || segment.number >= shared_->group_floor || stuck_.contains(segment.number)) continue;
    const std::lock_guard lock(shared_->index_mutex);
    if (!shared_->index.has_segment(segment.number)) continue;
    const auto& use = shared_->index.use(segment.number);
    if (!use.needed() || use.held > 0) continue;
    const auto octets = use.needed_octets();
    if (octets >= limit || (best && octets >= best_octets)) continue;
    best = segment.number;
    best_octets = octets;
  }
  return best;
}

void Keeper::copy_forward() {
  const auto flusher = flusher_.lock();
  if (!flusher || outstanding_ > 0) return;
  if (copy_failed_.exchange(false)) {  // the disk does not take it now: later, with another poke
    victim_ = 0;
    return;
  }
  std::vector<MessageId> crowded;
  {
    const std::lock_guard lock(shared_->index_mutex);
    crowded = shared_->index.take_crowded();
  }
  std::uint64_t octets = 0;
  std::vector<ChangePiece> copies;
  for (const auto id : crowded) {
    if (auto copy = copy_of(id, 0, octets)) copies.push_back(std::move(*copy));
  }
  if (!victim_) {
    victim_ = thin_segment();
    copied_to_ = {};
    stage_ = Stage::messages;
    unreadable_ = false;
  }
  if (victim_ && stage_ == Stage::messages) {
    if (copy_slice(copies, octets)) stage_ = Stage::removes;
  } else if (victim_ && stage_ == Stage::removes) {
    copy_removes(copies);
    stage_ = Stage::done;
  } else if (victim_) {
    finish_victim();
  }
  if (copies.empty() && victim_) again_ = true;
  send(flusher, std::move(copies));
}

void Keeper::finish_victim() {
  {
    const std::lock_guard lock(shared_->index_mutex);
    shared_->index.clear_pins(victim_);  // its deletes stand elsewhere now
    // Otherwise a message changed while it was copied: with the next poke.
    if (!shared_->index.has_segment(victim_) || !shared_->index.use(victim_).needed()) again_ = true;
  }
  if (unreadable_) stuck_.insert(victim_);
  victim_ = 0;
}

void Keeper::send(const std::shared_ptr<Flusher>& flusher, std::vector<ChangePiece> changes) {
  outstanding_ += static_cast<int>(changes.size());
  for (auto& change : changes) {
    Piece piece;
    piece.batch = std::make_unique<BatchPiece>();
    piece.batch->changes.push_back(std::move(change));
    piece.batch->done = [weak = weak_from_this()](env::StoreResult<void> result) {
      const auto self = weak.lock();
      if (!self) return;
      // not_found: it was changed meanwhile, and will be looked at again.
      if (!result && result.error() != env::StoreError::not_found) self->copy_failed_ = true;
      if (--self->outstanding_ == 0) self->poke();
    };
    flusher->enqueue(std::move(piece));
  }
}

// Copies a slice of the messages that have a piece in the victim; true when it was the last one.
bool Keeper::copy_slice(std::vector<ChangePiece>& copies, std::uint64_t& octets) {
  const auto touches = [this](const Location& piece) { return piece.segment == victim_; };
  while (octets < slice_octets && copies.size() < slice_messages) {
    std::vector<MessageId> ids;
    bool last = false;
    {
      const std::lock_guard lock(shared_->index_mutex);
      const auto& entries = shared_->index.entries();
      auto at = entries.upper_bound(copied_to_);
      for (int looked = 0; looked < 10000 && at != entries.end() && ids.size() < 64; ++looked, ++at) {
        const auto& entry = at->second;
        copied_to_ = at->first;
        if (touches(entry.add) || std::ranges::any_of(entry.chunks.all(), touches) ||
            std::ranges::any_of(entry.states.all(), touches)) {
          ids.push_back(at->first);
        }
      }
      last = at == entries.end();
    }
    for (const auto id : ids) {
      if (auto copy = copy_of(id, victim_, octets)) copies.push_back(std::move(*copy));
    }
    if (last) return true;
  }
  return false;
}

// The message as a copy would write it: its chunks in `segment` anew, its add with the newest state.
std::optional<CopyChange> Keeper::copy_of(MessageId id, std::uint32_t segment, std::uint64_t& octets) {
  const auto where = whereabouts(*shared_, id);
  if (!where) return {};
  const auto read = read_add_at(*shared_, id, where->add);
  if (!read) {
    unreadable_ = true;
    return {};
  }
  const auto state = read_whole_state(*shared_, id, *where, read->add.state);
  if (!state) {
    unreadable_ = true;
    return {};
  }
  CopyChange copy;
  copy.id = id;
  copy.add = where->add;
  copy.states = where->states;
  copy.recipients = where->recipients;
  copy.envelope = std::string(read->add.envelope);
  copy.state = queue::encode(*state);
  copy.body_id = read->add.body_id;
  copy.chunks = read->add.chunks;
  for (std::size_t i = 0; i < copy.chunks.size(); ++i) {
    if (copy.chunks[i].at.segment != segment) continue;
    auto chunk = read_chunk_at(*shared_, copy.chunks[i].at);
    if (!chunk) {
      unreadable_ = true;
      return {};
    }
    octets += chunk->size();
    copy.moved.emplace_back(i, std::move(*chunk));
  }
  octets += copy.envelope.size() + copy.state.size();
  return copy;
}

// Deletes in the victim that are still needed elsewhere (rule b).
void Keeper::copy_removes(std::vector<ChangePiece>& copies) {
  ScanRequest request;
  for (const auto& segment : shared_->segments.all()) {
    if (segment.number == victim_) request = {victim_, segment.salt, segment.records_from, segment.end, true, 0};
  }
  {
    const std::lock_guard lock(shared_->index_mutex);
    if (!shared_->index.has_segment(victim_) || shared_->index.use(victim_).pins.empty()) return;
  }
  const auto handle = shared_->segments.handle(victim_);
  const auto scan = handle ? scan_segment(*handle->file, request) : std::unexpected(handle.error());
  if (!scan || !scan->bad.empty()) unreadable_ = true;
  if (!scan) return;
  const std::lock_guard lock(shared_->index_mutex);
  for (const auto& op : scan->ops.ops) {
    if (op.kind != ItemKind::remove && op.kind != ItemKind::voided) continue;
    CopyRemove again{op.id, op.kind, {}};
    for (const auto& named : scan->ops.pool_of(op)) {
      if (named.segment != victim_ && shared_->index.has_segment(named.segment))
        again.segments.push_back(named.segment);
    }
    if (!again.segments.empty()) copies.push_back(std::move(again));
  }
}

}  // namespace postil::spool
