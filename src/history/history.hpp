// Receipts and traces: an append-only ring on the disk port, written behind, not synced, bounded in octets and
// days. A flood of refusals cannot fill the disk: the ring is bounded, and repeats of one refusal to one peer are
// counted, not written again.
//
// Records are JSON objects in one line. A record belongs to an id (a receipt's or a message's); find() gives all
// records of an id, oldest first. Nothing here is needed for delivery: a failing disk loses traces, never mail. A
// program that is killed loses what was added within the last 20 ms, and the ids of repeats of the minute under way; a
// power cut loses what the system had not yet written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "env/async.hpp"
#include "env/clock.hpp"
#include "env/disk.hpp"

namespace postil::history {

struct Options {
  std::uint64_t octets_max = 1u << 30;
  Duration age_max = days(30);  // older records are not given; their files go with a segment's rest
  std::uint64_t segment_octets = 16u << 20;
  std::uint64_t queue_octets_max = 4u << 20;  // waiting to be written; above it records are dropped and counted
};

// Of a refusal that came more than once within a minute.
struct Repeats {
  std::uint64_t number = 1;  // which one the asked one is; the first one, whose record is there, is 1
  std::uint64_t count = 1;   // all of them so far
  WallTime last{};           // when the last one came; the epoch where an older program wrote it
};

class History {
 public:
  // disk: a folder of its own. writer: executor for the blocking calls; one at a time. timers: what is added within
  // some milliseconds is written together; null: at once.
  History(Options options, env::Disk& disk, env::Executor writer, env::Clock& clock, env::Timers* timers = nullptr);
  ~History();
  // Reads what is there and builds the index (id -> places); blocking, on the writer executor, before use.
  void open();
  // Any thread, never blocks. json: one object without newline. repeat_key: records with the same non-empty key
  // within a minute are counted on the first one (a later record {"repeat_of":id,"count":n,"last":microseconds,
  // "ids":[…]}), not written again. Their own ids lead to the first one's records: the newest 16,000 of them, after a
  // restart the newest 100 of each minute and key.
  void add(MessageId id, std::string json);
  void add(ReceiptId id, std::string json, std::string repeat_key);
  env::Awaitable<std::vector<std::string>> find(MessageId id);
  env::Awaitable<std::vector<std::string>> find(ReceiptId id);
  // Nothing for a refusal that came once.
  env::Awaitable<std::optional<Repeats>> repeats_of(ReceiptId id);
  // The newest receipts, newest first.
  env::Awaitable<std::vector<std::string>> newest_receipts(std::size_t count);
  // What was added before is with the disk when it returns, and repeats are told. For the end of the program.
  env::Awaitable<void> flush();
  std::uint64_t dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postil::history
