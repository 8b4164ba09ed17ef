// postilck | u32 version | u32 CRC of the rest | u32 segment, offset of the position | u32 count of segments, each
// u32 number, end, flags (1 sealed) | u64 count of entries, each u64 id, add (u32 segment, offset, length), u32
// recipients, u32 chunks, u32 states, their locations | u64 count of older adds, each u64 id, u32 segment | u64 count
// of pins, each u32 segment, u32 pinned, u64 octets.
#include "spool/checkpoint.hpp"

#include <cstring>

#include "crypto/crc32c.hpp"

namespace postil::spool {
namespace {

constexpr std::string_view magic = "postilck";
constexpr std::size_t head_octets = 16;
constexpr std::size_t slice_entries = 4096;
constexpr std::size_t write_octets = 4 << 20;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put(std::string& out, const Location& at) {
  put(out, at.segment);
  put(out, at.offset);
  put(out, at.length);
}

class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {}
  template <class T>
  T get() {
    T value{};
    if (rest_.size() < sizeof value) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  Location location() {
    Location at;
    at.segment = get<std::uint32_t>();
    at.offset = get<std::uint32_t>();
    at.length = get<std::uint32_t>();
    return at;
  }
  std::uint64_t count(std::size_t octets_each) {
    const auto value = get<std::uint64_t>();
    if (value > rest_.size() / octets_each) good_ = false;
    return good_ ? value : 0;
  }
  std::vector<Location> locations(std::size_t count) {
    std::vector<Location> out;
    if (count > rest_.size() / 12) good_ = false;
    for (std::size_t i = 0; good_ && i < count; ++i) out.push_back(location());
    return out;
  }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<std::string> read_all(env::Disk& disk) {
  auto file = disk.open(checkpoint_name, false);
  if (!file) return {};
  const auto size = (*file)->size();
  if (!size) return {};
  std::string octets(static_cast<std::size_t>(*size), '\0');
  for (std::size_t filled = 0; filled < octets.size();) {
    const auto got = (*file)->read(filled, {octets.data() + filled, octets.size() - filled});
    if (!got || *got == 0) return {};
    filled += *got;
  }
  return octets;
}

void read_entries(Reader& in, Index& index) {
  const auto entries = in.count(8 + 12 + 12);
  for (std::uint64_t i = 0; i < entries && in.good(); ++i) {
    const MessageId id{in.get<std::uint64_t>()};
    Entry entry;
    entry.add = in.location();
    entry.recipients = in.get<std::uint32_t>();
    const auto chunks = in.get<std::uint32_t>();
    const auto states = in.get<std::uint32_t>();
    entry.chunks.assign(in.locations(chunks));
    entry.states.assign(in.locations(states));
    if (in.good()) index.restore(id, std::move(entry));
  }
  const auto stale = in.count(12);
  for (std::uint64_t i = 0; i < stale && in.good(); ++i) {
    const MessageId id{in.get<std::uint64_t>()};
    index.restore_stale(id, in.get<std::uint32_t>());
  }
  const auto pins = in.count(16);
  for (std::uint64_t i = 0; i < pins && in.good(); ++i) {
    const auto segment = in.get<std::uint32_t>();
    const auto pinned = in.get<std::uint32_t>();
    index.restore_pin(segment, pinned, in.get<std::uint64_t>());
  }
}

// One slice of entries behind `after`; false when there are no more.
bool append_slice(Shared& shared, MessageId& after, std::string& out, std::uint64_t& count) {
  const std::lock_guard lock(shared.index_mutex);
  const auto& entries = shared.index.entries();
  auto at = entries.upper_bound(after);
  for (std::size_t i = 0; i < slice_entries && at != entries.end(); ++i, ++at) {
    const auto& [id, entry] = *at;
    put(out, id.value);
    put(out, entry.add);
    put(out, entry.recipients);
    put(out, static_cast<std::uint32_t>(entry.chunks.size()));
    put(out, static_cast<std::uint32_t>(entry.states.size()));
    for (const auto& piece : entry.chunks.all()) put(out, piece);
    for (const auto& piece : entry.states.all()) put(out, piece);
    after = id;
    ++count;
  }
  return at != entries.end();
}

void append_rest(Shared& shared, std::string& out) {
  const std::lock_guard lock(shared.index_mutex);
  std::uint64_t stale = 0, pins = 0;
  std::string stale_octets, pin_octets;
  for (const auto& [id, segments] : shared.index.stale()) {
    for (const auto segment : segments) {
      put(stale_octets, id.value);
      put(stale_octets, segment);
      ++stale;
    }
  }
  for (const auto& [number, use] : shared.index.uses()) {
    for (const auto& [pinned, octets] : use.pins) {
      put(pin_octets, number);
      put(pin_octets, pinned);
      put(pin_octets, octets);
      ++pins;
    }
  }
  put(out, stale);
  out += stale_octets;
  put(out, pins);
  out += pin_octets;
}

std::string compose(Shared& shared) {
  Location position;
  {
    const std::lock_guard lock(shared.index_mutex);
    position = shared.position;
  }
  std::string out(magic);
  put(out, format_version);
  put(out, std::uint32_t{0});  // the CRC, later
  put(out, position.segment);
  put(out, position.offset);
  std::uint32_t segments = 0;
  std::string segment_octets;
  for (const auto& segment : shared.segments.all()) {
    if (!segment.closed || segment.number >= position.segment) continue;
    put(segment_octets, segment.number);
    put(segment_octets, segment.end);
    put(segment_octets, std::uint32_t{segment.sealed});
    ++segments;
  }
  put(out, segments);
  out += segment_octets;
  const auto count_at = out.size();
  put(out, std::uint64_t{0});
  std::uint64_t count = 0;
  MessageId after;
  while (append_slice(shared, after, out, count)) {
  }
  std::memcpy(out.data() + count_at, &count, sizeof count);
  append_rest(shared, out);
  const auto crc = crypto::crc32c(0, std::string_view(out).substr(head_octets));
  std::memcpy(out.data() + 12, &crc, sizeof crc);
  return out;
}

env::DiskResult<void> write_file(env::Disk& disk, std::string_view octets) {
  (void)disk.remove(checkpoint_temporary);
  auto file = disk.create(checkpoint_temporary);
  if (!file) return std::unexpected(file.error());
  for (std::size_t at = 0; at < octets.size(); at += write_octets) {
    const auto part = octets.substr(at, write_octets);
    if (auto written = (*file)->write(at, {&part, 1}); !written) return written;
  }
  return (*file)->sync_data();
}

}  // namespace

std::optional<Checkpoint> load_checkpoint(env::Disk& disk, Index& index) {
  const auto octets = read_all(disk);
  if (!octets || octets->size() < head_octets || !octets->starts_with(magic)) return {};
  Reader head(std::string_view(*octets).substr(magic.size()));
  if (head.get<std::uint32_t>() != format_version) return {};
  const auto rest = std::string_view(*octets).substr(head_octets);
  if (head.get<std::uint32_t>() != crypto::crc32c(0, rest)) return {};
  Reader in(rest);
  Checkpoint checkpoint;
  checkpoint.position.segment = in.get<std::uint32_t>();
  checkpoint.position.offset = in.get<std::uint32_t>();
  const auto segments = in.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < segments && in.good(); ++i) {
    CheckpointSegment segment;
    segment.number = in.get<std::uint32_t>();
    segment.end = in.get<std::uint32_t>();
    segment.sealed = in.get<std::uint32_t>() & 1;
    checkpoint.segments.push_back(segment);
  }
  Index fresh;
  for (const auto& [number, _] : index.uses()) fresh.add_segment(number);
  read_entries(in, fresh);
  if (!in.done()) return {};
  index = std::move(fresh);
  return checkpoint;
}

env::DiskResult<void> write_checkpoint(Shared& shared) {
  const auto octets = compose(shared);
  if (auto written = write_file(shared.disk, octets); !written) {
    (void)shared.disk.remove(checkpoint_temporary);
    return written;
  }
  if (auto renamed = shared.disk.rename(checkpoint_temporary, checkpoint_name); !renamed) return renamed;
  return shared.disk.sync_folder();
}

}  // namespace postil::spool
