// A page in the making: what the functions that fill the pages get. Only for src/console.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "console/prose.hpp"
#include "console/render.hpp"
#include "console/site.hpp"
#include "diagnose/compare.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/explain.hpp"
#include "diagnose/rules.hpp"
#include "knowledge/guides.hpp"
#include "tlsrpt/received.hpp"

namespace postil::console {

struct Draft {
  Draft(const Site& site_, Place place_, std::string_view path);
  const Site& site;
  const i18n::Translator& tr;
  Place place;
  Links links;
  Sheet sheet;
  Fields frame;
  std::string title;        // of the window, without the site's name
  std::string description;  // for search engines
  bool indexed = true;
  std::optional<Place> canonical;  // where it is not the page itself

  std::string link(View view, std::string item = {}) const;
  std::string text(std::string_view key, const i18n::Args& args = {}) const;  // of the area web: "code.when"
  Markup prose_of(std::string_view key, const i18n::Args& args = {}) const;   // of any area, by its whole key
  Markup markup(std::string_view text) const;                                 // a text that is translated already
  std::string own_code;                                                       // not linked in prose
};

// Fills the frame's fields and gives the page.
Page finish(Draft& draft);

// Each fills draft.frame's MAIN; false when there is no such page.
bool fill_home(Draft& draft);
bool fill_codes(Draft& draft);
bool fill_answer(Draft& draft);  // code, class, status, subject
bool fill_stage(Draft& draft);
bool fill_comparisons(Draft& draft);
bool fill_comparison(Draft& draft);
bool fill_reasons(Draft& draft);
bool fill_guides(Draft& draft);
bool fill_guide(Draft& draft);
bool fill_glossary(Draft& draft);
bool fill_providers(Draft& draft);
bool fill_provider(Draft& draft);
bool fill_explain(Draft& draft, std::string_view input, std::string_view stage, bool asked);
void fill_not_found(Draft& draft);
Page card_page(const Site& site, const Place& place);
Page entry_page(const Site& site);

// Parts.
const diagnose::Vendor* provider_of(std::string_view item);
std::vector<std::string> provider_items();
std::string guide_item(std::string_view name);  // "null-mx" in addresses for null_mx
const knowledge::Guide* guide_of(std::string_view item);
void fill_answer_fields(Draft& draft, Fields main, const diagnose::Answer& answer);
// The box's answer to a bounce or to log lines.
void fill_report(Draft& draft, Fields main, const diagnose::Report& report);
void fill_tls_report(Draft& draft, Fields main, const tlsrpt::Received& received);
// An ITEM for each RFC or draft.
void add_definitions(Fields list, const std::vector<knowledge::Definition>& defined);
void fill_transcript(Fields main, const std::vector<std::string>& transcript);
void fill_box(Draft& draft, Fields main, bool focus);
// The page about a code as answers name it ("521", "5.3.2", "x.7.x", "5xx"); nothing where there is none.
std::optional<Place> place_of_code(std::string_view code, const std::string& language);
// Adds LINK (when there is a page) or PLAIN, with CODE.
void set_code(const Draft& draft, Fields fields, std::string_view code);
// HREF and NAME of a stage's page.
void set_stage(const Draft& draft, Fields fields, knowledge::Stage stage);
// T_KEY for each of the page's texts: {"first"} of "codes" is T_FIRST, from web.codes.first.
void set_texts(const Draft& draft, Fields fields, std::string_view page, std::initializer_list<std::string_view> keys);
// Begins a page that lists others: the window's title, and MAIN from PAGE.html with T_TITLE and T_INTRO.
Fields begin_list(Draft& draft, std::string_view page);
std::string stage_text(const i18n::Translator& tr, knowledge::Stage stage);
std::string act_text(const Draft& draft, knowledge::Role who);  // "Who must act: Recipient's admin"
std::string outcome_class(diagnose::Outcome outcome);           // of the style sheet

}  // namespace postil::console
