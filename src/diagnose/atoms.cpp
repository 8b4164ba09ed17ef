#include "diagnose/atoms.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::diagnose {

std::size_t Atoms::hash(std::string_view three) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < length_min; ++i) value = value << 8 | static_cast<unsigned char>(three[i]);
  return (value * 2654435761u) >> 19;
}

void Atoms::build(std::vector<std::string> strings) {
  strings_ = std::move(strings);
  std::vector<std::pair<std::size_t, int>> rows;
  for (std::size_t i = 0; i < strings_.size(); ++i) {
    POSTIL_ASSERT(strings_[i].size() >= length_min);
    const auto bucket = hash(strings_[i]);
    used_.set(bucket);
    rows.emplace_back(bucket, static_cast<int>(i));
  }
  std::ranges::sort(rows);
  members_.clear();
  std::size_t at = 0;
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) {
    begin_[bucket] = static_cast<std::uint32_t>(at);
    for (; at < rows.size() && rows[at].first == bucket; ++at) members_.push_back(rows[at].second);
  }
  begin_[buckets] = static_cast<std::uint32_t>(at);
}

void Atoms::find(std::string_view text, std::vector<int>& out) const {
  out.clear();
  for (std::size_t at = 0; at + length_min <= text.size(); ++at) {
    const auto rest = text.substr(at);
    const auto bucket = hash(rest);
    if (!used_.test(bucket)) continue;
    for (auto i = begin_[bucket]; i < begin_[bucket + 1]; ++i) {
      const auto member = members_[i];
      if (rest.starts_with(strings_[static_cast<std::size_t>(member)])) out.push_back(member);
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
}

}  // namespace postil::diagnose
