#include "diagnose/finding_help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "base/bytes.hpp"
#include "diagnose/json_values.hpp"
#include "i18n/list.hpp"
#include "knowledge/reasons.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t id_octets_max = 40;
constexpr std::size_t typing_errors_max = 2;

// Of the entries the one whose name is within a typing error or two; fewer where the name is short. between: what
// stands between the words of a name.
template <class Entries, class Entry>
const Entry* nearest(std::string id, char between, const Entries& entries, std::string_view Entry::* name) {
  if (id.size() > id_octets_max) return nullptr;
  std::ranges::replace_if(id, [](char c) { return c == '_' || c == '-' || c == ' '; }, between);
  const Entry* best = nullptr;
  std::size_t errors = typing_errors_max + 1;
  for (const auto& entry : entries) {
    const auto distance = edit_distance(id, entry.*name);
    if (distance >= errors || distance * 3 >= (entry.*name).size()) continue;
    best = &entry;
    errors = distance;
  }
  return best;
}

const knowledge::ReasonEntry* nearest_reason(std::string_view id) {
  return nearest(to_lower(trim(id)), '_', knowledge::reasons(), &knowledge::ReasonEntry::key);
}

// What stands for an argument where there is no check: an example of its kind, or dots.
std::string_view example_of(std::string_view argument) {
  constexpr std::pair<std::string_view, std::string_view> examples[] = {
      {"lookups", "N"},
      {"ip", "192.0.2.9"},
      {"domain", "example.org"},
      {"from", "example.org"},
      {"host", "mx.example.org"},
      {"hosts", "mx1.example.org, mx2.example.org"},
      {"name", "host.example.org"},
      {"names", "www.example.org"},
      {"target", "host.example.org"},
      {"recipient", "ann@example.org"},
      {"address", "mailto:reports@example.net"},
      {"addresses", "10.0.0.1"},
      {"list", "list.example.net"},
      {"codes", "127.0.0.2"},
      {"term", "include:example.net"},
      {"tags", "pct=50"},
      {"tag", "p=none"},
      {"day", "2026-12-24"},
      {"version", "TLSv1.3"},
      {"versions", "TLSv1, TLSv1.1"},
      {"mechanism", "PLAIN"},
      {"mechanisms", "PLAIN LOGIN"},
      {"checked", "10"},
      {"line", "N"},
      {"octets", "N"},
      {"seconds", "N"},
  };
  const auto at = std::ranges::find(examples, argument, &std::pair<std::string_view, std::string_view>::first);
  return at == std::end(examples) ? "..." : at->second;
}

}  // namespace

const FindingEntry* nearest_finding(std::string_view id) {
  return nearest(to_upper(trim(id)), '-', finding_entries(), &FindingEntry::name);
}

std::string did_you_mean(std::string_view id, const i18n::Translator& tr) {
  std::string_view name;
  if (const auto* finding = nearest_finding(id)) {
    name = finding->name;
  } else if (const auto* reason = nearest_reason(id)) {
    name = reason->key;
  }
  return name.empty() ? std::string() : tr.text("cli.error.did_you_mean", {{"name", std::string(name)}});
}

std::string why_not_understood(std::string_view input, NotUnderstood why, const i18n::Translator& tr) {
  return i18n::sentences(tr.text(fmt::format("explain.error.{}", to_string(why))), did_you_mean(input, tr), tr);
}

std::string example_text(const FindingEntry& finding, const i18n::Translator& tr) {
  std::string out;
  const std::string text = tr.text(fmt::format("check.finding.{}.text", finding.key));
  for (std::size_t at = 0; at < text.size();) {
    const auto open = text.find('{', at);
    const auto close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    out += example_of(std::string_view(text).substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return out;
}

std::string more_text(const FindingEntry& finding, const i18n::Translator& tr) {
  return tr.text(fmt::format("check.finding.{}.more", finding.key));
}

std::string to_json(const FindingEntry& finding, const i18n::Translator& tr) {
  return boost::json::serialize(boost::json::object{{"schema", "postil.finding/1"},
                                                    {"ok", true},
                                                    {"id", json_text(finding.name)},
                                                    {"word", json_text(to_string(finding.word))},
                                                    {"area", json_text(to_string(finding.area))},
                                                    {"part", json_text(to_string(finding.part))},
                                                    {"language", json_text(tr.language_of("check"))},
                                                    {"text", json_text(example_text(finding, tr))},
                                                    {"more", json_text(more_text(finding, tr))}});
}

}  // namespace postil::diagnose
