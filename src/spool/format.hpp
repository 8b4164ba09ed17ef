// What stands on disk, octet by octet: docs/formats/spool.md. No I/O here.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace postil::spool {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::uint32_t segment_header_alignment = 4096;
inline constexpr std::uint32_t record_header_octets = 32;
inline constexpr std::uint32_t item_header_octets = 24;
inline constexpr std::uint32_t add_fixed_octets = 32;
inline constexpr std::uint32_t chunk_reference_octets = 16;

constexpr std::uint64_t padded(std::uint64_t octets) {
  return (octets + 7) & ~std::uint64_t{7};
}

enum class RecordType : std::uint8_t { chunk = 1, batch = 2, seal = 3 };
enum class ItemKind : std::uint8_t { add = 1, state = 2, remove = 3, voided = 4 };
enum ItemFlag : std::uint8_t { item_copy = 1, item_full = 2 };

// Where a piece stands: of a chunk its record, of an item its header; length is the content's.
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  friend constexpr auto operator<=>(const Location&, const Location&) = default;
};

struct ChunkReference {
  Location at;
  std::uint32_t crc = 0;  // of its record
};

// Nothing in `segment` counts from `offset` on.
struct Cut {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  friend constexpr auto operator<=>(const Cut&, const Cut&) = default;
};

struct SegmentHeader {
  std::uint32_t version = format_version;
  std::uint32_t octets = 0;  // set by encode and decode
  std::uint32_t number = 0;
  std::uint32_t salt = 0;
  WallTime made;
  std::vector<Cut> cuts;
};
std::string segment_name(std::uint32_t number);  // "0000001f.log"
std::optional<std::uint32_t> parse_segment_name(std::string_view name);
std::string encode(const SegmentHeader& header);
enum class HeaderError : std::uint8_t { short_input, bad, newer };
// octets: the file's beginning. short_input: give more, as far as there is more.
std::expected<SegmentHeader, HeaderError> decode_segment_header(std::string_view octets);

struct RecordHead {
  RecordType type = RecordType::chunk;
  std::uint64_t id = 0;
  std::uint32_t offset = 0;
  std::uint32_t synced = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
};
// Writes 32 octets to `into`, and gives the record's CRC.
std::uint32_t write_record_head(char* into, const RecordHead& head, std::uint32_t salt, std::string_view content);
// The head of what might be a record at `offset`: magic, type and offset are right; the CRC is not looked at.
std::optional<RecordHead> read_record_head(std::string_view octets, std::uint32_t offset);
// `record` is head and content.
bool record_crc_right(const RecordHead& head, std::string_view record, std::uint32_t salt);

struct ItemHead {
  ItemKind kind = ItemKind::add;
  std::uint8_t flags = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  MessageId id;
};
void write_item_head(char* into, const ItemHead& head, std::uint32_t salt, std::string_view content);
std::optional<ItemHead> read_item_head(std::string_view octets);
bool item_crc_right(const ItemHead& head, std::string_view content, std::uint32_t salt);

struct AddContent {
  std::uint32_t recipients = 0;
  std::uint64_t body_id = 0;
  std::uint64_t body_octets = 0;
  std::vector<ChunkReference> chunks;
  std::string_view envelope;  // views into what was decoded or will be encoded
  std::string_view state;
};
std::size_t size_of(const AddContent& add);
void write_add(char* into, const AddContent& add);  // size_of(add) octets
std::optional<AddContent> read_add(std::string_view content);

// Calls each(ItemHead, offset of the item in `content`, its content); false when the row is not well formed.
template <class Each>
bool for_each_item(std::string_view content, Each each) {
  std::size_t at = 0;
  while (at < content.size()) {
    const auto head = read_item_head(content.substr(at));
    if (!head || head->length > content.size() - at - item_header_octets) return false;
    each(*head, at, content.substr(at + item_header_octets, head->length));
    at += padded(item_header_octets + head->length);
  }
  return at == content.size();
}

}  // namespace postil::spool
