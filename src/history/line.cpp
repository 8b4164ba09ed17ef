#include "history/line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/bytes.hpp"

namespace postil::history {
namespace {

constexpr std::string_view repeat_begin = "{\"event\":\"command.refused\",\"repeat_of\":\"";

std::int64_t number_behind(std::string_view line, std::string_view key) {
  std::int64_t number = 0;
  const auto at = line.find(key);
  if (at != std::string_view::npos) std::from_chars(line.data() + at + key.size(), line.data() + line.size(), number);
  return number;
}

}  // namespace

std::string file_name(std::uint32_t number) {
  return fmt::format("{:08}.history", number);
}

std::optional<std::uint32_t> file_number(std::string_view name) {
  std::uint32_t number = 0;
  if (name.size() != 16 || !name.ends_with(".history")) return {};
  const auto [end, error] = std::from_chars(name.data(), name.data() + 8, number);
  if (error != std::errc() || end != name.data() + 8) return {};
  return number;
}

std::optional<Line> parse_line(std::string_view text) {
  Line line;
  const char* const end = text.data() + text.size();
  const auto [after_id, id_error] = std::from_chars(text.data(), end, line.id, 16);
  if (id_error != std::errc() || after_id != text.data() + 16 || line.id == 0 || after_id == end || *after_id != ' ')
    return {};
  std::int64_t us = 0;
  const auto [after_time, time_error] = std::from_chars(after_id + 1, end, us);
  if (time_error != std::errc() || end - after_time < 3 || after_time[0] != ' ' || after_time[1] != '{') return {};
  if (text.back() != '}' || std::ranges::any_of(text, is_control)) return {};
  line.at = wall_from_microseconds(us);
  return line;
}

std::string repeat_json(std::uint64_t first, std::uint64_t count, WallTime last, std::span<const std::uint64_t> ids) {
  std::string out = fmt::format("{}{}\",\"count\":{},\"last\":{},\"ids\":[", repeat_begin, to_string(ReceiptId{first}),
                                count, unix_microseconds(last));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    fmt::format_to(std::back_inserter(out), "{}\"{}\"", i ? "," : "", to_string(ReceiptId{ids[i]}));
  }
  return out + "]}";
}

std::optional<Told> repeats_told(std::string_view line) {
  const auto json = line.find('{');
  if (json == std::string_view::npos || !line.substr(json).starts_with(repeat_begin)) return {};
  auto list = line.find("\"ids\":[");
  if (list == std::string_view::npos) return {};
  Told told;
  told.count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_behind(line, "\"count\":")));
  told.last = wall_from_microseconds(number_behind(line, "\"last\":"));
  list += 7;
  for (auto open = line.find('"', list); open != std::string_view::npos; open = line.find('"', open + 1)) {
    const auto close = line.find('"', open + 1);
    if (close == std::string_view::npos) break;
    if (const auto id = parse_receipt_id(line.substr(open + 1, close - open - 1))) told.ids.push_back(id->value);
    open = close;
  }
  return told;
}

}  // namespace postil::history
