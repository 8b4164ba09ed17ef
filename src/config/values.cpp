// Durations and sizes as people write them.
#include <fmt/format.h>

#include <charconv>

#include "base/bytes.hpp"
#include "config/config.hpp"

namespace postil::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

template <std::size_t N>
std::optional<std::uint64_t> with_units(std::string_view text, const Unit (&units)[N], std::uint64_t bare,
                                        bool repeat) {
  std::uint64_t sum = 0;
  if (text.empty()) return {};
  while (!text.empty()) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number > (std::uint64_t{1} << 50)) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto letters = std::min(text.find_first_of("0123456789"), text.size());
    const auto name = trim(text.substr(0, letters));
    text.remove_prefix(letters);
    std::uint64_t factor = name.empty() ? bare : 0;
    for (const auto& unit : units) {
      if (iequals(unit.name, name)) factor = unit.factor;
    }
    if (factor == 0 || (!repeat && !text.empty())) return {};
    if (number != 0 && factor > (std::uint64_t{1} << 62) / number) return {};
    sum += number * factor;
    if (sum > (std::uint64_t{1} << 62)) return {};
  }
  return sum;
}

constexpr Unit time_units[] = {{"ms", 1000},      {"s", 1000000},     {"m", 60000000},
                               {"h", 3600000000}, {"d", 86400000000}, {"w", 604800000000}};
constexpr Unit size_units[] = {{"B", 1},         {"K", 1u << 10}, {"KB", 1u << 10}, {"M", 1u << 20},
                               {"MB", 1u << 20}, {"G", 1u << 30}, {"GB", 1u << 30}, {"T", std::uint64_t{1} << 40}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  // A bare number would leave the unit to be guessed; 0 needs none.
  const auto us = with_units(text, time_units, text == "0" ? 1 : 0, true);
  if (!us) return {};
  return Duration(static_cast<std::int64_t>(*us));
}

std::string format_duration(Duration duration) {
  auto us = static_cast<std::uint64_t>(duration.count());
  if (us == 0) return "0";
  std::string out;
  for (auto unit = std::rbegin(time_units) + 1; unit != std::rend(time_units); ++unit) {
    if (us >= unit->factor) {
      out += fmt::format("{}{}", us / unit->factor, unit->name);
      us %= unit->factor;
    }
  }
  return out;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return with_units(text, size_units, 1, false);
}

std::string format_size(std::uint64_t octets) {
  for (const auto& [name, factor] : {Unit{"G", 1u << 30}, Unit{"M", 1u << 20}, Unit{"K", 1u << 10}}) {
    if (octets != 0 && octets % factor == 0) return fmt::format("{}{}", octets / factor, name);
  }
  return fmt::to_string(octets);
}

}  // namespace postil::config
