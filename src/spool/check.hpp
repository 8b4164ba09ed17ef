// Verifies a spool's folder, record by record, without changing anything; also while a server runs on it. Blocks.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "env/disk.hpp"
#include "spool/options.hpp"

namespace postil::spool {

enum class ProblemKind : std::uint8_t {
  bad_header,     // a segment's header cannot be read; what stands in it is lost to the program
  bad_record,     // a record that was synced is damaged
  missing_piece,  // a message's body or state is not where its commit says
  unreadable,     // a whole record, but its envelope or state cannot be decoded
  disk,           // the disk refused to read
};

struct Problem {
  ProblemKind kind = ProblemKind::bad_record;
  std::string file;  // "0000001f.log"; empty for missing_piece
  std::uint64_t offset = 0;
  std::string detail;               // disk: what the system said
  std::vector<MessageId> messages;  // as far as they can be made out
};

struct CheckReport {
  std::uint64_t segments = 0;
  std::uint64_t reserve = 0;
  std::uint64_t records = 0;
  std::uint64_t messages = 0;
  std::uint64_t file_octets = 0;
  std::uint64_t live_octets = 0;
  // Segments that end in what was never synced: normal after a crash, and at any moment while a server writes.
  std::vector<std::string> torn;
  std::vector<Problem> problems;
};

// folder: for sentences. Fails where the folder cannot be listed or a newer version wrote it.
std::expected<CheckReport, OpenFailure> check(env::Disk& disk, const std::string& folder);

}  // namespace postil::spool
