// The pages that lead to the others: home, all codes, stages, reasons.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "knowledge/guides.hpp"
#include "knowledge/pairs.hpp"

namespace postil::console {
namespace {

using diagnose::Answer;
using knowledge::Stage;

constexpr std::array stage_order = {Stage::connect, Stage::ehlo, Stage::starttls, Stage::auth, Stage::mail,
                                    Stage::rcpt,    Stage::data, Stage::message,  Stage::vrfy, Stage::help,
                                    Stage::etrn,    Stage::quit, Stage::any};

// Shown on the first page; all are on the page of comparisons.
constexpr std::pair<std::string_view, std::string_view> often_mixed_up[] = {
    {"235", "521"}, {"235", "556"}, {"421", "451"}, {"450", "550"}, {"452", "552"},      {"521", "554"},
    {"521", "556"}, {"530", "535"}, {"550", "551"}, {"550", "554"}, {"5.1.1", "5.1.10"}, {"5.7.1", "5.7.26"}};

void add_code_row(Draft& draft, Fields list, const knowledge::BasicCode& code) {
  const auto number = fmt::to_string(code.code);
  auto row = list.add("CODE_ROW");
  set_code(draft, row, number);
  row.set("TITLE", draft.tr.text(fmt::format("code.{}.title", number)));
  for (const auto stage : code.stages) set_stage(draft, row.add("STAGE"), stage);
}

// home: refusals first, and only what stands in an RFC.
void add_classes(Draft& draft, Fields main, bool home) {
  for (const char digit : std::string_view(home ? "5423" : "2345")) {
    const auto klass = std::string(1, digit) + "xx";
    const auto answer = diagnose::explain(klass);
    auto section = main.add("CLASS");
    section.set("NAME", klass);
    section.set("HREF", draft.link(View::code_class, klass));
    section.set("TITLE", draft.tr.text(answer->title));
    section.set("TEXT_HTML", draft.prose_of(answer->what.front()));
    section.set("OUTCOME_CLASS", outcome_class(answer->outcome));
    for (const auto& code : knowledge::basic_codes()) {
      if (home && code.standing != knowledge::Standing::rfc) continue;
      if (code.code / 100 == digit - '0') add_code_row(draft, section, code);
    }
  }
}

void add_stages(Draft& draft, Fields main) {
  set_texts(draft, main, "home", {"stages", "stages_text"});
  for (const auto stage : stage_order) set_stage(draft, main.add("STAGE_LINK"), stage);
}

void add_subjects(Draft& draft, Fields main) {
  for (int subject = 0; subject <= 7; ++subject) {
    const auto name = fmt::format("x.{}.x", subject);
    auto section = main.add("SUBJECT");
    section.set("NAME", name);
    section.set("HREF", draft.link(View::subject, name));
    section.set("TITLE", draft.tr.text(fmt::format("class.subject.{}.title", subject)));
    section.set("TEXT_HTML", draft.prose_of(fmt::format("class.subject.{}.meaning", subject)));
    for (const auto& status : knowledge::statuses()) {
      if (status.subject != subject) continue;
      auto row = section.add("CODE_ROW");
      set_code(draft, row, fmt::format("x.{}.{}", status.subject, status.detail));
      row.set("TITLE", draft.tr.text(status.key() + ".title"));
    }
  }
}

}  // namespace

void fill_box(Draft& draft, Fields main, bool focus) {
  auto box = main.include("BOX", "box.html");
  box.set("ACTION", draft.link(View::explain));
  set_texts(draft, box, "box", {"label", "hint", "button", "secret", "no_script", "offline", "found", "none"});
  box.set("PLACEHOLDER", "550 5.7.26 Unauthenticated email from example.org is not accepted");
  box.set("CODES", draft.link(View::codes));
  box.show(draft.site.options().files ? "FILES" : "SERVED");
  if (focus) box.show("FOCUS");
  if (draft.site.options().files) return;
  auto served = box.add("CHOICE");
  for (const auto stage : stage_order) {
    if (stage == Stage::any) continue;
    auto option = served.add("STAGE");
    option.set("KEY", knowledge::to_string(stage));
    option.set("NAME", stage_text(draft.tr, stage));
  }
  served.set("T_STAGE", draft.text("box.stage"));
  served.set("T_STAGE_ANY", draft.text("box.stage_any"));
}

bool fill_home(Draft& draft) {
  auto main = begin_list(draft, "home");
  fill_box(draft, main, false);
  add_classes(draft, main, true);
  add_stages(draft, main);
  main.set("T_ALL", draft.text("home.all_codes"));
  main.set("CODES", draft.link(View::codes));
  main.set("T_COMPARE", draft.text("home.compare"));
  main.set("T_COMPARE_ALL", draft.text("home.compare_all"));
  main.set("COMPARISONS", draft.link(View::comparisons));
  for (const auto& [one, other] : often_mixed_up) {
    const auto* pair = knowledge::find_pair(one, other);
    if (pair == nullptr) continue;
    auto link = main.add("PAIR");
    link.set("HREF", draft.link(View::comparison, comparison_item(std::vector<std::string>{pair->a, pair->b})));
    link.set("NAME", draft.text("code.compare_with", {{"a", pair->a}, {"b", pair->b}}));
  }
  if (draft.site.exists({View::guides, draft.place.language, {}})) {
    auto guides = main.add("GUIDES");
    guides.set("T_GUIDES", draft.text("nav.guides"));
    for (const auto& guide : knowledge::guides()) {
      auto item = guides.add("GUIDE");
      item.set("HREF", draft.link(View::guide, guide_item(guide.name)));
      item.set("NAME", draft.tr.text(guide.text("title")));
    }
  }
  return true;
}

bool fill_codes(Draft& draft) {
  auto main = begin_list(draft, "codes");
  set_texts(draft, main, "codes", {"basic", "enhanced", "enhanced_text", "code", "means"});
  main.set("T_ANSWERS", draft.tr.text("explain.label.answers"));
  add_classes(draft, main, false);
  add_stages(draft, main);
  add_subjects(draft, main);
  return true;
}

bool fill_stage(Draft& draft) {
  const auto stage = knowledge::find_stage(draft.place.item);
  if (!stage) return false;
  const auto name = stage_text(draft.tr, *stage);
  draft.title = draft.text("stage.title." + draft.place.item);
  draft.description = draft.text("stage.text." + draft.place.item);
  auto main = draft.frame.include("MAIN", "stage.html");
  main.set("T_CODES", draft.text("nav.codes"));
  main.set("CODES", draft.link(View::codes));
  main.set("T_TITLE", draft.title);
  main.set("TEXT_HTML", draft.markup(draft.description));
  main.set("T_ANSWERS", draft.text("stage.answers"));
  for (const char digit : {'2', '3', '4', '5'}) {
    std::optional<Fields> section;
    for (const auto& code : knowledge::basic_codes()) {
      if (code.code / 100 != digit - '0') continue;
      const auto& at = code.stages;
      const bool here = std::ranges::find(at, *stage) != at.end() ||
                        (std::ranges::find(at, Stage::any) != at.end() && *stage != Stage::connect);
      if (!here) continue;
      if (!section) {
        section = main.add("CLASS");
        const auto answer = diagnose::explain(std::string(1, digit) + "xx");
        section->set("TITLE", draft.tr.text(answer->title));
        section->set("OUTCOME_CLASS", outcome_class(answer->outcome));
      }
      auto row = section->add("CODE_ROW");
      set_code(draft, row, fmt::to_string(code.code));
      row.set("TITLE", draft.tr.text(fmt::format("code.{}.title", code.code)));
      row.set("TEXT_HTML", draft.prose_of(fmt::format("code.{}.meaning", code.code)));
    }
  }
  main.set("T_STAGES", draft.text("stage.others"));
  for (const auto other : stage_order) {
    if (other != *stage) set_stage(draft, main.add("STAGE_LINK"), other);
  }
  return true;
}

bool fill_reasons(Draft& draft) {
  auto main = begin_list(draft, "reasons");
  set_texts(draft, main, "reasons", {"acts", "lasts"});
  const auto all = knowledge::reasons();
  for (int g = 0; g <= static_cast<int>(knowledge::Group::unknown); ++g) {
    const auto group = static_cast<knowledge::Group>(g);
    auto section = main.add("GROUP");
    section.set("ID", knowledge::to_string(group));
    section.set("NAME", draft.tr.text(fmt::format("reason.group.{}", knowledge::to_string(group))));
    for (const auto& reason : all) {
      if (reason.group != group) continue;
      auto item = section.add("REASON");
      item.set("ID", reason.key);
      item.set("NAME", draft.tr.text(fmt::format("reason.{}.name", reason.key)));
      item.set("WHAT_HTML", draft.prose_of(fmt::format("reason.{}.what", reason.key)));
      item.set("DO_HTML", draft.prose_of(fmt::format("reason.{}.do", reason.key)));
      item.set("ROLE", draft.tr.text(fmt::format("explain.role.{}", knowledge::to_string(reason.act))));
      item.set("LASTS", draft.tr.text(fmt::format("explain.persistence.{}", knowledge::to_string(reason.persistence))));
    }
  }
  return true;
}

}  // namespace postil::console
