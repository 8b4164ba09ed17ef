// The history on disk: files NNNNNNNN.history, each a sequence of lines "HEXID MICROSECONDS JSON\n".
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace postil::history {

std::string file_name(std::uint32_t number);
// Nothing for a name that is none of ours.
std::optional<std::uint32_t> file_number(std::string_view name);

struct Line {
  std::uint64_t id = 0;
  WallTime at{};
};

// A whole line without its newline; nothing for what a power cut made of one.
std::optional<Line> parse_line(std::string_view text);

// What is told of repeats: how many there were, and the newest ids.
struct Told {
  std::uint64_t count = 0;  // without the first one
  WallTime last{};
  std::vector<std::uint64_t> ids;  // of the newest

  // Which one of all, from 1, the id at that place of the list is.
  std::uint64_t number_at(std::size_t index) const {
    return std::max<std::uint64_t>(count, ids.size()) - ids.size() + index + 2;
  }
};

// The JSON of what is told of the repeats of `first`.
std::string repeat_json(std::uint64_t first, std::uint64_t count, WallTime last, std::span<const std::uint64_t> ids);
// What a line says that repeat_json() made; nothing for any other.
std::optional<Told> repeats_told(std::string_view line);

}  // namespace postil::history
