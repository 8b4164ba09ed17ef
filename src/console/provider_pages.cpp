// Providers: what each answers, word by word, and what that means. From the rules that explain replies.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "diagnose/rules.hpp"

namespace postil::console {
namespace {

using diagnose::Rule;
using diagnose::RuleSet;
using diagnose::Vendor;

std::vector<const Rule*> rules_of(const Vendor& vendor) {
  std::vector<const Rule*> out;
  for (const auto& rule : RuleSet::built_in().rules()) {
    if (rule.vendor == vendor.id && rule.tier == diagnose::Tier::vendor && !rule.samples.empty()) out.push_back(&rule);
  }
  return out;
}

// The same in sheaves of one reason, in the order in which the reasons come first.
std::vector<std::vector<const Rule*>> rules_by_reason(const Vendor& vendor) {
  std::vector<std::vector<const Rule*>> out;
  for (const auto* rule : rules_of(vendor)) {
    const auto at = std::ranges::find_if(out, [&](const auto& same) { return same.front()->reason == rule->reason; });
    if (at == out.end()) {
      out.push_back({rule});
    } else {
      at->push_back(rule);
    }
  }
  return out;
}

// Those of whose replies something is known.
const std::vector<const Vendor*>& vendors_by_name() {
  static const auto all = [] {
    std::vector<const Vendor*> out;
    for (const auto& vendor : RuleSet::built_in().vendors()) {
      if (!rules_of(vendor).empty()) out.push_back(&vendor);
    }
    std::ranges::sort(out, [](const Vendor* a, const Vendor* b) { return to_lower(a->name) < to_lower(b->name); });
    return out;
  }();
  return all;
}

void add_source(const Draft& draft, Fields row, const Vendor& vendor, const std::string& id) {
  const auto at = std::ranges::find(vendor.sources, id, &diagnose::Source::id);
  if (at == vendor.sources.end()) return;
  auto source = row.add("SOURCE");
  source.set("T_SOURCE", draft.text("providers.source"));
  source.set("T_AS_OF", draft.text("providers.as_of", {{"date", at->as_of}}));
  if (at->url.empty()) {  // nobody's page: what was met in the field
    source.add("SEEN").set("T_SEEN", draft.text("providers.seen"));
    return;
  }
  auto name = source.add("LINKED");
  name.set("NAME", at->title);
  name.set("HREF", at->url);
}

void add_reply(const Draft& draft, Fields row, const Vendor& vendor, const Rule& rule) {
  for (const auto& sample : rule.samples) row.add("SAMPLE").set("LINE", sample.text);
  if (rule.who && *rule.who != knowledge::entry(rule.reason).act)
    row.add("WHO").set("ROLE", act_text(draft, *rule.who));
  const auto area = std::string_view(rule.note).substr(0, rule.note.find('.'));
  if (!rule.note.empty() && draft.site.offers(draft.place.language, area) && draft.tr.has(rule.note)) {
    row.add("NOTE").set("TEXT_HTML", draft.prose_of(rule.note));
  }
  add_source(draft, row, vendor, rule.source);
}

}  // namespace

const Vendor* provider_of(std::string_view item) {
  const auto& all = vendors_by_name();
  const auto at = std::ranges::find(all, item, &Vendor::id);
  return at == all.end() ? nullptr : *at;
}

std::vector<std::string> provider_items() {
  std::vector<std::string> out;
  for (const auto* vendor : vendors_by_name()) out.push_back(vendor->id);
  return out;
}

bool fill_providers(Draft& draft) {
  auto main = begin_list(draft, "providers");
  for (const auto* vendor : vendors_by_name()) {
    auto item = main.add("PROVIDER");
    item.set("HREF", draft.link(View::provider, vendor->id));
    item.set("NAME", vendor->name);
    item.set("COUNT", draft.tr.count("web.providers.count", rules_of(*vendor).size()));
  }
  return true;
}

bool fill_provider(Draft& draft) {
  const auto* vendor = provider_of(draft.place.item);
  if (vendor == nullptr) return false;
  draft.title = draft.text("providers.title_one", {{"name", vendor->name}});
  const auto intro = draft.text("providers.intro_one");
  draft.description = vendor->name + ": " + intro;
  auto main = draft.frame.include("MAIN", "provider.html");
  main.set("T_PROVIDERS", draft.text("nav.providers"));
  main.set("PROVIDERS", draft.link(View::providers));
  main.set("T_TITLE", draft.title);
  main.set("T_INTRO", intro);
  if (!vendor->postmaster.empty()) {
    auto page = main.add("POSTMASTER");
    page.set("T_POSTMASTER", draft.text("providers.postmaster"));
    page.set("HREF", vendor->postmaster);
  }
  for (const auto& rules : rules_by_reason(*vendor)) {
    const auto& reason = knowledge::entry(rules.front()->reason);
    auto group = main.add("REASON");
    group.set("NAME", draft.tr.text(fmt::format("reason.{}.name", reason.key)));
    group.set("ID", reason.key);
    group.set("HREF", draft.link(View::reasons) + "#" + std::string(reason.key));
    group.set("WHAT_HTML", draft.prose_of(fmt::format("reason.{}.what", reason.key)));
    group.set("DO_HTML", draft.prose_of(fmt::format("reason.{}.do", reason.key)));
    group.set("ROLE", act_text(draft, reason.act));
    for (const auto* rule : rules) add_reply(draft, group.add("REPLY"), *vendor, *rule);
  }
  return true;
}

}  // namespace postil::console
