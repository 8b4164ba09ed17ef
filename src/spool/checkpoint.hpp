// The checkpoint: the index as a file, so that a start need not read every segment. It may be written while the log
// goes on: the position is taken first, and applying the records behind it again changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/disk.hpp"
#include "spool/index.hpp"
#include "spool/segments.hpp"
#include "spool/shared.hpp"

namespace postil::spool {

inline constexpr std::string_view checkpoint_name = "checkpoint";
inline constexpr std::string_view checkpoint_temporary = "checkpoint.tmp";

struct CheckpointSegment {
  std::uint32_t number = 0;
  std::uint32_t end = 0;
  bool sealed = false;
};

struct Checkpoint {
  Location position;                        // length unused
  std::vector<CheckpointSegment> segments;  // closed ones in front of the position
};

// Reads it into `index`, which knows the segments that exist. Empty when there is none or it cannot be used:
// then `index` is as it was.
std::optional<Checkpoint> load_checkpoint(env::Disk& disk, Index& index);
// Takes the index in slices, writes, syncs, renames, syncs the folder. Blocks; the keeper's.
env::DiskResult<void> write_checkpoint(Shared& shared);

}  // namespace postil::spool
