// The segments' files: which there are, how a new one begins, the reserve, what is given back.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "env/clock.hpp"
#include "env/disk.hpp"
#include "env/entropy.hpp"
#include "spool/format.hpp"
#include "spool/options.hpp"

namespace postil::spool {

struct Segment {
  std::uint32_t number = 0;
  std::uint32_t salt = 0;
  std::uint32_t records_from = 0;  // octets of its header
  std::uint64_t capacity = 0;      // octets of its file
  std::uint32_t end = 0;           // when closed: nothing counts from here on
  bool sealed = false;             // otherwise, when closed, a cut stands for it
  bool closed = false;
  std::shared_ptr<env::File> file;  // null: open it again
};

// Thread-safe. Calls that touch the disk say so.
class Segments {
 public:
  Segments(const Options& options, env::Disk& disk, env::Clock& clock, env::Entropy& entropy)
      : options_(options), disk_(disk), clock_(clock), entropy_(entropy) {}

  // From a recovery.
  void adopt(Segment segment);
  void adopt_reserve(std::string name);
  void next_number_at_least(std::uint32_t number);

  // A new segment with room for a record of `octets`, its header and its name synced. Disk; the flusher only.
  env::DiskResult<Segment> begin(std::uint64_t octets);
  // The segment will not be written again. Without a seal it is named in a cut from now on.
  void close(std::uint32_t number, std::uint32_t end, bool sealed);

  struct Handle {
    std::shared_ptr<env::File> file;
    std::uint32_t salt = 0;
  };
  // For reading; opens the file again where it was closed. Disk.
  env::DiskResult<Handle> handle(std::uint32_t number);
  std::vector<Segment> all() const;  // ascending; without files
  std::vector<Cut> cuts() const;

  // Two files in reserve (rule f). Disk; the keeper only.
  env::DiskResult<void> fill_reserve();
  std::size_t reserve() const;
  // Unlinks segments and syncs the folder; gives those whose removal is sure. Disk; the keeper only.
  env::DiskResult<void> remove(const std::vector<std::uint32_t>& numbers);
  // Gives back what was preallocated behind the end of a closed segment. Disk; the keeper only.
  void trim();
  bool untrimmed() const { return untrimmed_.load(std::memory_order_relaxed); }

 private:
  env::DiskResult<std::string> blank_file(std::uint64_t octets, std::unique_ptr<env::File>& file);
  void keep_open(Segment& segment);

  const Options& options_;
  env::Disk& disk_;
  env::Clock& clock_;
  env::Entropy& entropy_;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Segment> segments_;
  std::deque<std::uint32_t> open_;  // those with a file, oldest first
  std::vector<std::string> reserve_;
  std::uint32_t next_number_ = 1;
  std::atomic<bool> untrimmed_{false};
};

}  // namespace postil::spool
