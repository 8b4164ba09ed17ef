#include "knowledge/pairs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "knowledge/tables.hpp"

namespace postil::knowledge {

std::string ReviewedPair::key() const {
  return fmt::format("compare.pair.{}_{}", a, b);
}

std::span<const ReviewedPair> reviewed_pairs() {
  static const std::vector<ReviewedPair> all = [] {
    std::vector<ReviewedPair> out;
    each_table("compare/", [&](std::string_view key, const toml::table& table) {
      const auto parts = split(key, '_');
      if (parts.size() != 2 || !code_before(parts[0], parts[1])) bad_data("compare", key);
      ReviewedPair pair{std::string(parts[0]), std::string(parts[1]), table["one_session"].value_or(false),
                        table["one_delivery"].value_or(false), strings(table, "transcript")};
      out.push_back(std::move(pair));
    });
    std::ranges::sort(out, [](const ReviewedPair& one, const ReviewedPair& other) {
      return one.a == other.a ? code_before(one.b, other.b) : code_before(one.a, other.a);
    });
    return out;
  }();
  return all;
}

const ReviewedPair* find_pair(std::string_view one, std::string_view other) {
  for (const auto& pair : reviewed_pairs()) {
    if ((pair.a == one && pair.b == other) || (pair.a == other && pair.b == one)) return &pair;
  }
  return nullptr;
}

}  // namespace postil::knowledge
