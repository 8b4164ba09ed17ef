#include "spool/layout.hpp"

namespace postil::spool {
namespace {
constexpr std::size_t block_octets = 256 << 10;
constexpr std::size_t blocks_kept = 16;
constexpr char zeros[8] = {};
}  // namespace

char* Layout::take(std::size_t octets) {
  const auto want = static_cast<std::size_t>(padded(octets));
  while (block_ < blocks_.size() && used_ + want > blocks_[block_].size) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const auto size = std::max(want, block_octets);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }
  char* memory = blocks_[block_].memory.get() + used_;
  used_ += want;
  return memory;
}

void Layout::part(std::string_view octets) {
  if (octets.empty()) return;
  octets_ += octets.size();
  if (!parts_.empty() && parts_.back().data() + parts_.back().size() == octets.data()) {
    parts_.back() = {parts_.back().data(), parts_.back().size() + octets.size()};
  } else {
    parts_.push_back(octets);
  }
}

std::uint32_t Layout::record(const RecordHead& head, std::uint32_t salt, std::string_view content) {
  char* memory = take(record_header_octets);
  const auto crc = write_record_head(memory, head, salt, content);
  part({memory, record_header_octets});
  part(content);
  part({zeros, static_cast<std::size_t>(padded(content.size()) - content.size())});
  return crc;
}

void Layout::forget_parts() {
  parts_.clear();
  octets_ = 0;
}

void Layout::clear() {
  forget_parts();
  if (blocks_.size() > blocks_kept) blocks_.resize(blocks_kept);
  block_ = 0;
  used_ = 0;
}

}  // namespace postil::spool
