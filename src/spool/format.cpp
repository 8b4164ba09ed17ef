#include "spool/format.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "crypto/crc32c.hpp"

namespace postil::spool {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view segment_magic = "postilsg";
constexpr std::uint32_t record_magic = 0x4c545350;
constexpr std::size_t segment_fixed_octets = 40;
constexpr std::uint32_t cuts_max = 1u << 20;

template <class T>
void put(char* into, std::size_t at, T value) {
  std::memcpy(into + at, &value, sizeof value);
}

template <class T>
T get(std::string_view from, std::size_t at) {
  T value;
  POSTIL_ASSERT(from.size() >= at + sizeof value);
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

// CRC of a head whose own CRC field, at `field`, counts as zero.
std::uint32_t head_crc(std::uint32_t seed, std::string_view head, std::size_t field) {
  constexpr std::string_view zeros("\0\0\0\0", 4);
  auto crc = crypto::crc32c(seed, head.substr(0, field));
  crc = crypto::crc32c(crc, zeros);
  return crypto::crc32c(crc, head.substr(field + 4));
}

}  // namespace

std::string segment_name(std::uint32_t number) {
  return fmt::format("{:08x}.log", number);
}

std::optional<std::uint32_t> parse_segment_name(std::string_view name) {
  if (name.size() != 12 || !name.ends_with(".log")) return {};
  std::uint32_t number = 0;
  const auto result = std::from_chars(name.data(), name.data() + 8, number, 16);
  if (result.ec != std::errc() || result.ptr != name.data() + 8 || segment_name(number) != name) return {};
  return number;
}

std::string encode(const SegmentHeader& header) {
  const auto used = segment_fixed_octets + 8 * header.cuts.size();
  const auto octets = (used + segment_header_alignment - 1) / segment_header_alignment * segment_header_alignment;
  std::string out(octets, '\0');
  char* into = out.data();
  std::memcpy(into, segment_magic.data(), segment_magic.size());
  put(into, 8, header.version);
  put(into, 12, static_cast<std::uint32_t>(octets));
  put(into, 20, header.number);
  put(into, 24, header.salt);
  put(into, 28, static_cast<std::uint32_t>(header.cuts.size()));
  put(into, 32, unix_microseconds(header.made));
  std::size_t at = segment_fixed_octets;
  for (const auto& cut : header.cuts) {
    put(into, at, cut.segment);
    put(into, at + 4, cut.offset);
    at += 8;
  }
  put(into, 16, head_crc(0, out, 16));
  return out;
}

std::expected<SegmentHeader, HeaderError> decode_segment_header(std::string_view octets) {
  if (octets.size() < segment_fixed_octets) return std::unexpected(HeaderError::short_input);
  if (!octets.starts_with(segment_magic)) return std::unexpected(HeaderError::bad);
  SegmentHeader header;
  header.version = get<std::uint32_t>(octets, 8);
  // Whatever a newer version writes behind its number is not ours to judge.
  if (header.version > format_version) return std::unexpected(HeaderError::newer);
  header.octets = get<std::uint32_t>(octets, 12);
  const auto cuts = get<std::uint32_t>(octets, 28);
  if (cuts > cuts_max || header.octets < segment_fixed_octets + 8 * std::size_t{cuts} ||
      header.octets > segment_fixed_octets + 8 * std::size_t{cuts} + segment_header_alignment) {
    return std::unexpected(HeaderError::bad);
  }
  if (octets.size() < header.octets) return std::unexpected(HeaderError::short_input);
  if (head_crc(0, octets.substr(0, header.octets), 16) != get<std::uint32_t>(octets, 16)) {
    return std::unexpected(HeaderError::bad);
  }
  header.number = get<std::uint32_t>(octets, 20);
  header.salt = get<std::uint32_t>(octets, 24);
  header.made = wall_from_microseconds(get<std::int64_t>(octets, 32));
  for (std::uint32_t i = 0; i < cuts; ++i) {
    const auto at = segment_fixed_octets + 8 * std::size_t{i};
    header.cuts.push_back({get<std::uint32_t>(octets, at), get<std::uint32_t>(octets, at + 4)});
  }
  return header;
}

std::uint32_t write_record_head(char* into, const RecordHead& head, std::uint32_t salt, std::string_view content) {
  put(into, 0, record_magic);
  put(into, 4, static_cast<std::uint32_t>(head.type));
  put(into, 8, static_cast<std::uint32_t>(content.size()));
  put(into, 12, std::uint32_t{0});
  put(into, 16, head.id);
  put(into, 24, head.offset);
  put(into, 28, head.synced);
  const auto crc = crypto::crc32c(crypto::crc32c(salt, {into, record_header_octets}), content);
  put(into, 12, crc);
  return crc;
}

std::optional<RecordHead> read_record_head(std::string_view octets, std::uint32_t offset) {
  if (octets.size() < record_header_octets || get<std::uint32_t>(octets, 0) != record_magic) return {};
  const auto type = get<std::uint32_t>(octets, 4);
  if (type < 1 || type > 3 || get<std::uint32_t>(octets, 24) != offset) return {};
  RecordHead head;
  head.type = static_cast<RecordType>(type);
  head.length = get<std::uint32_t>(octets, 8);
  head.crc = get<std::uint32_t>(octets, 12);
  head.id = get<std::uint64_t>(octets, 16);
  head.offset = offset;
  head.synced = get<std::uint32_t>(octets, 28);
  return head;
}

bool record_crc_right(const RecordHead& head, std::string_view record, std::uint32_t salt) {
  POSTIL_ASSERT(record.size() >= record_header_octets + std::size_t{head.length});
  const auto crc = head_crc(salt, record.substr(0, record_header_octets), 12);
  return crypto::crc32c(crc, record.substr(record_header_octets, head.length)) == head.crc;
}

void write_item_head(char* into, const ItemHead& head, std::uint32_t salt, std::string_view content) {
  put(into, 0, static_cast<std::uint8_t>(head.kind));
  put(into, 1, head.flags);
  put(into, 2, std::uint16_t{0});
  put(into, 4, static_cast<std::uint32_t>(content.size()));
  put(into, 8, crypto::crc32c(salt, content));
  put(into, 12, std::uint32_t{0});
  put(into, 16, head.id.value);
}

std::optional<ItemHead> read_item_head(std::string_view octets) {
  if (octets.size() < item_header_octets) return {};
  const auto kind = get<std::uint8_t>(octets, 0);
  if (kind < 1 || kind > 4) return {};
  ItemHead head;
  head.kind = static_cast<ItemKind>(kind);
  head.flags = get<std::uint8_t>(octets, 1);
  head.length = get<std::uint32_t>(octets, 4);
  head.crc = get<std::uint32_t>(octets, 8);
  head.id.value = get<std::uint64_t>(octets, 16);
  return head;
}

bool item_crc_right(const ItemHead& head, std::string_view content, std::uint32_t salt) {
  return crypto::crc32c(salt, content) == head.crc;
}

std::size_t size_of(const AddContent& add) {
  return add_fixed_octets + chunk_reference_octets * add.chunks.size() + add.envelope.size() + add.state.size();
}

void write_add(char* into, const AddContent& add) {
  put(into, 0, static_cast<std::uint32_t>(add.envelope.size()));
  put(into, 4, static_cast<std::uint32_t>(add.state.size()));
  put(into, 8, static_cast<std::uint32_t>(add.chunks.size()));
  put(into, 12, add.recipients);
  put(into, 16, add.body_id);
  put(into, 24, add.body_octets);
  std::size_t at = add_fixed_octets;
  for (const auto& chunk : add.chunks) {
    put(into, at, chunk.at.segment);
    put(into, at + 4, chunk.at.offset);
    put(into, at + 8, chunk.at.length);
    put(into, at + 12, chunk.crc);
    at += chunk_reference_octets;
  }
  std::memcpy(into + at, add.envelope.data(), add.envelope.size());
  std::memcpy(into + at + add.envelope.size(), add.state.data(), add.state.size());
}

std::optional<AddContent> read_add(std::string_view content) {
  if (content.size() < add_fixed_octets) return {};
  AddContent add;
  const std::size_t envelope = get<std::uint32_t>(content, 0);
  const std::size_t state = get<std::uint32_t>(content, 4);
  const std::size_t chunks = get<std::uint32_t>(content, 8);
  if (add_fixed_octets + chunks * chunk_reference_octets + envelope + state != content.size()) return {};
  add.recipients = get<std::uint32_t>(content, 12);
  add.body_id = get<std::uint64_t>(content, 16);
  add.body_octets = get<std::uint64_t>(content, 24);
  add.chunks.reserve(chunks);
  std::uint64_t octets = 0;
  for (std::size_t i = 0; i < chunks; ++i) {
    const auto at = add_fixed_octets + i * chunk_reference_octets;
    add.chunks.push_back(
        {{get<std::uint32_t>(content, at), get<std::uint32_t>(content, at + 4), get<std::uint32_t>(content, at + 8)},
         get<std::uint32_t>(content, at + 12)});
    octets += add.chunks.back().at.length;
  }
  if (octets != add.body_octets) return {};
  const auto rest = content.substr(add_fixed_octets + chunks * chunk_reference_octets);
  add.envelope = rest.substr(0, envelope);
  add.state = rest.substr(envelope);
  return add;
}

}  // namespace postil::spool
