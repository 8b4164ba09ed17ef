// The segmented log: env::Store for one node. Format, legal states and rules: docs/formats/spool.md.
//
// open() reads the folder and gives a Log; it blocks nobody, its work is done on `readers`. `flusher` must run one
// thing at a time (a pool of one thread, or a strand). All calls may come from any thread; an awaitable goes on
// on its caller's executor. Disk, clock, entropy and sink must outlive the Log and what still runs on the two
// executors.
//
// What it does not do: schedule, expire, or look into messages.
#pragma once

#include <expected>
#include <memory>

#include "env/async.hpp"
#include "env/clock.hpp"
#include "env/disk.hpp"
#include "env/entropy.hpp"
#include "env/store.hpp"
#include "event/event.hpp"
#include "spool/options.hpp"

namespace postil::spool {

struct Shared;
class Flusher;
class Keeper;

// What opening found, for the start's log line.
struct OpenReport {
  std::uint64_t messages = 0;
  std::uint64_t segments = 0;
  std::uint64_t torn_tails = 0;
  std::uint64_t bad_ranges = 0;  // each was told as spool_corrupt
  std::uint64_t incomplete = 0;  // messages that miss a piece; also told
  bool from_checkpoint = false;
};

class Log : public env::Store {
 public:
  // Fails with a sentence for people: another process holds the folder, a newer version wrote it, it cannot be read.
  static env::Awaitable<std::expected<std::unique_ptr<Log>, OpenFailure>> open(Options options, env::Disk& disk,
                                                                               env::Executor flusher,
                                                                               env::Executor readers, env::Clock& clock,
                                                                               env::Entropy& entropy,
                                                                               event::Sink& sink);
  // Without stop(): as a crash would leave it, but for what was being written just now. Who waits gets `stopped`.
  ~Log() override;

  std::optional<env::StoreError> refuses_mail() const override;
  // Options::watermark_octets from now on. Any thread, no wait.
  void set_watermark(std::uint64_t octets);
  env::Awaitable<env::StoreResult<std::unique_ptr<env::BodyWriter>>> begin_body() override;
  env::Awaitable<env::StoreResult<void>> commit(env::Batch batch) override;
  // Whole chunks are read and their CRC is verified: ask for Options::chunk_octets at multiples of it.
  env::Awaitable<env::StoreResult<std::string>> read_body(MessageId id, std::uint64_t offset,
                                                          std::size_t length) override;
  env::Awaitable<env::StoreResult<queue::Envelope>> read_envelope(MessageId id) override;
  env::Awaitable<env::StoreResult<queue::MessageState>> read_state(MessageId id) override;
  env::Awaitable<env::StoreResult<std::uint64_t>> lease_all(std::function<void(env::Waiting&&)> each) override;
  env::Awaitable<env::StoreResult<std::vector<MessageId>>> list(MessageId after, std::size_t count) override;
  std::uint64_t message_count() const override;

  // Orderly end: what is queued is written, the segment sealed, a checkpoint written. Later calls get `stopped`.
  env::Awaitable<void> stop();

  const OpenReport& report() const { return report_; }
  struct Usage {
    std::uint64_t segments = 0;
    std::uint64_t reserve = 0;
    std::uint64_t live_octets = 0;
    std::uint64_t queued_octets = 0;  // waiting for the flusher
  };
  Usage usage() const;

 private:
  Log(std::shared_ptr<Shared> shared, std::shared_ptr<Flusher> flusher, std::shared_ptr<Keeper> keeper,
      env::Executor readers, std::unique_ptr<env::DirectoryLock> lock, std::uint64_t body_ids, OpenReport report);

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Flusher> flusher_;
  const std::shared_ptr<Keeper> keeper_;
  const env::Executor readers_;
  const std::unique_ptr<env::DirectoryLock> lock_;
  std::atomic<std::uint64_t> body_ids_;
  const OpenReport report_;
};

}  // namespace postil::spool
