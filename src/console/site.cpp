#include "console/site.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "i18n/isolates.hpp"
#include "knowledge/guides.hpp"
#include "knowledge/pairs.hpp"

namespace postil::console {
namespace {

using knowledge::Stage;

// What every page may show. A language without one of them is not offered.
constexpr std::array<std::string_view, 12> areas = {"web",    "explain",   "compare",    "code",
                                                    "status", "class",     "reason",     "reply",
                                                    "fact",   "collision", "live_check", "tls_report"};

constexpr std::array stages = {Stage::connect, Stage::ehlo, Stage::starttls, Stage::auth, Stage::mail,
                               Stage::rcpt,    Stage::data, Stage::message,  Stage::vrfy, Stage::help,
                               Stage::etrn,    Stage::quit, Stage::any};

bool fill(Draft& draft) {
  switch (draft.place.view) {
    case View::home:
      return fill_home(draft);
    case View::codes:
      return fill_codes(draft);
    case View::code:
    case View::code_class:
    case View::status:
    case View::subject:
      return fill_answer(draft);
    case View::stage:
      return fill_stage(draft);
    case View::comparisons:
      return fill_comparisons(draft);
    case View::comparison:
      return fill_comparison(draft);
    case View::reasons:
      return fill_reasons(draft);
    case View::explain:
      return fill_explain(draft, {}, {}, false);
    case View::guides:
      return fill_guides(draft);
    case View::guide:
      return fill_guide(draft);
    case View::glossary:
      return fill_glossary(draft);
    case View::providers:
      return fill_providers(draft);
    case View::provider:
      return fill_provider(draft);
    case View::entry:
    case View::card:
      return false;
  }
  return false;
}

}  // namespace

Site::Site(SiteOptions options) : options_(std::move(options)) {
  if (!options_.url.empty() && !options_.url.ends_with('/')) options_.url += '/';
  for (const auto language : i18n::known_languages()) {
    const i18n::Translator tr(language);
    const bool whole = std::ranges::all_of(areas, [&](auto area) { return tr.language_of(area) == language; });
    if (!whole) continue;
    languages_.emplace_back(language);
    translators_.emplace(language, tr);
  }
  POSTIL_ASSERT(translators_.contains("en"));
}

const i18n::Translator& Site::translator(std::string_view language) const {
  const auto at = translators_.find(language);
  return at == translators_.end() ? translators_.find("en")->second : at->second;
}

bool Site::offers(std::string_view language, std::string_view area) const {
  return translators_.contains(language) && translator(language).language_of(area) == language;
}

bool Site::exists(const Place& place) const {
  if (place.view == View::entry) return true;
  if (!translators_.contains(place.language)) return false;
  switch (place.view) {
    case View::code:
    case View::code_class:
    case View::status:
    case View::subject: {
      const auto page = place_of_code(place.item, place.language);
      return page && page->view == place.view && place.item == to_lower(place.item);
    }
    case View::card: {
      const auto page = place_of_code(place.item, place.language);
      return page && (page->view == View::code || page->view == View::status);
    }
    case View::comparison: {
      const auto codes = codes_of_comparison(place.item);
      return !codes.empty() && comparison_item(codes) == place.item &&
             std::ranges::all_of(codes, [&](const auto& code) {
               const auto page = place_of_code(code, place.language);
               return page && (page->view == View::code || page->view == View::status);
             });
    }
    case View::stage:
      return knowledge::find_stage(place.item).has_value();
    case View::guides:
      return !knowledge::guides().empty() && offers(place.language, "guide");
    case View::guide:
      return guide_of(place.item) != nullptr && guide_item(guide_of(place.item)->name) == place.item &&
             offers(place.language, "guide");
    case View::glossary:
      return !knowledge::glossary().empty() && offers(place.language, "glossary");
    case View::providers:
      return !provider_items().empty();
    case View::provider:
      return provider_of(place.item) != nullptr;
    default:
      return true;
  }
}

std::optional<Page> Site::page(const Place& place) const {
  if (!exists(place)) return std::nullopt;
  if (place.view == View::entry) return entry_page(*this);
  if (place.view == View::card) return card_page(*this, place);
  Draft draft(*this, place, path_of(place));
  if (!fill(draft)) return std::nullopt;
  return finish(draft);
}

Page Site::explained(std::string_view language, std::string_view input, std::string_view stage) const {
  const Place place{View::explain, std::string(language), {}};
  Draft draft(*this, place, path_of(place));
  fill_explain(draft, input, stage, true);
  return finish(draft);
}

Page Site::not_found(std::string_view language, std::string_view path) const {
  const std::string known = translators_.contains(language) ? std::string(language) : "en";
  Draft draft(*this, {View::home, known, {}}, path);
  fill_not_found(draft);
  return finish(draft);
}

std::vector<Place> Site::places() const {
  std::vector<Place> out{Place{}};
  std::vector<Place> all;
  const auto add = [&](View view, std::string item = {}) { all.push_back({view, {}, std::move(item)}); };
  for (const View view : {View::home, View::codes, View::comparisons, View::reasons, View::explain, View::guides,
                          View::glossary, View::providers}) {
    add(view);
  }
  for (const auto& code : knowledge::basic_codes()) {
    const auto number = std::to_string(code.code);
    add(View::code, number);
    add(View::card, number);
    for (const auto& other : knowledge::basic_codes()) {
      if (code.code < other.code)
        add(View::comparison, comparison_item(std::vector<std::string>{number, std::to_string(other.code)}));
    }
  }
  for (const char digit : {'2', '3', '4', '5'}) add(View::code_class, std::string(1, digit) + "xx");
  for (int subject = 0; subject <= 7; ++subject) add(View::subject, "x." + std::to_string(subject) + ".x");
  for (const auto& status : knowledge::statuses()) {
    const auto code = status.key().substr(7);
    add(View::status, code);
    add(View::card, code);
  }
  for (const auto& pair : knowledge::reviewed_pairs()) {
    const auto item = comparison_item(std::vector<std::string>{pair.a, pair.b});
    if (std::ranges::find(all, Place{View::comparison, {}, item}) == all.end()) add(View::comparison, item);
  }
  for (const auto& guide : knowledge::guides()) add(View::guide, guide_item(guide.name));
  for (const auto& item : provider_items()) add(View::provider, item);
  for (const auto stage : stages) add(View::stage, std::string(knowledge::to_string(stage)));
  for (const auto& language : languages_) {
    for (auto place : all) {
      place.language = language;
      if (exists(place)) out.push_back(std::move(place));
    }
  }
  return out;
}

std::string Site::address(const Place& place) const {
  if (options_.url.empty()) return {};
  return options_.url + (options_.files ? file_of(place) : path_of(place));
}

std::string_view direction(std::string_view language) {
  return i18n::is_right_to_left(language) ? "rtl" : "ltr";
}

std::string_view name_of_language(std::string_view language) {
  struct Name {
    std::string_view tag, name;
  };
  static constexpr Name names[] = {{"ar", "العربية"},
                                   {"de", "Deutsch"},
                                   {"en", "English"},
                                   {"es", "Español"},
                                   {"fr", "Français"},
                                   {"ja", "日本語"},
                                   {"pt-BR", "Português (Brasil)"},
                                   {"pt_BR", "Português (Brasil)"},
                                   {"ru", "Русский"},
                                   {"zh-Hans", "简体中文"},
                                   {"zh_Hans", "简体中文"},
                                   {"zh_CN", "简体中文"}};
  for (const auto& [tag, name] : names) {
    if (tag == language) return name;
  }
  return language;
}

}  // namespace postil::console
