#include "spool/check.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "queue/envelope.hpp"
#include "spool/checkpoint.hpp"
#include "spool/recovery.hpp"
#include "spool/scan.hpp"

namespace postil::spool {
namespace {

class Checker {
 public:
  Checker(env::Disk& disk, Folder folder) : disk_(disk), folder_(std::move(folder)) {}

  CheckReport run() {
    report_.reserve = folder_.reserve.size();
    report_.segments = folder_.segments.size();
    for (const auto& name : folder_.bad_headers) report_.problems.push_back({ProblemKind::bad_header, name, 0, {}, {}});
    for (const auto& segment : folder_.segments) index_.add_segment(segment.number);
    read_checkpoint();
    for (std::size_t i = 0; i < folder_.segments.size(); ++i) scan(i);
    name_lost();
    check_pieces();
    report_.messages = index_.entries().size();
    for (const auto& [_, use] : index_.uses()) report_.live_octets += use.live_octets;
    return std::move(report_);
  }

 private:
  // What it knows besides the records: how far each segment was synced, and which messages stood where. A file that is
  // too short, or a lost commit, could not be told without it.
  void read_checkpoint() {
    Index known;
    for (const auto& segment : folder_.segments) known.add_segment(segment.number);
    const auto checkpoint = load_checkpoint(disk_, known);
    if (!checkpoint || !fits(*checkpoint, folder_)) return;
    for (const auto& segment : checkpoint->segments) synced_[segment.number] = segment.end;
    synced_[checkpoint->position.segment] = checkpoint->position.offset;
    for (const auto& [id, entry] : known.entries()) stood_.push_back({entry.add, id});
  }

  void scan(std::size_t place) {
    const auto& segment = folder_.segments[place];
    const auto name = segment_name(segment.number);
    report_.file_octets += segment.file_octets;
    const auto file = disk_.open(name, false);
    auto request = scan_request(folder_, place, segment.header.octets);
    if (const auto synced = synced_.find(segment.number); synced != synced_.end()) {
      request.synced_floor = segment.cut ? std::min(synced->second, *segment.cut) : synced->second;
    }
    const auto each = [&](const RecordHead& head, std::string_view content) {
      if (head.type == RecordType::chunk) chunks_.push_back({segment.number, head.offset, head.length});
      if (head.type == RecordType::batch) decode(name, head, content);
    };
    const auto result = file ? scan_segment(**file, request, each) : std::unexpected(file.error());
    if (!result) {
      report_.problems.push_back({ProblemKind::disk, name, 0, result.error().detail, {}});
      return;
    }
    report_.records += result->records;
    if (result->torn) report_.torn.push_back(name);
    for (const auto& bad : result->bad) {
      report_.problems.push_back({ProblemKind::bad_record, name, bad.offset, {}, bad.ids});
    }
    if (result->bad.empty() && result->end < request.synced_floor) {  // its end is cut off
      report_.problems.push_back({ProblemKind::bad_record, name, result->end, {}, {}});
    }
    index_.apply(result->ops);
  }

  void decode(const std::string& name, const RecordHead& head, std::string_view content) {
    for_each_item(content, [&](const ItemHead& item, std::size_t, std::string_view octets) {
      bool good = true;
      if (item.kind == ItemKind::add) {
        const auto add = read_add(octets);
        good = add && queue::decode_envelope(add->envelope) && queue::decode_state(add->state);
      } else if (item.kind == ItemKind::state) {
        good = queue::decode_state(octets).has_value();
      } else {
        ended_.insert(item.id);
      }
      if (!good) report_.problems.push_back({ProblemKind::unreadable, name, head.offset, {}, {item.id}});
    });
  }

  // Messages of the checkpoint whose commit cannot be read and that did not end. One that stood in a segment that is
  // not there had ended: it was given back.
  void name_lost() {
    for (const auto& [add, id] : stood_) {
      if (index_.find(id) != nullptr || ended_.contains(id)) continue;
      const auto name = segment_name(add.segment);
      Problem* place = nullptr;
      for (auto& problem : report_.problems) {
        if (problem.file == name && problem.offset <= add.offset) place = &problem;
      }
      if (place != nullptr) place->messages.push_back(id);
    }
    // The scan may have made out some of them.
    for (auto& problem : report_.problems) {
      std::ranges::sort(problem.messages);
      const auto same = std::ranges::unique(problem.messages);
      problem.messages.erase(same.begin(), same.end());
    }
  }

  // Every chunk that a message names must be one that was read whole.
  void check_pieces() {
    auto missing = index_.drop_gone();
    std::ranges::sort(chunks_);
    for (const auto& [id, entry] : index_.entries()) {
      const bool whole = std::ranges::all_of(
          entry.chunks.all(), [this](const Location& chunk) { return std::ranges::binary_search(chunks_, chunk); });
      if (!whole) missing.push_back(id);
    }
    std::ranges::sort(missing);
    const auto same = std::ranges::unique(missing);
    missing.erase(same.begin(), same.end());
    for (const auto id : missing) report_.problems.push_back({ProblemKind::missing_piece, {}, 0, {}, {id}});
  }

  env::Disk& disk_;
  Folder folder_;
  Index index_;
  std::vector<Location> chunks_;
  std::map<std::uint32_t, std::uint32_t> synced_;  // segment: offset
  std::vector<std::pair<Location, MessageId>> stood_;
  std::set<MessageId> ended_;
  CheckReport report_;
};

}  // namespace

// A server that runs may give segments back between the listing and the reading; what it did is looked at again.
std::expected<CheckReport, OpenFailure> check(env::Disk& disk, const std::string& folder) {
  CheckReport report;
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto found = read_folder(disk, folder);
    if (!found) return std::unexpected(found.error());
    report = Checker(disk, std::move(*found)).run();
    if (report.problems.empty()) break;
  }
  return report;
}

}  // namespace postil::spool
