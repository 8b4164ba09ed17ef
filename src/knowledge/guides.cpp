#include "knowledge/guides.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "knowledge/tables.hpp"

namespace postil::knowledge {
namespace {

Guide read_guide(std::string_view name, const toml::table& table) {
  Guide out{std::string(name), {}, strings(table, "codes"), strings(table, "terms"), definitions_of(table)};
  const auto* steps = table["steps"].as_array();
  if (steps == nullptr || steps->empty()) bad_data("guides", name);
  for (const auto& step : *steps) {
    if (!step.is_table()) bad_data("guides", name);
    out.steps.push_back({strings(*step.as_table(), "shown")});
  }
  return out;
}

}  // namespace

std::string Guide::text(std::string_view part) const {
  return fmt::format("guide.{}.{}", name, part);
}

std::string Guide::step_text(std::size_t step, std::string_view part) const {
  return fmt::format("guide.{}.step.{}.{}", name, step, part);
}

std::span<const Guide> guides() {
  static const std::vector<Guide> all = [] {
    std::vector<std::pair<std::int64_t, Guide>> read;
    each_table("guides/", [&](std::string_view name, const toml::table& table) {
      read.emplace_back(table["place"].value_or(std::int64_t{99}), read_guide(name, table));
    });
    std::ranges::stable_sort(read, {}, [](const auto& one) { return one.first; });
    std::vector<Guide> out;
    for (auto& [place, guide] : read) out.push_back(std::move(guide));
    return out;
  }();
  return all;
}

const Guide* find_guide(std::string_view name) {
  const auto all = guides();
  const auto at = std::ranges::find(all, name, &Guide::name);
  return at == all.end() ? nullptr : &*at;
}

std::string Term::text(std::string_view part) const {
  return fmt::format("glossary.{}.{}", key, part);
}

std::span<const Term> glossary() {
  static const std::vector<Term> all = [] {
    std::vector<Term> out;
    each_table("glossary/", [&](std::string_view key, const toml::table& table) {
      out.push_back({std::string(key), strings(table, "see"), strings(table, "codes"), definitions_of(table)});
    });
    std::ranges::sort(out, {}, &Term::key);
    return out;
  }();
  return all;
}

const Term* find_term(std::string_view key) {
  const auto all = glossary();
  const auto at = std::ranges::find(all, key, &Term::key);
  return at == all.end() ? nullptr : &*at;
}

}  // namespace postil::knowledge
