// What the spool's tests stand on: one io_context for everything, a clock that a test moves, a sink that remembers.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <mutex>
#include <optional>

#include "spool/log.hpp"
#include "support/faulty_disk.hpp"
#include "support/model_store.hpp"

namespace postil::spool {

class StillClock : public env::Clock {
 public:
  MonoTime now() const override { return MonoTime(seconds(1000) + passed); }
  WallTime wall() const override { return WallTime(seconds(1800000000) + passed); }
  Duration passed{};
};

class SeededEntropy : public env::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : prng_(seed) {}
  void seed(std::uint64_t seed) { prng_ = Prng(seed); }
  void fill(std::span<std::uint8_t> out) override {
    const std::lock_guard lock(mutex_);
    for (auto& octet : out) octet = static_cast<std::uint8_t>(prng_());
  }

 private:
  std::mutex mutex_;  // one test has threads
  Prng prng_;
};

class Sink : public event::Sink {
 public:
  void emit(const event::Event& event) override {
    const std::lock_guard lock(mutex_);
    events.push_back(event);
  }
  std::size_t count(event::Name name) const {
    return static_cast<std::size_t>(
        std::count_if(events.begin(), events.end(), [name](const auto& one) { return one.name == name; }));
  }
  std::string text(event::Name name, std::string_view key) const {
    for (const auto& one : events) {
      if (one.name != name) continue;
      for (const auto& field : one.fields) {
        if (field.key != key) continue;
        if (const auto* text = std::get_if<std::string>(&field.value)) return *text;
      }
    }
    return {};
  }
  std::vector<event::Event> events;

 private:
  std::mutex mutex_;
};

struct Rig {
  boost::asio::io_context io;
  StillClock clock;
  SeededEntropy entropy{7};
  Sink sink;
  test::FaultyDisk disk;
  Options options = small();
  std::unique_ptr<Log> log;
  std::uint64_t next_id = 1;

  static Options small() {
    Options options;
    options.segment_octets = 32 << 10;
    options.chunk_octets = 2048;
    options.queue_octets_max = 64 << 10;
    options.watermark_octets = 1;
    options.watermark_percent = 0;
    options.checkpoint_octets = std::uint64_t{1} << 40;
    options.folder = "/var/spool/postil";
    return options;
  }

  // Runs a coroutine to its end, and what it set going.
  template <class T>
  std::optional<T> run(env::Awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(
        io,
        [](env::Awaitable<T> inner, std::optional<T>* out) -> env::Awaitable<void> {
          auto value = co_await std::move(inner);
          out->emplace(std::move(value));
        }(std::move(work), &result),
        boost::asio::detached);
    io.restart();
    io.run();
    return result;
  }
  void settle() {
    io.restart();
    io.run();
  }

  std::string open() {
    log.reset();
    settle();
    auto opened = run(Log::open(options, disk, io.get_executor(), io.get_executor(), clock, entropy, sink));
    if (!opened) return "open did not end";
    if (!*opened) return opened->error().sentence;
    log = std::move(**opened);
    return {};
  }
  // A power cut, and a start.
  std::string cut_and_open(std::uint64_t seed) {
    log.reset();
    settle();
    Prng prng(seed);
    disk.crash(prng);
    return open();
  }
  void stop() {
    run([](Log& it) -> env::Awaitable<bool> {
      co_await it.stop();
      co_return true;
    }(*log));
    log.reset();
    settle();
  }

  static queue::Envelope envelope(MessageId id, std::size_t recipients = 1, queue::Kind kind = queue::Kind::mail) {
    queue::Envelope envelope;
    envelope.id = id;
    envelope.kind = kind;
    envelope.sender = "anna@example.org";
    for (std::size_t i = 0; i < recipients; ++i) {
      envelope.recipients.push_back({"bob" + std::to_string(i) + "@example.net", "", queue::notify_unset});
    }
    return envelope;
  }
  static env::Awaitable<env::StoreResult<std::unique_ptr<env::BodyWriter>>> body(env::Store& store,
                                                                                 std::string octets) {
    auto writer = co_await store.begin_body();
    if (!writer) co_return std::unexpected(writer.error());
    for (std::size_t at = 0; at < octets.size(); at += 1000) {
      auto appended = co_await (*writer)->append(std::string_view(octets).substr(at, 1000));
      if (!appended) co_return std::unexpected(appended.error());
    }
    co_return std::move(*writer);
  }
  static env::Awaitable<env::StoreResult<void>> add(env::Store& store, queue::Envelope envelope, std::string octets) {
    auto writer = co_await body(store, std::move(octets));
    if (!writer) co_return std::unexpected(writer.error());
    env::Batch batch;
    batch.push_back(env::AddMessage{std::move(envelope), std::move(*writer), {}});
    co_return co_await store.commit(std::move(batch));
  }
  static env::Awaitable<env::StoreResult<void>> commit_one(env::Store& store, env::Change change) {
    env::Batch batch;
    batch.push_back(std::move(change));
    co_return co_await store.commit(std::move(batch));
  }

  // The next message; its id, or nothing when it was refused.
  std::optional<MessageId> take(std::string octets, std::size_t recipients = 1, queue::Kind kind = queue::Kind::mail) {
    const MessageId id{next_id++};
    const auto result = run(add(*log, envelope(id, recipients, kind), std::move(octets)));
    if (!result || !*result) return {};
    return id;
  }
  env::StoreResult<void> remove(MessageId id) {
    return run(commit_one(*log, env::DeleteMessage{id})).value_or(std::unexpected(env::StoreError::stopped));
  }
  env::StoreResult<void> update(MessageId id, std::uint32_t index, std::uint16_t attempts) {
    queue::MessageState state;
    state.id = id;
    auto& part = state.recipients.emplace_back();
    part.index = index;
    part.attempts = attempts;
    return run(commit_one(*log, env::UpdateState{std::move(state)}))
        .value_or(std::unexpected(env::StoreError::stopped));
  }
  env::StoreResult<std::string> body_of(MessageId id) {
    return run(log->read_body(id, 0, 100 << 20)).value_or(std::unexpected(env::StoreError::stopped));
  }
};

inline bool operator_equal(const queue::RecipientState& a, const queue::RecipientState& b) {
  queue::MessageState one, other;
  one.recipients.push_back(a);
  other.recipients.push_back(b);
  return queue::encode(one) == queue::encode(other);
}

// Everything that a store holds.
inline env::Awaitable<std::optional<test::ModelMessages>> dump(env::Store& store) {
  test::ModelMessages all;
  MessageId after;
  for (;;) {
    auto page = co_await store.list(after, 7);
    if (!page) co_return std::nullopt;
    if (page->empty()) break;
    for (const auto id : *page) {
      test::ModelMessage message;
      auto envelope = co_await store.read_envelope(id);
      if (!envelope) co_return std::nullopt;
      message.envelope = std::move(*envelope);
      auto state = co_await store.read_state(id);
      if (!state) co_return std::nullopt;
      message.state = std::move(*state);
      for (;;) {
        auto part = co_await store.read_body(id, message.body.size(), 1500);
        if (!part) co_return std::nullopt;
        if (part->empty()) break;
        message.body += *part;
      }
      all.emplace(id, std::move(message));
      after = id;
    }
  }
  co_return all;
}

inline bool same(const test::ModelMessage& a, const test::ModelMessage& b) {
  return queue::encode(a.envelope) == queue::encode(b.envelope) && a.body == b.body &&
         queue::encode(a.state) == queue::encode(b.state);
}
inline bool same(const test::ModelMessages& a, const test::ModelMessages& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

}  // namespace postil::spool
