#include "knowledge/collisions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "knowledge/tables.hpp"

namespace postil::knowledge {

std::string Collision::text(std::string_view part) const {
  return fmt::format("collision.{}.{}", key, part);
}

std::span<const Collision> collisions() {
  static const std::vector<Collision> all = [] {
    std::vector<Collision> out;
    each_table("collisions/", [&](std::string_view key, const toml::table& table) {
      Collision one{
          std::string(key), strings(table, "codes"), reason_of(table, "reason"), {}, strings(table, "checks")};
      for (const auto& name : strings(table, "elsewhere")) {
        const auto* found = find_reason(name);
        if (found == nullptr) bad_data("collisions", name);
        one.elsewhere.push_back(found->reason);
      }
      out.push_back(std::move(one));
    });
    std::ranges::sort(out, {}, &Collision::key);
    return out;
  }();
  return all;
}

std::vector<const Collision*> collisions_of(Code code, EnhancedCode enhanced) {
  std::vector<std::string> names;
  if (code != 0) names.push_back(fmt::format("{}", code));
  if (enhanced) names.push_back(reply::to_string(enhanced));
  if (names.size() == 2) names.push_back(names[0] + " " + names[1]);
  std::vector<const Collision*> out;
  for (const auto& one : collisions()) {
    const bool told = std::ranges::any_of(
        one.codes, [&](const std::string& about) { return std::ranges::find(names, about) != names.end(); });
    if (told) out.push_back(&one);
  }
  return out;
}

}  // namespace postil::knowledge
