// Guides and the glossary: texts to be read through.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "i18n/list.hpp"
#include "knowledge/guides.hpp"

namespace postil::console {
namespace {

void add_codes(const Draft& draft, Fields main, const std::vector<std::string>& codes) {
  if (codes.empty()) return;
  auto list = main.add("CODES");
  list.set("T_CODES", draft.text("guide.codes"));
  for (const auto& code : codes) set_code(draft, list.add("ITEM"), code);
}

void add_rfcs(const Draft& draft, Fields main, const std::vector<knowledge::Definition>& defined) {
  if (defined.empty()) return;
  auto list = main.add("DEFINED");
  list.set("L_DEFINED", draft.tr.text("explain.label.defined"));
  add_definitions(list, defined);
}

void add_terms(const Draft& draft, Fields main, const std::vector<std::string>& terms) {
  if (!draft.site.exists({View::glossary, draft.place.language, {}})) return;
  std::optional<Fields> list;
  for (const auto& key : terms) {
    const auto* term = knowledge::find_term(key);
    if (term == nullptr) continue;
    if (!list) {
      list = main.add("TERMS");
      list->set("T_TERMS", draft.text("nav.glossary"));
    }
    auto item = list->add("ITEM");
    item.set("HREF", draft.link(View::glossary) + "#" + guide_item(key));
    item.set("NAME", draft.tr.text(term->text("name")));
  }
}

}  // namespace

std::string guide_item(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '_', '-');
  return out;
}

const knowledge::Guide* guide_of(std::string_view item) {
  std::string name(item);
  std::ranges::replace(name, '-', '_');
  return knowledge::find_guide(name);
}

bool fill_guides(Draft& draft) {
  auto main = begin_list(draft, "guides");
  for (const auto& guide : knowledge::guides()) {
    auto row = main.add("GUIDE");
    row.set("HREF", draft.link(View::guide, guide_item(guide.name)));
    row.set("NAME", draft.tr.text(guide.text("title")));
    row.set("TEXT_HTML", draft.prose_of(guide.text("intro")));
  }
  return true;
}

bool fill_guide(Draft& draft) {
  const auto* guide = guide_of(draft.place.item);
  if (guide == nullptr) return false;
  draft.title = draft.tr.text(guide->text("title"));
  draft.description = draft.tr.text(guide->text("intro"));
  auto main = draft.frame.include("MAIN", "guide.html");
  main.set("T_GUIDES", draft.text("nav.guides"));
  main.set("GUIDES", draft.link(View::guides));
  main.set("T_TITLE", draft.title);
  main.set("INTRO_HTML", draft.prose_of(guide->text("intro")));
  main.set("T_ASIDE", draft.text("guide.aside"));
  for (std::size_t i = 1; i <= guide->steps.size(); ++i) {
    auto step = main.add("STEP");
    step.set("ID", fmt::format("step-{}", i));
    step.set("NAME", draft.tr.text(guide->step_text(i, "title")));
    step.set("TEXT_HTML", draft.prose_of(guide->step_text(i, "text")));
    fill_transcript(step, guide->steps[i - 1].shown);
  }
  add_codes(draft, main, guide->codes);
  add_terms(draft, main, guide->terms);
  add_rfcs(draft, main, guide->defined);
  return true;
}

bool fill_glossary(Draft& draft) {
  auto main = begin_list(draft, "glossary");
  std::vector<std::pair<std::string, const knowledge::Term*>> terms;
  for (const auto& term : knowledge::glossary()) terms.emplace_back(draft.tr.text(term.text("name")), &term);
  std::ranges::sort(terms, [](const auto& a, const auto& b) { return to_lower(a.first) < to_lower(b.first); });
  for (const auto& [name, term] : terms) {
    auto item = main.add("TERM");
    item.set("ID", guide_item(term->key));
    item.set("NAME", name);
    item.set("TEXT_HTML", draft.prose_of(term->text("text")));
    if (!term->see.empty()) {
      auto see = item.add("SEE");
      see.set("T_SEE", draft.text("glossary.see"));
      see.set("T_AND_NEXT", std::string(i18n::list_separator(draft.tr.language())));
      for (const auto& key : term->see) {
        const auto* other = knowledge::find_term(key);
        if (other == nullptr) continue;
        auto link = see.add("ITEM");
        link.set("HREF", "#" + guide_item(key));
        link.set("NAME", draft.tr.text(other->text("name")));
      }
    }
    add_codes(draft, item, term->codes);
    add_rfcs(draft, item, term->defined);
  }
  return true;
}

}  // namespace postil::console
