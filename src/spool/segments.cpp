#include "spool/segments.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::spool {
namespace {

constexpr std::size_t reserve_segments = 2;
constexpr std::size_t open_files_max = 256;
constexpr std::string_view next_name = "next.tmp";

template <class T>
std::unexpected<env::DiskFailure> pass(const env::DiskResult<T>& result) {
  return std::unexpected(result.error());
}

}  // namespace

void Segments::adopt(Segment segment) {
  const std::lock_guard lock(mutex_);
  next_number_ = std::max(next_number_, segment.number + 1);
  auto& placed = segments_[segment.number] = std::move(segment);
  if (placed.closed && placed.capacity > placed.end) untrimmed_ = true;
  if (placed.file) keep_open(placed);
}

void Segments::adopt_reserve(std::string name) {
  const std::lock_guard lock(mutex_);
  reserve_.push_back(std::move(name));
}

void Segments::next_number_at_least(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  next_number_ = std::max(next_number_, number);
}

// With the mutex held. Descriptors are bounded: the one that was opened first is closed again.
void Segments::keep_open(Segment& segment) {
  open_.push_back(segment.number);
  if (open_.size() <= open_files_max) return;
  for (auto at = open_.begin(); at != open_.end(); ++at) {
    const auto found = segments_.find(*at);
    if (found == segments_.end() || found->second.closed) {
      if (found != segments_.end()) found->second.file = nullptr;
      open_.erase(at);
      return;
    }
  }
}

// A reserve file, or a fresh one, of at least `octets`; gives its name.
env::DiskResult<std::string> Segments::blank_file(std::uint64_t octets, std::unique_ptr<env::File>& file) {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (!reserve_.empty()) {
      name = reserve_.back();
      reserve_.pop_back();
    }
  }
  if (!name.empty()) {
    auto opened = disk_.open(name, true);
    if (opened) {
      auto sized = octets > options_.segment_octets ? (*opened)->preallocate(octets) : env::DiskResult<void>();
      if (!sized) return pass(sized);
      file = std::move(*opened);
      return name;
    }
    if (opened.error().error != env::DiskError::not_found) {
      adopt_reserve(name);
      return pass(opened);
    }
  }
  (void)disk_.remove(next_name);
  auto created = disk_.create(next_name);
  if (!created) return pass(created);
  if (auto sized = (*created)->preallocate(octets); !sized) {
    created->reset();
    (void)disk_.remove(next_name);
    return pass(sized);
  }
  file = std::move(*created);
  return std::string(next_name);
}

env::DiskResult<Segment> Segments::begin(std::uint64_t octets) {
  SegmentHeader header;
  header.cuts = cuts();
  header.salt = static_cast<std::uint32_t>(entropy_.word());
  header.made = clock_.wall();
  {
    const std::lock_guard lock(mutex_);
    header.number = next_number_++;
  }
  const auto head = encode(header);
  const auto capacity = std::max(options_.segment_octets, head.size() + octets);
  std::unique_ptr<env::File> file;
  const auto blank = blank_file(capacity, file);
  if (!blank) return pass(blank);
  const std::string_view part = head;
  if (auto written = file->write(0, {&part, 1}); !written) return pass(written);
  if (auto synced = file->sync_data(); !synced) return pass(synced);
  const auto name = segment_name(header.number);
  if (auto renamed = disk_.rename(*blank, name); !renamed) return pass(renamed);
  Segment segment{header.number, header.salt, static_cast<std::uint32_t>(head.size()),    capacity, 0,
                  false,         false,       std::shared_ptr<env::File>(std::move(file))};
  const auto folder = disk_.sync_folder();
  if (!folder) {
    // It may be there after a crash; whatever it is, nothing in it counts.
    segment.closed = true;
    segment.end = segment.records_from;
    segment.file = nullptr;
    adopt(std::move(segment));
    return pass(folder);
  }
  adopt(segment);
  return segment;
}

void Segments::close(std::uint32_t number, std::uint32_t end, bool sealed) {
  const std::lock_guard lock(mutex_);
  auto& segment = segments_.at(number);
  segment.closed = true;
  segment.end = end;
  segment.sealed = sealed;
  untrimmed_ = true;
}

env::DiskResult<Segments::Handle> Segments::handle(std::uint32_t number) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = segments_.find(number);
    if (found == segments_.end()) {
      return std::unexpected(env::DiskFailure{env::DiskError::not_found, segment_name(number)});
    }
    if (found->second.file) return Handle{found->second.file, found->second.salt};
  }
  auto opened = disk_.open(segment_name(number), false);
  if (!opened) return pass(opened);
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(number);
  if (found == segments_.end()) {
    return std::unexpected(env::DiskFailure{env::DiskError::not_found, segment_name(number)});
  }
  auto& segment = found->second;
  if (!segment.file) {
    segment.file = std::shared_ptr<env::File>(std::move(*opened));
    keep_open(segment);
  }
  return Handle{segment.file, segment.salt};
}

std::vector<Segment> Segments::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<Segment> out;
  out.reserve(segments_.size());
  for (const auto& [_, segment] : segments_) {
    out.push_back(segment);
    out.back().file = nullptr;
  }
  return out;
}

std::vector<Cut> Segments::cuts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Cut> out;
  for (const auto& [number, segment] : segments_) {
    if (segment.closed && !segment.sealed) out.push_back({number, segment.end});
  }
  return out;
}

std::size_t Segments::reserve() const {
  const std::lock_guard lock(mutex_);
  return reserve_.size();
}

env::DiskResult<void> Segments::fill_reserve() {
  for (int i = 1; reserve() < reserve_segments && i <= 9; ++i) {
    const auto name = "reserve." + std::to_string(i);
    {
      const std::lock_guard lock(mutex_);
      if (std::ranges::find(reserve_, name) != reserve_.end()) continue;
    }
    auto file = disk_.create(name);
    if (!file && file.error().error == env::DiskError::exists) continue;  // the flusher is renaming it just now
    if (!file) return pass(file);
    auto sized = (*file)->preallocate(options_.segment_octets);
    if (sized) sized = (*file)->sync_data();
    if (!sized) {
      file->reset();
      (void)disk_.remove(name);
      return pass(sized);
    }
    adopt_reserve(name);
  }
  return {};
}

env::DiskResult<void> Segments::remove(const std::vector<std::uint32_t>& numbers) {
  for (const auto number : numbers) {
    const auto removed = disk_.remove(segment_name(number));
    if (!removed && removed.error().error != env::DiskError::not_found) return removed;
  }
  if (auto synced = disk_.sync_folder(); !synced) return synced;
  const std::lock_guard lock(mutex_);
  for (const auto number : numbers) {
    segments_.erase(number);
    std::erase(open_, number);
  }
  return {};
}

void Segments::trim() {
  if (!untrimmed_.exchange(false)) return;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> long_ones;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, segment] : segments_) {
      if (segment.closed && segment.capacity > segment.end) long_ones.emplace_back(number, segment.end);
    }
  }
  for (const auto& [number, end] : long_ones) {
    auto file = disk_.open(segment_name(number), true);
    if (!file || !(*file)->truncate(end)) continue;
    const std::lock_guard lock(mutex_);
    if (const auto found = segments_.find(number); found != segments_.end()) found->second.capacity = end;
  }
}

}  // namespace postil::spool
