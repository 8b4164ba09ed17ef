// The disk port: what the spool and the history write through. Calls block; they are made on the
// flusher's and the readers' executors, never on an I/O thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postil::env {

enum class DiskError : std::uint8_t {
  no_space,  // ENOSPC, EDQUOT, EFBIG
  io,        // EIO: what was written before is not to be trusted either
  not_found,
  exists,
  busy,  // locked by another process
  permission,
  limit,  // EMFILE, ENFILE, ENOMEM
  other,
};
std::string_view to_string(DiskError error);
struct DiskFailure {
  DiskError error = DiskError::other;
  std::string detail;  // "write /var/spool/postil/00000003.log: No space left on device"
};
template <class T>
using DiskResult = std::expected<T, DiskFailure>;

inline constexpr std::size_t direct_alignment_octets = 64 << 10;  // a page is never larger

class File {
 public:
  virtual ~File() = default;
  virtual DiskResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) = 0;  // all or error
  virtual DiskResult<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;               // 0 = end
  // The same, for much that is read once: what is not in memory yet may go past the page cache, where offset, size and
  // address are multiples of direct_alignment_octets.
  virtual DiskResult<std::size_t> read_once(std::uint64_t offset, std::span<char> into) { return read(offset, into); }
  virtual DiskResult<void> preallocate(std::uint64_t size) = 0;  // reads as zero octets
  virtual DiskResult<void> truncate(std::uint64_t size) = 0;
  virtual DiskResult<void> sync_data() = 0;
  virtual DiskResult<std::uint64_t> size() = 0;
  // Drops these octets from the page cache and, where it can, from the disk (hole). May do nothing.
  virtual void forget(std::uint64_t offset, std::uint64_t length) = 0;
};

class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;  // releases it
};

class Disk {
 public:
  virtual ~Disk() = default;
  // Names are relative to the folder that the disk was made for; no '/'.
  virtual DiskResult<std::unique_ptr<File>> create(std::string_view name) = 0;  // must not exist; mode 0600
  virtual DiskResult<std::unique_ptr<File>> open(std::string_view name, bool writable) = 0;
  virtual DiskResult<void> rename(std::string_view from, std::string_view to) = 0;
  virtual DiskResult<void> remove(std::string_view name) = 0;
  virtual DiskResult<std::vector<std::string>> list() = 0;  // sorted
  virtual DiskResult<void> sync_folder() = 0;
  struct Space {
    std::uint64_t free_octets = 0;
    std::uint64_t total_octets = 0;
    std::uint64_t free_inodes = 0;
  };
  virtual DiskResult<Space> space() = 0;
  // Only one process (and one Disk) holds it; DiskError::busy otherwise, detail names the holder's pid.
  virtual DiskResult<std::unique_ptr<DirectoryLock>> lock() = 0;
};

// A whole small file. replace_file: the old one stays whole until the new one, written as NAME.new, is on the disk.
DiskResult<std::string> read_file(Disk& disk, std::string_view name, std::size_t octets_max);
DiskResult<void> replace_file(Disk& disk, std::string_view name, std::string_view text);

}  // namespace postil::env
