#include "knowledge/checks.hpp"

#include <algorithm>
#include <vector>

#include "knowledge/tables.hpp"

namespace postil::knowledge {

std::string LiveCheck::text() const {
  return "live_check." + key + ".text";
}

std::span<const LiveCheck> live_checks() {
  static const std::vector<LiveCheck> all = [] {
    std::vector<LiveCheck> out;
    each_table("checks/", [&](std::string_view key, const toml::table& table) {
      out.push_back({std::string(key), table["command"].value_or(std::string())});
      if (out.back().command.empty()) bad_data("checks", key);
    });
    std::ranges::sort(out, {}, &LiveCheck::key);
    return out;
  }();
  return all;
}

const LiveCheck* find_live_check(std::string_view key) {
  const auto all = live_checks();
  const auto at = std::ranges::find(all, key, &LiveCheck::key);
  return at == all.end() ? nullptr : &*at;
}

}  // namespace postil::knowledge
