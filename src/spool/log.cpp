#include "spool/log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "spool/flusher.hpp"
#include "spool/keeper.hpp"
#include "spool/lease.hpp"
#include "spool/messages.hpp"
#include "spool/recovery.hpp"

namespace postil::spool {
namespace {

class Writer : public env::BodyWriter {
 public:
  Writer(std::shared_ptr<Body> body, std::shared_ptr<Flusher> flusher)
      : body_(std::move(body)), flusher_(std::move(flusher)), chunk_octets_(body_->shared->options.chunk_octets) {}

  env::Awaitable<env::StoreResult<void>> append(std::string_view octets) override {
    if (body_->failed) co_return std::unexpected(body_->error.load());
    size_ += octets.size();
    while (tail_.size() + octets.size() > chunk_octets_) {
      const auto part = octets.substr(0, chunk_octets_ - tail_.size());
      tail_ += part;
      octets.remove_prefix(part.size());
      while (!flusher_->reserve_room(tail_.size())) {
        if (flusher_->closed()) co_return std::unexpected(env::StoreError::stopped);
        auto wait = [this](env::Resume<bool> resume) { flusher_->wait_for_room(std::move(resume)); };
        co_await env::async<bool>(wait);
      }
      Piece piece;
      piece.body = body_;
      piece.weight = tail_.size();
      piece.octets = std::exchange(tail_, {});
      flusher_->enqueue(std::move(piece));
    }
    tail_ += octets;
    co_return env::StoreResult<void>();
  }
  std::uint64_t size_octets() const override { return size_; }

  std::shared_ptr<Body> body() const { return body_; }
  std::string take_tail() { return std::move(tail_); }

 private:
  const std::shared_ptr<Body> body_;
  const std::shared_ptr<Flusher> flusher_;
  const std::size_t chunk_octets_;
  std::string tail_;
  std::uint64_t size_ = 0;
};

AddChange prepare(env::AddMessage&& add) {
  AddChange change;
  change.id = add.envelope.id;
  change.recipients = static_cast<std::uint32_t>(add.envelope.recipients.size());
  change.envelope = queue::encode(add.envelope);
  add.state.id = add.envelope.id;
  change.state = queue::encode(add.state);
  if (add.body) {
    auto* writer = dynamic_cast<Writer*>(add.body.get());
    POSTIL_ASSERT(writer);  // a body of this store
    change.body = writer->body();
    change.tail = writer->take_tail();
  }
  return change;
}

// How many recipients a state tells of.
std::uint32_t told(const queue::MessageState& state) {
  if (state.recipients.size() == 1) return 1;
  std::vector<std::uint32_t> indexes;
  for (const auto& part : state.recipients) indexes.push_back(part.index);
  std::ranges::sort(indexes);
  const auto same = std::ranges::unique(indexes);
  return static_cast<std::uint32_t>(same.begin() - indexes.begin());
}

std::unique_ptr<BatchPiece> prepare(env::Batch&& batch, std::uint64_t& octets) {
  auto piece = std::make_unique<BatchPiece>();
  piece->mail = !batch.empty();
  for (auto& change : batch) {
    if (auto* add = std::get_if<env::AddMessage>(&change)) {
      // What nobody is told of otherwise has room below the watermark; a TLS report may wait.
      piece->mail =
          piece->mail && (add->envelope.kind == queue::Kind::mail || add->envelope.kind == queue::Kind::tls_report);
      auto prepared = prepare(std::move(*add));
      octets += prepared.tail.size() + prepared.envelope.size() + prepared.state.size();
      piece->changes.push_back(std::move(prepared));
    } else if (auto* update = std::get_if<env::UpdateState>(&change)) {
      piece->mail = false;
      auto state = queue::encode(update->state);
      octets += state.size();
      piece->changes.push_back(StateChange{update->state.id, std::move(state), told(update->state)});
    } else {
      piece->mail = false;
      piece->changes.push_back(RemoveChange{std::get<env::DeleteMessage>(change).id});
    }
  }
  return piece;
}

template <class T>
std::unexpected<env::StoreError> pass(const env::StoreResult<T>& result) {
  return std::unexpected(result.error());
}

// The slices of a lease, read on another thread, one ahead of who takes them.
class ReadAhead {
 public:
  using Slice = std::vector<env::Waiting>;
  explicit ReadAhead(std::shared_ptr<Shared> shared) : lease_(std::move(shared)) {}

  // Unless a slice is there, or on its way.
  static void read(const std::shared_ptr<ReadAhead>& self, const env::Executor& readers) {
    const std::lock_guard lock(self->mutex_);
    if (std::exchange(self->asked_, true)) return;
    env::asio::post(readers, [self] { self->give(self->lease_.next()); });
  }
  void take(env::Resume<Slice> resume) {
    std::unique_lock lock(mutex_);
    taker_ = std::move(resume);
    hand_over(lock);
  }

 private:
  void give(Slice slice) {
    std::unique_lock lock(mutex_);
    slice_ = std::move(slice);
    hand_over(lock);
  }
  void hand_over(std::unique_lock<std::mutex>& lock) {
    if (!slice_ || !taker_) return;
    auto slice = std::move(*slice_);
    slice_.reset();
    asked_ = false;
    auto taker = std::exchange(taker_, {});
    lock.unlock();
    taker(std::move(slice));
  }

  Lease lease_;
  std::mutex mutex_;
  bool asked_ = false;
  std::optional<Slice> slice_;
  env::Resume<Slice> taker_;
};

}  // namespace

Log::Log(std::shared_ptr<Shared> shared, std::shared_ptr<Flusher> flusher, std::shared_ptr<Keeper> keeper,
         env::Executor readers, std::unique_ptr<env::DirectoryLock> lock, std::uint64_t body_ids, OpenReport report)
    : shared_(std::move(shared)),
      flusher_(std::move(flusher)),
      keeper_(std::move(keeper)),
      readers_(std::move(readers)),
      lock_(std::move(lock)),
      body_ids_(body_ids),
      report_(report) {}

Log::~Log() {
  keeper_->stop();
  flusher_->close();
}

env::Awaitable<std::expected<std::unique_ptr<Log>, OpenFailure>> Log::open(Options options, env::Disk& disk,
                                                                           env::Executor flusher, env::Executor readers,
                                                                           env::Clock& clock, env::Entropy& entropy,
                                                                           event::Sink& sink) {
  POSTIL_ASSERT(options.segment_octets >= 16 << 10 && options.segment_octets <= std::uint64_t{2} << 30);
  auto take_lock = [&disk] { return disk.lock(); };
  auto lock = co_await env::on(readers, take_lock);
  if (!lock) {
    const bool busy = lock.error().error == env::DiskError::busy;
    co_return std::unexpected(OpenFailure{
        busy ? fmt::format("The spool in {} is in use by another process: {}.", options.folder, lock.error().detail)
             : fmt::format("The spool in {} cannot be locked: {}.", options.folder, lock.error().detail),
        busy ? OpenError::in_use : OpenError::disk, lock.error().detail});
  }
  auto shared = std::make_shared<Shared>(std::move(options), disk, clock, entropy, sink);
  auto report = co_await recover(shared, readers);
  if (!report) co_return std::unexpected(report.error());
  auto keeper = std::make_shared<Keeper>(shared, readers);
  auto writer = std::make_shared<Flusher>(shared, flusher, [weak = std::weak_ptr(keeper)] {
    if (const auto one = weak.lock()) one->poke();
  });
  keeper->attach(writer);
  sink.emit({event::Name::spool_opened,
             {{"messages", static_cast<std::int64_t>(report->messages)},
              {"segments", static_cast<std::int64_t>(report->segments)},
              {"checkpoint", report->from_checkpoint}}});
  auto prepare_space = [keeper] {
    keeper->refill();
    keeper->check_space();
    return true;
  };
  co_await env::on(readers, prepare_space);
  keeper->poke();
  co_return std::unique_ptr<Log>(new Log(std::move(shared), std::move(writer), std::move(keeper), readers,
                                         std::move(*lock), entropy.word(), *report));
}

std::optional<env::StoreError> Log::refuses_mail() const {
  keeper_->watch_space();
  if (shared_->below_watermark) return env::StoreError::no_space;
  if (shared_->reserve_short) return shared_->reserve_error.load();
  return std::nullopt;
}

void Log::set_watermark(std::uint64_t octets) {
  if (shared_->watermark_octets.exchange(octets) != octets) keeper_->poke();
}

env::Awaitable<env::StoreResult<std::unique_ptr<env::BodyWriter>>> Log::begin_body() {
  if (flusher_->closed()) co_return std::unexpected(env::StoreError::stopped);
  auto body = std::make_shared<Body>(shared_);
  body->id = ++body_ids_;
  co_return std::make_unique<Writer>(std::move(body), flusher_);
}

env::Awaitable<env::StoreResult<void>> Log::commit(env::Batch batch) {
  if (batch.empty()) co_return env::StoreResult<void>();
  const auto flusher = flusher_;
  const auto queued = shared_->clock.now();
  Piece piece;
  std::uint64_t octets = 0;
  piece.batch = prepare(std::move(batch), octets);
  piece.batch->queued = queued;
  // Results are never held up by mail.
  if (piece.batch->mail) {
    while (!flusher->reserve_room(octets)) {
      if (flusher->closed()) co_return std::unexpected(env::StoreError::stopped);
      auto wait = [&](env::Resume<bool> resume) { flusher->wait_for_room(std::move(resume)); };
      co_await env::async<bool>(wait);
    }
    piece.weight = octets;
  }
  auto hand_over = [&](Done done) {
    piece.batch->done = std::move(done);
    flusher->enqueue(std::move(piece));
  };
  auto result = co_await env::async<env::StoreResult<void>>(hand_over);
  co_return result;
}

env::Awaitable<env::StoreResult<std::string>> Log::read_body(MessageId id, std::uint64_t offset, std::size_t length) {
  auto shared = shared_;
  auto look = [shared, id, offset, length] {
    return read_standing(*shared, id, [&](const Whereabouts& where) -> env::StoreResult<std::string> {
      std::string out;
      std::uint64_t start = 0;
      const auto end = length > ~std::uint64_t{0} - offset ? ~std::uint64_t{0} : offset + length;
      for (const auto& chunk : where.chunks) {
        const auto from = std::max(offset, start);
        const auto to = std::min(end, start + chunk.length);
        if (from < to) {
          auto octets = read_chunk_at(*shared, chunk);
          if (!octets) return pass(octets);
          out.append(*octets, static_cast<std::size_t>(from - start), static_cast<std::size_t>(to - from));
        }
        start += chunk.length;
      }
      return out;
    });
  };
  auto result = co_await env::on(readers_, look);
  co_return result;
}

env::Awaitable<env::StoreResult<queue::Envelope>> Log::read_envelope(MessageId id) {
  auto shared = shared_;
  auto look = [shared, id] {
    return read_standing(*shared, id, [&](const Whereabouts& where) -> env::StoreResult<queue::Envelope> {
      const auto read = read_add_at(*shared, id, where.add);
      if (!read) return pass(read);
      auto envelope = queue::decode_envelope(read->add.envelope);
      if (!envelope) return std::unexpected(env::StoreError::corrupt);
      return std::move(*envelope);
    });
  };
  auto result = co_await env::on(readers_, look);
  co_return result;
}

env::Awaitable<env::StoreResult<queue::MessageState>> Log::read_state(MessageId id) {
  auto shared = shared_;
  auto look = [shared, id] {
    return read_standing(*shared, id, [&](const Whereabouts& where) -> env::StoreResult<queue::MessageState> {
      const auto read = read_add_at(*shared, id, where.add);
      if (!read) return pass(read);
      return read_whole_state(*shared, id, where, read->add.state);
    });
  };
  auto result = co_await env::on(readers_, look);
  co_return result;
}

env::Awaitable<env::StoreResult<std::uint64_t>> Log::lease_all(std::function<void(env::Waiting&&)> each) {
  auto ahead = std::make_shared<ReadAhead>(shared_);
  std::uint64_t count = 0;
  for (;;) {
    ReadAhead::read(ahead, readers_);
    auto take = [&](env::Resume<ReadAhead::Slice> resume) { ahead->take(std::move(resume)); };
    // The slice after this one is read while this one is handed out.
    auto slice = co_await env::async<ReadAhead::Slice>(take);
    if (slice.empty()) break;
    count += slice.size();
    ReadAhead::read(ahead, readers_);
    for (auto& waiting : slice) each(std::move(waiting));
  }
  co_return count;
}

env::Awaitable<env::StoreResult<std::vector<MessageId>>> Log::list(MessageId after, std::size_t count) {
  std::vector<MessageId> ids;
  const std::lock_guard lock(shared_->index_mutex);
  const auto& entries = shared_->index.entries();
  for (auto at = entries.upper_bound(after); at != entries.end() && ids.size() < count; ++at) ids.push_back(at->first);
  co_return ids;
}

std::uint64_t Log::message_count() const {
  return shared_->messages;
}

env::Awaitable<void> Log::stop() {
  const auto flusher = flusher_;
  const auto keeper = keeper_;
  if (flusher->closed()) co_return;
  auto ask = [&](env::Resume<bool> resume) {
    Piece piece;
    piece.stop = [resume = std::move(resume)]() mutable { resume(true); };
    flusher->enqueue(std::move(piece));
  };
  co_await env::async<bool>(ask);
  flusher->close();
  keeper->stop();
  auto last = [keeper] { return keeper->checkpoint().has_value(); };
  co_await env::on(readers_, last);
}

Log::Usage Log::usage() const {
  Usage usage;
  usage.segments = shared_->segments.all().size();
  usage.reserve = shared_->segments.reserve();
  usage.queued_octets = flusher_->queued_octets();
  const std::lock_guard lock(shared_->index_mutex);
  for (const auto& [_, use] : shared_->index.uses()) usage.live_octets += use.live_octets;
  return usage;
}

}  // namespace postil::spool
