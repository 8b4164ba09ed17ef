#include "spool/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spool/checkpoint.hpp"

namespace postil::spool {
namespace {

constexpr std::size_t scans_at_once = 4;

OpenFailure cannot_read(const std::string& folder, const env::DiskFailure& failure) {
  return {fmt::format("The spool in {} cannot be read: {}.", folder, failure.detail), OpenError::disk, failure.detail};
}

// Scans of all segments that the checkpoint does not cover, done side by side by whatever threads `readers` has.
struct Scans {
  Folder folder;
  std::vector<ScanRequest> requests;  // for the last ones of folder.segments
  std::vector<env::DiskResult<ScanResult>> results;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> workers{0};
  std::size_t first = 0;  // the segment of requests[0]
  env::Disk* disk = nullptr;
  env::Resume<bool> resume;

  void work() {
    for (std::size_t i = next++; i < requests.size(); i = next++) {
      const auto file = disk->open(segment_name(requests[i].number), false);
      if (file) {
        results[i] = scan_segment(**file, requests[i]);
      } else {
        results[i] = std::unexpected(file.error());
      }
    }
    if (--workers == 0) resume(true);
  }
};

class Recovery {
 public:
  explicit Recovery(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  // Before the scans.
  std::expected<std::shared_ptr<Scans>, OpenFailure> prepare() {
    auto folder = read_folder(shared_->disk, shared_->options.folder);
    if (!folder) return std::unexpected(folder.error());
    for (const auto& name : folder->temporary) (void)shared_->disk.remove(name);
    for (const auto& name : folder->reserve) shared_->segments.adopt_reserve(name);
    for (const auto& name : folder->bad_headers) {
      ++report_.bad_ranges;
      shared_->sink.emit({event::Name::spool_corrupt, {{"file", name}, {"offset", std::int64_t{0}}}});
      if (const auto number = parse_segment_name(name)) shared_->segments.next_number_at_least(*number + 1);
    }
    for (const auto& segment : folder->segments) shared_->index.add_segment(segment.number);
    auto scans = std::make_shared<Scans>();
    scans->folder = std::move(*folder);
    scans->disk = &shared_->disk;
    use_checkpoint(*scans);
    return scans;
  }

  // After them.
  std::expected<OpenReport, OpenFailure> conclude(Scans& scans) {
    for (std::size_t i = 0; i < scans.requests.size(); ++i) {
      const auto& segment = scans.folder.segments[scans.first + i];
      if (!scans.results[i]) return std::unexpected(cannot_read(shared_->options.folder, scans.results[i].error()));
      take(segment, *scans.results[i]);
      scans.results[i] = ScanResult{};
    }
    for (const auto& [segment, range] : bad_) tell_bad(segment, range);
    for (const auto id : shared_->index.drop_gone()) {
      ++report_.incomplete;
      tell(event::Name::spool_corrupt, 0, 0, {id});
    }
    report_.messages = shared_->index.entries().size();
    report_.segments = scans.folder.segments.size();
    shared_->messages = report_.messages;
    return report_;
  }

 private:
  void use_checkpoint(Scans& scans) {
    const auto& segments = scans.folder.segments;
    auto checkpoint = load_checkpoint(shared_->disk, shared_->index);
    if (checkpoint && !fits(*checkpoint, scans.folder)) {
      checkpoint.reset();
      shared_->index = Index();
      for (const auto& segment : segments) shared_->index.add_segment(segment.number);
    }
    report_.from_checkpoint = checkpoint.has_value();
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto& segment = segments[i];
      if (checkpoint && segment.number < checkpoint->position.segment) {
        const auto known = std::ranges::find(checkpoint->segments, segment.number, &CheckpointSegment::number);
        adopt(segment, known->end, known->sealed);
        continue;
      }
      if (scans.requests.empty()) scans.first = i;
      auto from = segment.header.octets;
      std::uint32_t floor = 0;
      if (checkpoint && segment.number == checkpoint->position.segment) from = floor = checkpoint->position.offset;
      scans.requests.push_back(scan_request(scans.folder, i, from));
      scans.requests.back().synced_floor = floor;
    }
    for (std::size_t i = 0; i < scans.requests.size(); ++i) scans.results.emplace_back(ScanResult{});
  }

  void adopt(const FoundSegment& segment, std::uint32_t end, bool sealed) {
    Segment known;
    known.number = segment.number;
    known.salt = segment.header.salt;
    known.records_from = segment.header.octets;
    known.capacity = segment.file_octets;
    known.end = end;
    known.sealed = sealed;
    known.closed = true;
    shared_->segments.adopt(std::move(known));
  }

  void take(const FoundSegment& segment, const ScanResult& scan) {
    shared_->index.apply(scan.ops);
    adopt(segment, scan.end, scan.sealed);
    if (scan.torn) {
      ++report_.torn_tails;
      tell(event::Name::spool_torn_tail, segment.number, scan.end, scan.torn_ids);
    }
    for (const auto& range : scan.bad) bad_.emplace_back(segment.number, range);
  }

  // Which messages a bad range belongs to: what could be read in it, and what the index says.
  void tell_bad(std::uint32_t segment, const BadRange& range) {
    ++report_.bad_ranges;
    auto ids = range.ids;
    const auto inside = [&](const Location& piece) {
      return piece.segment == segment && piece.offset < range.offset + range.length &&
             range.offset < piece.offset + piece.length;
    };
    for (const auto& [id, entry] : shared_->index.entries()) {
      if (std::ranges::any_of(entry.chunks.all(), inside)) ids.push_back(id);
    }
    tell(event::Name::spool_corrupt, segment, range.offset, ids);
  }

  void tell(event::Name name, std::uint32_t segment, std::uint32_t offset, const std::vector<MessageId>& ids) {
    std::string text;
    for (const auto id : ids) {
      if (text.size() > 4000) {
        text += " ...";
        break;
      }
      text += (text.empty() ? "" : " ") + to_string(id);
    }
    shared_->sink.emit({name,
                        {{"segment", static_cast<std::int64_t>(segment)},
                         {"offset", static_cast<std::int64_t>(offset)},
                         {"messages", static_cast<std::int64_t>(ids.size())},
                         {"ids", text}}});
  }

  const std::shared_ptr<Shared> shared_;
  OpenReport report_;
  std::vector<std::pair<std::uint32_t, BadRange>> bad_;
};

}  // namespace

std::expected<Folder, OpenFailure> read_folder(env::Disk& disk, const std::string& folder) {
  const auto names = disk.list();
  if (!names) return std::unexpected(cannot_read(folder, names.error()));
  Folder found;
  for (const auto& name : *names) {
    if (name.starts_with("reserve.")) found.reserve.push_back(name);
    if (name.ends_with(".tmp")) found.temporary.push_back(name);
    const auto number = parse_segment_name(name);
    if (!number) continue;
    auto file = disk.open(name, false);
    if (!file && file.error().error == env::DiskError::not_found) continue;  // given back just now
    if (!file) return std::unexpected(cannot_read(folder, file.error()));
    env::DiskResult<void> trouble;
    auto header = read_segment_header(**file, &trouble);
    if (!trouble) return std::unexpected(cannot_read(folder, trouble.error()));
    if (!header && header.error() == HeaderError::newer) {
      return std::unexpected(OpenFailure{fmt::format("The spool in {} was written by a newer version of Postil (see "
                                                     "{}); this program reads format {} and older "
                                                     "ones. Start the newer program.",
                                                     folder, name, format_version),
                                         OpenError::newer, name});
    }
    if (!header || header->header.number != *number) {
      found.bad_headers.push_back(name);
      continue;
    }
    found.segments.push_back({*number, std::move(header->header), header->file_octets, {}});
  }
  std::ranges::sort(found.segments, {}, &FoundSegment::number);
  for (const auto& newer : found.segments) {
    for (const auto& cut : newer.header.cuts) {
      const auto cut_one = std::ranges::lower_bound(found.segments, cut.segment, {}, &FoundSegment::number);
      if (cut_one != found.segments.end() && cut_one->number == cut.segment) cut_one->cut = cut.offset;
    }
  }
  return found;
}

bool fits(const Checkpoint& checkpoint, const Folder& folder) {
  return std::ranges::all_of(folder.segments, [&](const FoundSegment& segment) {
    return segment.number >= checkpoint.position.segment ||
           std::ranges::find(checkpoint.segments, segment.number, &CheckpointSegment::number) !=
               checkpoint.segments.end();
  });
}

ScanRequest scan_request(const Folder& folder, std::size_t place, std::uint32_t from) {
  const auto& segment = folder.segments[place];
  ScanRequest request;
  request.number = segment.number;
  request.salt = segment.header.salt;
  request.from = from;
  request.limit = segment.cut ? *segment.cut : segment.file_octets;
  request.all_synced = segment.cut.has_value() || place + 1 < folder.segments.size();
  return request;
}

env::Awaitable<std::expected<OpenReport, OpenFailure>> recover(std::shared_ptr<Shared> shared, env::Executor readers) {
  auto recovery = std::make_shared<Recovery>(shared);
  // Closures have names here: g++ 12 loses what a temporary one holds across a co_await.
  auto prepare = [recovery] { return recovery->prepare(); };
  auto prepared = co_await env::on(readers, prepare);
  if (!prepared) co_return std::unexpected(prepared.error());
  const auto scans = *prepared;
  scans->workers = scans_at_once;
  auto start = [&](env::Resume<bool> resume) {
    scans->resume = std::move(resume);
    for (std::size_t i = 0; i < scans_at_once; ++i) env::asio::post(readers, [scans] { scans->work(); });
  };
  co_await env::async<bool>(start);
  auto conclude = [recovery, scans] { return recovery->conclude(*scans); };
  auto report = co_await env::on(readers, conclude);
  co_return report;
}

}  // namespace postil::spool
