#include "diagnose/rules_read.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

[[noreturn]] void bad(std::string_view where, std::string_view what) {
  throw std::logic_error(fmt::format("data/{}: {}", where, what));
}

std::vector<std::string> strings(const toml::table& table, std::string_view key, std::string_view where) {
  std::vector<std::string> out;
  const auto* array = table[key].as_array();
  if (array == nullptr) {
    if (table.contains(key)) bad(where, key);
    return out;
  }
  for (const auto& item : *array) {
    const auto text = item.value<std::string>();
    if (!text) bad(where, key);
    out.push_back(*text);
  }
  return out;
}

std::uint16_t number(std::string_view text, std::string_view where) {
  std::uint16_t value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) bad(where, text);
  return value;
}

// "500-699" or "500".
std::pair<std::uint16_t, std::uint16_t> range(std::string_view text, std::string_view where) {
  const auto hyphen = text.find('-');
  const auto first = number(text.substr(0, hyphen), where);
  const auto last = hyphen == std::string_view::npos ? first : number(text.substr(hyphen + 1), where);
  if (last < first) bad(where, text);
  return {first, last};
}

// "5.7.1", "x.7.500-699", "5.7.x".
StatusRange status_of(std::string_view text, std::string_view where) {
  const auto parts = split(text, '.');
  if (parts.size() != 3 || parts[0].size() != 1) bad(where, text);
  StatusRange out;
  if (parts[0] != "x") out.klass = static_cast<std::uint8_t>(number(parts[0], where));
  out.subject = number(parts[1], where);
  out.last = 999;
  if (parts[2] != "x") std::tie(out.first, out.last) = range(parts[2], where);
  return out;
}

Side side_of(std::string_view name, std::string_view where) {
  for (Side side : {Side::remote, Side::local}) {
    if (to_string(side) == name) return side;
  }
  bad(where, name);
}

knowledge::Action action_of(std::string_view name, std::string_view where) {
  for (const auto& entry : knowledge::reasons()) {
    if (to_string(entry.action) == name) return entry.action;
  }
  bad(where, name);
}

knowledge::Stage stage_of(std::string_view name, std::string_view where) {
  const auto found = knowledge::find_stage(name);
  if (!found) bad(where, name);
  return *found;
}

Sample sample_of(const toml::node& node, std::string_view where) {
  Sample out;
  if (const auto text = node.value<std::string>()) {
    out.text = *text;
    return out;
  }
  const auto* table = node.as_table();
  if (table == nullptr) bad(where, "sample");
  out.text = (*table)["text"].value_or(std::string());
  out.host = (*table)["host"].value_or(std::string());
  out.mta = (*table)["mta"].value_or(std::string());
  if (const auto stage = (*table)["stage"].value<std::string_view>()) out.stage = stage_of(*stage, where);
  if (const auto side = (*table)["side"].value<std::string_view>()) out.side = side_of(*side, where);
  return out;
}

constexpr std::string_view rule_keys[] = {
    "id",   "reason",  "confidence", "pattern", "except", "code",   "status",   "class",   "stage", "side",  "mta",
    "weak", "expired", "tells",      "because", "note",   "source", "anywhere", "samples", "who",   "action"};

Rule rule_of(const toml::table& table, Tier tier, std::string_view file) {
  Rule out;
  out.tier = tier;
  out.id = table["id"].value_or(std::string());
  const auto where = fmt::format("{}: {}", file, out.id);
  if (out.id.empty()) bad(where, "id");
  for (const auto& [key, value] : table) {
    if (std::ranges::find(rule_keys, key.str()) == std::end(rule_keys)) bad(where, key.str());
  }
  const auto* reason = knowledge::find_reason(table["reason"].value_or(std::string_view()));
  if (reason == nullptr) bad(where, "reason");
  out.reason = reason->reason;
  out.weak = table["weak"].value_or(false);
  out.expired = table["expired"].value_or(false);
  out.confidence = table["confidence"].value_or(out.weak ? 0.5 : 0.9);
  if (out.confidence < 0 || out.confidence > 1) bad(where, "confidence");
  out.has_pattern = table.contains("pattern");
  out.anywhere = table["anywhere"].value_or(false);
  for (const auto& text : strings(table, "code", where)) out.codes.push_back(range(text, where));
  for (const auto& text : strings(table, "status", where)) out.statuses.push_back(status_of(text, where));
  out.klass = table["class"].value_or(std::uint8_t{0});
  for (const auto& text : strings(table, "stage", where)) out.stages.push_back(stage_of(text, where));
  if (const auto side = table["side"].value<std::string_view>()) out.side = side_of(*side, where);
  out.mta = table["mta"].value_or(std::string());
  if (const auto tells = table["tells"].value<std::string_view>()) out.tells = stage_of(*tells, where);
  const std::string_view usual = tier == Tier::vendor ? "vendor" : tier == Tier::wording ? "wording" : "code";
  out.because = fmt::format("explain.because.{}", table["because"].value_or(usual));
  if (const auto who = table["who"].value<std::string_view>()) {
    const auto* role = knowledge::find_role(*who);
    if (role == nullptr) bad(where, *who);
    out.who = *role;
  }
  if (const auto action = table["action"].value<std::string_view>()) out.action = action_of(*action, where);
  if (table["note"].value_or(false)) out.note = fmt::format("note.{}", out.id);
  out.source = table["source"].value_or(std::string());
  if (const auto* samples = table["samples"].as_array()) {
    for (const auto& sample : *samples) out.samples.push_back(sample_of(sample, where));
  }
  if (out.samples.empty()) bad(where, "samples");
  const bool bound = !out.codes.empty() || !out.statuses.empty() || !out.stages.empty();
  if (!out.has_pattern && !bound) bad(where, "neither pattern nor condition");
  return out;
}

Vendor vendor_of(const toml::table& root, std::string_view file) {
  Vendor out;
  out.id = root["id"].value_or(std::string());
  out.name = root["name"].value_or(std::string());
  if (out.id.empty() || out.name.empty()) bad(file, "id, name");
  out.hosts = strings(root, "hosts", file);
  out.mtas = strings(root, "mta", file);
  out.postmaster = root["postmaster"].value_or(std::string());
  if (const auto* sources = root["sources"].as_table()) {
    for (const auto& [key, value] : *sources) {
      const auto* row = value.as_table();
      if (row == nullptr) bad(file, "sources");
      out.sources.push_back({std::string(key.str()), (*row)["title"].value_or(std::string()),
                             (*row)["url"].value_or(std::string()), (*row)["as_of"].value_or(std::string())});
    }
  }
  return out;
}

void read_file(const EmbeddedFile& file, Tier tier, RulesRead& out, std::set<std::string>& ids) {
  const toml::table root = toml::parse(file.content, file.name);
  std::string vendor;
  if (tier == Tier::vendor) {
    out.vendors.push_back(vendor_of(root, file.name));
    vendor = out.vendors.back().id;
    for (auto& token : strings(root, "tokens", file.name)) {
      out.tokens.push_back({out.vendors.size() - 1, std::move(token)});
    }
  }
  const auto* rules = root["rule"].as_array();
  if (rules == nullptr) return;
  for (const auto& node : *rules) {
    const auto* table = node.as_table();
    if (table == nullptr) bad(file.name, "rule");
    Rule rule = rule_of(*table, tier, file.name);
    rule.vendor = vendor;
    if (!vendor.empty() && !rule.id.starts_with(vendor + ".")) bad(file.name, rule.id);
    if (!ids.insert(rule.id).second) bad(file.name, rule.id);
    const auto known = [&](const Source& source) { return source.id == rule.source; };
    if (tier == Tier::vendor && std::ranges::none_of(out.vendors.back().sources, known)) bad(rule.id, "source");
    out.rules.push_back(std::move(rule));
    out.patterns.push_back((*table)["pattern"].value_or(std::string()));
    out.excepts.push_back((*table)["except"].value_or(std::string()));
  }
}

}  // namespace

RulesRead read_rules(std::span<const EmbeddedFile> files) {
  RulesRead out;
  std::set<std::string> ids;
  std::vector<const EmbeddedFile*> sorted;
  for (const auto& file : files) sorted.push_back(&file);
  std::ranges::sort(sorted, {}, [](const EmbeddedFile* file) { return file->name; });
  for (const Tier tier : {Tier::vendor, Tier::wording, Tier::code}) {
    for (const auto* file : sorted) {
      const bool vendor = file->name.starts_with("vendors/");
      const bool code = file->name.starts_with("rules/") && file->name.ends_with("-codes.toml");
      const Tier of_file = vendor ? Tier::vendor : code ? Tier::code : Tier::wording;
      if (of_file == tier) read_file(*file, tier, out, ids);
    }
  }
  return out;
}

}  // namespace postil::diagnose
