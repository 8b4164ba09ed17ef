// Reads a segment from its beginning to its end, with big reads, and says what stands there. Used by
// recovery, by copying forward and by `postil spool check`. Blocks; changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "env/disk.hpp"
#include "spool/format.hpp"
#include "spool/index.hpp"

namespace postil::spool {

struct ScanRequest {
  std::uint32_t number = 0;
  std::uint32_t salt = 0;
  std::uint32_t from = 0;   // where a record begins
  std::uint64_t limit = 0;  // a cut, or the file's size
  bool all_synced = false;  // whatever stands before the limit or a seal was synced: not the last segment, or cut
  std::uint32_t synced_floor = 0;  // as far as this everything was synced, as a checkpoint knows
};

struct BadRange {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::vector<MessageId> ids;  // as far as they can be made out
};

struct ScanResult {
  OpList ops;
  std::uint32_t end = 0;  // nothing counts from here on
  bool sealed = false;
  bool torn = false;                // something stands behind the end
  std::vector<MessageId> torn_ids;  // messages of whole batches behind the end; none was acknowledged
  std::vector<BadRange> bad;
  std::uint64_t records = 0;
  std::uint64_t chunks = 0;
};

// Called for each record that counts; content without the head.
using EachRecord = std::function<void(const RecordHead& head, std::string_view content)>;
env::DiskResult<ScanResult> scan_segment(env::File& file, const ScanRequest& request, const EachRecord& each = {});

struct HeaderOf {
  SegmentHeader header;
  std::uint64_t file_octets = 0;
};
// The header at the beginning of a file.
std::expected<HeaderOf, HeaderError> read_segment_header(env::File& file, env::DiskResult<void>* trouble);

// A record or an item read alone; empty when it is not what should be there.
env::DiskResult<std::optional<std::string>> read_chunk(env::File& file, const Location& at, std::uint32_t salt);
struct ReadItem {
  ItemHead head;
  std::string content;
};
env::DiskResult<std::optional<ReadItem>> read_item(env::File& file, const Location& at, std::uint32_t salt);

}  // namespace postil::spool
