// What is round every page: head, navigation, languages, the box, the foot.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "console/draft.hpp"

namespace postil::console {
namespace {

struct NavItem {
  View view;
  std::string_view key;
};
constexpr std::array navigation = {NavItem{View::codes, "codes"},         NavItem{View::comparisons, "compare"},
                                   NavItem{View::guides, "guides"},       NavItem{View::reasons, "reasons"},
                                   NavItem{View::providers, "providers"}, NavItem{View::glossary, "glossary"}};

// BCP 47, where a folder of po has the system's form.
std::string tag_of(std::string_view language) {
  std::string tag(language);
  std::ranges::replace(tag, '_', '-');
  return tag == "zh-CN" ? "zh-Hans" : tag;
}

// The section of the site that a page belongs to.
View section_of(View view) {
  switch (view) {
    case View::code:
    case View::code_class:
    case View::status:
    case View::subject:
    case View::stage:
      return View::codes;
    case View::comparison:
      return View::comparisons;
    case View::guide:
      return View::guides;
    case View::provider:
      return View::providers;
    default:
      return view;
  }
}

std::string address_or_link(const Draft& draft, const Place& place) {
  auto address = draft.site.address(place);
  return address.empty() ? draft.links.to(place) : address;
}

void fill_languages(Draft& draft, bool alternates) {
  for (const auto& language : draft.site.languages()) {
    Place same = draft.canonical.value_or(draft.place);
    same.language = language;
    if (alternates && draft.site.exists(same)) {
      auto alternate = draft.frame.add("ALTERNATE");
      alternate.set("TAG", tag_of(language));
      alternate.set("HREF", address_or_link(draft, same));
      if (language == "en") {
        alternate = draft.frame.add("ALTERNATE");
        alternate.set("TAG", "x-default");
        // The entry asks for the language: of the home pages it is the one for whoever reads none of them.
        alternate.set("HREF", address_or_link(draft, same.view == View::home ? Place{} : same));
      }
    }
    // The switcher keeps the page where the other language has it.
    Place other = draft.place;
    other.language = language;
    if (!draft.site.exists(other)) other = {View::home, language, {}};
    auto choice = draft.frame.add("LANGUAGE");
    choice.set("NAME", name_of_language(language));
    choice.set("TAG", tag_of(language));
    choice.set("HREF", draft.links.to(other));
    choice.show(language == draft.tr.language() ? "HERE" : "THERE");
  }
}

void fill_navigation(Draft& draft) {
  for (const auto& [view, key] : navigation) {
    const Place place{view, draft.place.language, {}};
    if (!draft.site.exists(place)) continue;
    auto item = draft.frame.add("NAV");
    item.set("HREF", draft.links.to(place));
    item.set("NAME", draft.text(fmt::format("nav.{}", key)));
    if (place == draft.place) {
      item.show("CURRENT_PAGE");
    } else if (section_of(draft.place.view) == view) {
      item.show("CURRENT_SECTION");
    }
  }
}

}  // namespace

Draft::Draft(const Site& site_, Place place_, std::string_view path)
    : site(site_),
      tr(site_.translator(place_.language)),
      place(std::move(place_)),
      links(path, site_.options().files),
      frame(sheet.fields()) {}

std::string Draft::link(View view, std::string item) const {
  return links.to({view, place.language, std::move(item)});
}

std::string Draft::text(std::string_view key, const i18n::Args& args) const {
  return tr.text("web." + std::string(key), args);
}

Markup Draft::markup(std::string_view words) const {
  return prose(words, links, place.language, own_code);
}

Markup Draft::prose_of(std::string_view key, const i18n::Args& args) const {
  return markup(tr.text(key, args));
}

Page finish(Draft& draft) {
  auto& frame = draft.frame;
  const auto& place = draft.place;
  frame.set("LANG", tag_of(draft.tr.language()));
  frame.set("DIR", direction(draft.tr.language()));
  frame.set("TITLE", draft.title);
  frame.set("DESCRIPTION", draft.description);
  if (draft.indexed) {
    frame.add("CANONICAL").set("HREF", address_or_link(draft, draft.canonical.value_or(place)));
  } else {
    frame.show("NOINDEX");
  }
  fill_languages(draft, draft.indexed);
  fill_navigation(draft);
  if (draft.site.options().files) frame.show("FILES");
  frame.set("STYLE", draft.links.asset("site.css"));
  frame.set("SCRIPT", draft.links.asset("site.js"));
  frame.set("ICON", draft.links.asset("icon.svg"));
  frame.set("SEARCH_INDEX", draft.links.asset(fmt::format("search-{}.js", draft.tr.language())));
  frame.set("ROOT", draft.links.root(""));
  frame.set("HOME", draft.link(View::home));
  frame.set("EXPLAIN", draft.link(View::explain));
  frame.set("LLMS", draft.links.root("llms.txt"));
  frame.set("VERSION", POSTIL_VERSION);
  for (const std::string_view key : {"skip", "nav_label", "languages", "tagline", "footer", "footer_data", "search",
                                     "search_hint", "search_button", "site_search", "none_found", "found"}) {
    frame.set("T_" + to_upper(key), draft.text(fmt::format("frame.{}", key)));
  }
  return {draft.sheet.expand("frame.html"), std::string(draft.tr.language()), draft.indexed};
}

void fill_not_found(Draft& draft) {
  draft.indexed = false;
  draft.title = draft.text("not_found.title");
  draft.description = draft.text("not_found.text");
  auto main = draft.frame.include("MAIN", "not_found.html");
  main.set("T_TITLE", draft.title);
  main.set("T_TEXT", draft.text("not_found.text"));
  main.set("T_INDEX", draft.text("not_found.index"));
  main.set("CODES", draft.link(View::codes));
  fill_box(draft, main, false);
}

Page entry_page(const Site& site) {
  Draft draft(site, {View::home, "en", {}}, "");
  auto fields = draft.frame;
  for (const auto& language : site.languages()) {
    const Place home{View::home, language, {}};
    auto choice = fields.add("LANGUAGE");
    choice.set("NAME", name_of_language(language));
    choice.set("TAG", tag_of(language));
    choice.set("HREF", draft.links.to(home));
    choice.set("ADDRESS", address_or_link(draft, home));
    choice.set("TAGLINE", site.translator(language).text("web.frame.tagline"));
    choice.set("DIR", direction(language));
  }
  const auto address = site.address({});
  fields.set("CANONICAL", address.empty() ? draft.links.to({}) : address);
  fields.set("STYLE", draft.links.asset("site.css"));
  fields.set("ICON", draft.links.asset("icon.svg"));
  fields.set("T_TAGLINE", draft.text("frame.tagline"));
  fields.set("T_LANGUAGES", draft.text("frame.languages"));
  if (site.options().files) fields.show("FILES");
  return {draft.sheet.expand("entry.html"), "en", true};
}

}  // namespace postil::console
