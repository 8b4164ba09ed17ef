// What may be set, and what can go wrong at the start.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"

namespace postil::spool {

struct Options {
  std::uint64_t segment_octets = 128 << 20;   // 16 KiB to 2 GiB
  std::uint32_t chunk_octets = 128 << 10;     // of a body; what a session holds in memory before it is queued
  std::uint64_t queue_octets_max = 64 << 20;  // waiting for the flusher; above it sessions wait (rule g)
  // accepts_mail() is false while less is free than the greater of the two. 0 octets: two segments and 64 MiB.
  std::uint64_t watermark_octets = 0;
  double watermark_percent = 1.0;
  std::uint64_t checkpoint_octets = 512 << 20;  // a checkpoint after so much was written
  std::uint32_t copy_forward_percent = 25;      // a closed segment with less alive is copied forward
  Duration commit_deadline = seconds(60);       // new mail whose commit takes longer is voided (rule e)
  Duration space_interval = seconds(1);         // how old the answer about free space may be
  std::string folder = "the spool";             // for sentences: its path
};

enum class OpenError : std::uint8_t {
  in_use,  // another process has it; detail names it
  newer,   // a newer version of the program wrote it; detail is a file's name
  disk,    // the disk refused; detail is what the system said
};
struct OpenFailure {
  std::string sentence;  // for people, English
  OpenError error = OpenError::disk;
  std::string detail = {};
};

}  // namespace postil::spool
