#include "spool/scan.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace postil::spool {
namespace {

constexpr std::size_t window_octets = 4 << 20;

// A sliding view of a file that is read from front to back.
class Window {
 public:
  Window(env::File& file, std::uint64_t limit) : file_(file), limit_(limit) {}

  // Octets at `offset`, `want` of them, or less at the limit or the end of the file. The view lives until the next
  // call.
  std::string_view at(std::uint64_t offset, std::size_t want) {
    if (offset >= limit_) return {};
    want = static_cast<std::size_t>(std::min<std::uint64_t>(want, limit_ - offset));
    if (offset < start_ || offset + want > start_ + filled_) load(offset, want);
    if (offset >= start_ + filled_) return {};
    const auto skip = static_cast<std::size_t>(offset - start_);
    return std::string_view(buffer_).substr(skip, std::min(want, filled_ - skip));
  }
  // As at(), but as much as there is in memory anyway; at least 8 octets if the file has them.
  std::string_view some(std::uint64_t offset) {
    at(offset, 8);
    if (offset < start_ || offset >= start_ + filled_) return {};
    return std::string_view(buffer_).substr(static_cast<std::size_t>(offset - start_),
                                            filled_ - static_cast<std::size_t>(offset - start_));
  }
  const env::DiskResult<void>& status() const { return status_; }

 private:
  void load(std::uint64_t offset, std::size_t want) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(want, window_octets), limit_ - offset));
    std::size_t kept = 0;
    if (offset >= start_ && offset < start_ + filled_) {
      kept = static_cast<std::size_t>(start_ + filled_ - offset);
      std::memmove(buffer_.data(), buffer_.data() + (offset - start_), kept);
    }
    if (buffer_.size() < size) buffer_.resize(size);
    start_ = offset;
    filled_ = kept;
    while (filled_ < size && status_) {
      const auto got = file_.read(start_ + filled_, {buffer_.data() + filled_, size - filled_});
      if (!got) {
        status_ = std::unexpected(got.error());
      } else if (*got == 0) {
        break;
      } else {
        filled_ += *got;
      }
    }
  }

  env::File& file_;
  std::uint64_t limit_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
  std::string buffer_;
  env::DiskResult<void> status_;
};

class Scanner {
 public:
  Scanner(env::File& file, const ScanRequest& request, const EachRecord& each)
      : request_(request), each_(each), window_(file, request.limit) {}

  env::DiskResult<ScanResult> run() {
    std::uint64_t at = request_.from;
    while (at + record_header_octets <= request_.limit && !result_.sealed && window_.status()) {
      if (const auto record = whole_record(at)) {
        take(*record);
        at += padded(record_header_octets + record->head.length);
        continue;
      }
      const auto next = trouble(at);
      if (!next) break;
      at = *next;
    }
    if (!window_.status()) return std::unexpected(window_.status().error());
    result_.end = static_cast<std::uint32_t>(std::min(at, request_.limit));
    if (request_.all_synced && !result_.sealed && at < request_.limit && result_.bad.empty()) {
      result_.bad.push_back({result_.end, static_cast<std::uint32_t>(request_.limit - at), {}});
    }
    return std::move(result_);
  }

 private:
  struct Record {
    RecordHead head;
    std::string_view octets;  // head and content
    std::string_view content() const { return octets.substr(record_header_octets); }
  };

  std::optional<Record> whole_record(std::uint64_t at) {
    const auto head = read_record_head(window_.at(at, record_header_octets), static_cast<std::uint32_t>(at));
    if (!head || head->length > request_.limit - at - record_header_octets) return {};
    const auto size = record_header_octets + std::size_t{head->length};
    const auto octets = window_.at(at, size);
    if (octets.size() < size || !record_crc_right(*head, octets, request_.salt)) return {};
    return Record{*head, octets};
  }

  void take(const Record& record) {
    ++result_.records;
    if (each_) each_(record.head, record.content());
    if (record.head.type == RecordType::seal) {
      result_.sealed = true;
    } else if (record.head.type == RecordType::chunk) {
      ++result_.chunks;
    } else {
      const auto base = record.head.offset + record_header_octets;
      bool good = true;
      const bool whole =
          for_each_item(record.content(), [&](const ItemHead& head, std::size_t offset, std::string_view content) {
            const Location at{request_.number, base + static_cast<std::uint32_t>(offset), head.length};
            good = result_.ops.add_item(head, at, content) && good;
          });
      if (!whole || !good) {  // the CRC is right: it was written so, which is a fault of the writer
        result_.bad.push_back({record.head.offset, record_header_octets + record.head.length, {}});
      }
    }
  }

  // The next place where a whole record stands.
  std::optional<std::uint64_t> next_record(std::uint64_t at) {
    while (at + record_header_octets <= request_.limit && window_.status()) {
      const auto view = window_.some(at);
      if (view.size() < 8) return {};
      const auto hit = view.find("PSTL");
      if (hit == std::string_view::npos) {
        at = (at + view.size() - 4) & ~std::uint64_t{7};
        if (view.size() <= 12) return {};
        continue;
      }
      at += hit;
      if (at % 8 == 0 && whole_record(at)) return at;
      at = padded(at + 1);
    }
    return {};
  }

  bool only_zeros_from(std::uint64_t at) {
    while (at < request_.limit && window_.status()) {
      const auto view = window_.some(at);
      if (view.empty()) return true;
      if (view.find_first_not_of('\0') != std::string_view::npos) return false;
      at += view.size();
    }
    return true;
  }

  // No whole record at `at`. Gives where to go on after corruption; empty at the end of what counts.
  std::optional<std::uint64_t> trouble(std::uint64_t at) {
    const auto first = next_record(at + 8);
    bool synced = request_.all_synced || request_.synced_floor > at;
    std::vector<MessageId> behind;
    for (auto next = first; next && !synced;) {
      const auto record = whole_record(*next);
      POSTIL_ASSERT(record);
      synced = record->head.synced > at;
      note_ids(*record, behind);
      next = next_record(*next + padded(record_header_octets + record->head.length));
    }
    if (!synced) {
      result_.torn = !only_zeros_from(at);
      result_.torn_ids = std::move(behind);
      return {};
    }
    const auto end = first ? *first : request_.limit;
    BadRange range{static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at), {}};
    range.ids = readable_ids(at);
    result_.bad.push_back(std::move(range));
    if (!first) {
      result_.end = static_cast<std::uint32_t>(at);
      return {};
    }
    return first;
  }

  static void note_ids(const Record& record, std::vector<MessageId>& ids) {
    if (record.head.type != RecordType::batch) return;
    for_each_item(record.content(), [&](const ItemHead& head, std::size_t, std::string_view) {
      if (head.kind == ItemKind::add && ids.size() < 1000) ids.push_back(head.id);
    });
  }

  // Of a batch whose CRC is wrong: what its items seem to be about.
  std::vector<MessageId> readable_ids(std::uint64_t at) {
    std::vector<MessageId> ids;
    const auto octets = window_.at(at, record_header_octets);
    const auto head = read_record_head(octets, static_cast<std::uint32_t>(at));
    if (!head || head->type != RecordType::batch || head->length > request_.limit - at) return ids;
    const auto record = window_.at(at, record_header_octets + std::size_t{head->length});
    for_each_item(record.substr(std::min<std::size_t>(record.size(), record_header_octets)),
                  [&](const ItemHead& item, std::size_t, std::string_view) { ids.push_back(item.id); });
    return ids;
  }

  const ScanRequest& request_;
  const EachRecord& each_;
  Window window_;
  ScanResult result_;
};

env::DiskResult<std::string> read_octets(env::File& file, std::uint64_t offset, std::size_t size) {
  std::string octets(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const auto got = file.read(offset + filled, {octets.data() + filled, size - filled});
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    filled += *got;
  }
  octets.resize(filled);
  return octets;
}

}  // namespace

env::DiskResult<ScanResult> scan_segment(env::File& file, const ScanRequest& request, const EachRecord& each) {
  return Scanner(file, request, each).run();
}

std::expected<HeaderOf, HeaderError> read_segment_header(env::File& file, env::DiskResult<void>* trouble) {
  const auto size = file.size();
  if (!size) {
    if (trouble) *trouble = std::unexpected(size.error());
    return std::unexpected(HeaderError::bad);
  }
  for (std::size_t want = segment_header_alignment;; want *= 4) {
    const auto octets = read_octets(file, 0, want);
    if (!octets) {
      if (trouble) *trouble = std::unexpected(octets.error());
      return std::unexpected(HeaderError::bad);
    }
    auto header = decode_segment_header(*octets);
    if (header) return HeaderOf{std::move(*header), *size};
    if (header.error() != HeaderError::short_input) return std::unexpected(header.error());
    if (octets->size() < want) return std::unexpected(HeaderError::bad);
  }
}

env::DiskResult<std::optional<std::string>> read_chunk(env::File& file, const Location& at, std::uint32_t salt) {
  auto octets = read_octets(file, at.offset, record_header_octets + std::size_t{at.length});
  if (!octets) return std::unexpected(octets.error());
  const auto head = read_record_head(*octets, at.offset);
  if (octets->size() < record_header_octets + std::size_t{at.length} || !head || head->type != RecordType::chunk ||
      head->length != at.length || !record_crc_right(*head, *octets, salt)) {
    return std::nullopt;
  }
  octets->erase(0, record_header_octets);
  return std::move(*octets);
}

env::DiskResult<std::optional<ReadItem>> read_item(env::File& file, const Location& at, std::uint32_t salt) {
  auto octets = read_octets(file, at.offset, item_header_octets + std::size_t{at.length});
  if (!octets) return std::unexpected(octets.error());
  const auto head = read_item_head(*octets);
  if (octets->size() < item_header_octets + std::size_t{at.length} || !head || head->length != at.length ||
      !item_crc_right(*head, std::string_view(*octets).substr(item_header_octets), salt)) {
    return std::nullopt;
  }
  octets->erase(0, item_header_octets);
  return ReadItem{*head, std::move(*octets)};
}

}  // namespace postil::spool
