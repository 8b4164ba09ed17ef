// Reads the folder at the start: from the checkpoint where there is one, otherwise every segment from front to back.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "env/async.hpp"
#include "spool/checkpoint.hpp"
#include "spool/log.hpp"
#include "spool/scan.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

// Fills the index and the segments' table of `shared`. Work is done on `readers`, segments side by side.
env::Awaitable<std::expected<OpenReport, OpenFailure>> recover(std::shared_ptr<Shared> shared, env::Executor readers);

// What stands in the folder, before any record is read; also for `postil spool check`.
struct FoundSegment {
  std::uint32_t number = 0;
  SegmentHeader header;
  std::uint64_t file_octets = 0;
  std::optional<std::uint32_t> cut;
};
struct Folder {
  std::vector<FoundSegment> segments;    // ascending
  std::vector<std::string> bad_headers;  // names
  std::vector<std::string> reserve;
  std::vector<std::string> temporary;
};
std::expected<Folder, OpenFailure> read_folder(env::Disk& disk, const std::string& folder);
// Whether a checkpoint is of this folder: it knows every segment in front of its position.
bool fits(const Checkpoint& checkpoint, const Folder& folder);
// How to scan segment `place` of the folder from `from` on.
ScanRequest scan_request(const Folder& folder, std::size_t place, std::uint32_t from);

}  // namespace postil::spool
