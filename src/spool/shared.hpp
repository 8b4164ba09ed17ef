// What the log's parts share.
#pragma once

#include <atomic>
#include <mutex>

#include "env/clock.hpp"
#include "env/disk.hpp"
#include "env/entropy.hpp"
#include "env/store.hpp"
#include "event/event.hpp"
#include "spool/index.hpp"
#include "spool/options.hpp"
#include "spool/segments.hpp"

namespace postil::spool {

struct Shared {
  Shared(Options given, env::Disk& its_disk, env::Clock& its_clock, env::Entropy& entropy, event::Sink& its_sink)
      : options(std::move(given)),
        disk(its_disk),
        clock(its_clock),
        sink(its_sink),
        segments(options, its_disk, its_clock, entropy) {}

  const Options options;
  env::Disk& disk;
  env::Clock& clock;
  event::Sink& sink;
  Segments segments;
  std::mutex index_mutex;
  Index index;  // guarded by it
  std::atomic<std::uint64_t> messages{0};
  std::atomic<bool> reserve_short{false};  // it could not be filled: new mail is refused (rule f)
  std::atomic<env::StoreError> reserve_error{env::StoreError::no_space};  // why
  std::atomic<std::uint64_t> watermark_octets{options.watermark_octets};  // may change while running
  std::atomic<bool> below_watermark{false};
  std::atomic<std::uint64_t> written_octets{0};  // since the start, for the checkpoint's turn
  // Segments from here on belong to the group that is being written: its chunks are not yet in the index.
  std::atomic<std::uint32_t> group_floor{~0u};
  // How far the log goes: records up to here are in the index. Guarded by index_mutex.
  Location position;
};

inline env::StoreError store_error(const env::DiskFailure& failure) {
  return failure.error == env::DiskError::no_space ? env::StoreError::no_space
         : failure.error == env::DiskError::limit  ? env::StoreError::limit
                                                   : env::StoreError::failed;
}

}  // namespace postil::spool
