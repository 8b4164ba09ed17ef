// Lays records out for one gather write: heads in memory that stays, contents as views.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "spool/format.hpp"

namespace postil::spool {

class Layout {
 public:
  // Memory that stays where it is until clear().
  char* take(std::size_t octets);
  // A record with its padding. Gives its CRC. `content` must stay until clear().
  std::uint32_t record(const RecordHead& head, std::uint32_t salt, std::string_view content);

  const std::vector<std::string_view>& parts() const { return parts_; }
  bool empty() const { return parts_.empty(); }
  std::uint64_t octets() const { return octets_; }
  void forget_parts();  // after they were written
  void clear();         // gives the memory free for the next group

 private:
  void part(std::string_view octets);

  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0;  // in use
  std::size_t used_ = 0;   // of it
  std::vector<std::string_view> parts_;
  std::uint64_t octets_ = 0;
};

}  // namespace postil::spool
