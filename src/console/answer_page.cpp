// Pages about one code, class or subject, and the parts that the box's answer has as well.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "knowledge/checks.hpp"
#include "knowledge/collisions.hpp"
#include "knowledge/pairs.hpp"
#include "reply/catalogue.hpp"

namespace postil::console {
namespace {

using diagnose::Answer;
using diagnose::Kind;
using diagnose::Outcome;

bool refusal(Outcome outcome) {
  return outcome == Outcome::temporary || outcome == Outcome::permanent;
}

void add_codes(const Draft& draft, Fields main, std::string_view section, const std::vector<std::string>& codes) {
  if (codes.empty()) return;
  auto list = main.add(section);
  for (const auto& code : codes) set_code(draft, list.add("ITEM"), code);
}

void add_facts(Draft& draft, Fields main, const Answer& answer) {
  const auto label = [&](Fields fields, std::string_view key) {
    fields.set("LABEL", draft.tr.text(fmt::format("explain.label.{}", key)));
  };
  main.set("OUTCOME", draft.tr.text(diagnose::outcome_text_key(answer)));
  main.set("OUTCOME_CLASS", outcome_class(answer.outcome));
  main.set("T_FACTS", draft.text("code.facts"));
  if (refusal(answer.outcome)) {
    auto retried = main.add("RETRIED");
    label(retried, "retried");
    retried.set("TEXT", draft.tr.text(fmt::format("explain.retry.{}", knowledge::to_string(answer.retry))));
  }
  if (answer.persistence) {
    auto lasts = main.add("RETRIED");
    lasts.set("LABEL", draft.tr.text("fact.label.persistence"));
    lasts.set("TEXT", draft.tr.text(fmt::format("explain.persistence.{}", knowledge::to_string(*answer.persistence))));
  }
  if (!answer.emitters.empty()) {
    auto list = main.add("EMITTERS");
    list.set("LABEL", draft.tr.text("fact.label.emitters"));
    for (const auto emitter : answer.emitters) {
      list.add("ITEM").set("NAME", draft.tr.text(fmt::format("fact.emitter.{}", knowledge::to_string(emitter))));
    }
  }
  if (!answer.stages.empty()) {
    auto list = main.add("STAGES");
    label(list, "answers");
    for (const auto stage : answer.stages) set_stage(draft, list.add("ITEM"), stage);
  }
  add_codes(draft, main, "ENHANCED", answer.enhanced);
  main.set("L_ENHANCED",
           draft.tr.text(answer.enhanced.size() == 1 ? "explain.label.enhanced_one" : "explain.label.enhanced"));
  add_codes(draft, main, "BASIC", answer.basic);
  main.set("L_BASIC", draft.tr.text("explain.label.basic"));
  add_codes(draft, main, "RELATED", diagnose::related_besides(answer));
  main.set("L_RELATED", draft.tr.text("fact.label.related"));
  if (answer.standing) {
    auto standing = main.add("STANDING");
    standing.set("LABEL", draft.tr.text("fact.label.standing"));
    standing.set("TEXT", draft.tr.text(fmt::format("fact.standing.{}", knowledge::to_string(*answer.standing))));
  }
  if (!answer.defined.empty()) add_definitions(main.add("DEFINED"), answer.defined);
  main.set("L_DEFINED", draft.tr.text("explain.label.defined"));
  if (!answer.registry.empty()) {
    auto registry = main.add("REGISTRY");
    label(registry, "registry");
    registry.set("TEXT", answer.registry);
  }
}

// A section with a heading and an ITEM for each of what there is; nothing where there is nothing.
struct Section {
  std::string_view name, heading;
  std::string text;  // of the heading
  std::string_view item;
};
template <class Items, class Fill>
void add_section(Fields main, const Section& what, const Items& items, Fill fill) {
  if (items.empty()) return;
  auto section = main.add(what.name);
  section.set(what.heading, what.text);
  for (const auto& one : items) fill(section.add(what.item), one);
}

void add_steps(Draft& draft, Fields main, const Answer& answer) {
  // What a reader can do when it is somebody else's move is told of replies.
  const bool of_reason = answer.reply && answer.reply->reason != knowledge::Reason::unknown;
  const auto fill = [&](Fields item, const auto& step) {
    const auto role = draft.tr.text(fmt::format("explain.role.{}", knowledge::to_string(step.who)));
    item.set("ROLE", of_reason ? act_text(draft, step.who) : role);
    item.set("TEXT_HTML", draft.prose_of(step.text));
  };
  add_section(main, {"STEPS", "T_FIX", draft.text("code.fix"), "STEP"}, answer.steps, fill);
}

void add_confusions(Draft& draft, Fields main, const Answer& answer) {
  const auto fill = [&](Fields item, const auto& other) {
    set_code(draft, item, other.code);
    item.set("TEXT_HTML", draft.prose_of(other.text));
    const auto pair = comparison_item(std::vector<std::string>{answer.subject.substr(0, 3), other.code});
    if (!draft.site.exists({View::comparison, draft.place.language, pair})) return;
    auto link = item.add("COMPARE");
    link.set("HREF", draft.link(View::comparison, pair));
    link.set("NAME", draft.text("code.compare_with", {{"a", answer.subject.substr(0, 3)}, {"b", other.code}}));
  };
  add_section(main, {"CONFUSED", "T_NOT", draft.text("code.not_the_same"), "OTHER"}, answer.confused, fill);
}

void add_members(Draft& draft, Fields main, const Answer& answer) {
  const auto fill = [&](Fields item, const auto& member) {
    set_code(draft, item, member.code);
    item.set("NAME", draft.tr.text(member.text));
  };
  add_section(main, {"MEMBERS", "T_MEMBERS", draft.text("code.members"), "MEMBER"}, answer.members, fill);
}

// The same code with two meanings, and what decides.
void add_collisions(Draft& draft, Fields main, const Answer& answer) {
  const auto fill = [&](Fields item, const auto* collision) {
    if (answer.collisions.size() > 1 && !collision->codes.empty()) item.add("OF").set("CODE", collision->codes.front());
    for (const std::string_view part : {"standard", "elsewhere", "decides"}) {
      auto row = item.add("ROW");
      row.set("LABEL", draft.tr.text(fmt::format("fact.collision.{}", part)));
      row.set("TEXT_HTML", draft.prose_of(collision->text(part)));
    }
  };
  add_section(main, {"COLLISIONS", "T_COLLISION", draft.tr.text("fact.label.collision"), "COLLISION"},
              answer.collisions, fill);
}

void add_live_checks(Draft& draft, Fields main, const Answer& answer) {
  const auto fill = [&](Fields item, const auto* check) {
    item.set("COMMAND_HTML", command_line(check->command));
    item.set("TEXT_HTML", draft.prose_of(check->text()));
  };
  add_section(main, {"CHECKS", "T_CONFIRM", draft.tr.text("fact.label.confirm"), "CHECK"}, answer.live_checks, fill);
}

// Postil's own replies with this code: what an admin finds in the log of this very server.
void add_own_replies(Draft& draft, Fields main) {
  const auto& item = draft.place.item;
  std::optional<Fields> section;
  for (const auto& entry : reply::catalogue()) {
    const bool same = draft.place.view == View::code
                          ? fmt::to_string(entry.code) == item
                          : draft.place.view == View::status && entry.enhanced &&
                                fmt::format("{}.{}", entry.enhanced.subject, entry.enhanced.detail) == item.substr(2) &&
                                (item[0] == 'x' || item[0] - '0' == entry.enhanced.klass);
    if (!same) continue;
    if (!section) {
      section = main.add("OWN");
      section->set("T_OWN", draft.text("code.own"));
      section->set("T_OWN_TEXT", draft.text("code.own_text"));
    }
    auto row = section->add("REPLY");
    const auto enhanced = reply::to_string(entry.enhanced);
    row.set("LINE", fmt::format("{}{}{} {}", entry.code, enhanced.empty() ? "" : " ", enhanced, entry.text));
    row.set("TEXT_HTML", draft.prose_of(fmt::format("reply.{}.what", entry.key)));
  }
}

void add_comparisons(Draft& draft, Fields main, const Answer& answer) {
  if (draft.place.view != View::code) return;
  auto section = main.add("COMPARISONS");
  section.set("T_COMPARE", draft.text("code.compare"));
  section.set("T_ALL", draft.text("code.compare_all", {{"code", answer.subject}}));
  for (const auto& other : knowledge::basic_codes()) {
    const auto number = fmt::to_string(other.code);
    if (number == answer.subject) continue;
    const bool near = knowledge::find_pair(answer.subject, number) != nullptr ||
                      std::ranges::any_of(answer.confused, [&](const auto& c) { return c.code == number; });
    auto item = section.add(near ? "NEAR" : "FAR");
    item.set("HREF", draft.link(View::comparison, comparison_item(std::vector<std::string>{answer.subject, number})));
    item.set("NAME", draft.text("code.compare_with", {{"a", answer.subject}, {"b", number}}));
  }
}

void add_elsewhere(Draft& draft, Fields main, const Answer& answer) {
  auto data = main.add("DATA");
  data.set("T_DATA", draft.text("code.data"));
  data.set("T_TERMINAL", draft.text("code.terminal"));
  data.set("COMMAND_HTML", command_line("postil explain " + answer.subject));
  const Place card{View::card, draft.place.language, draft.place.item};
  if (draft.site.exists(card)) {
    auto embed = data.add("CARD");
    const auto address = draft.site.address(card);
    embed.set("T_CARD", draft.text("code.card"));
    embed.set("HREF", draft.links.to(card));
    embed.set("NAME", draft.text("code.card_link"));
    if (!address.empty()) {
      embed.add("ADDRESS").set("SNIPPET",
                               fmt::format("<iframe src=\"{}\" title=\"SMTP {}\" width=\"360\" height=\"240\" "
                                           "loading=\"lazy\"></iframe>",
                                           address, answer.subject));
    }
  }
}

}  // namespace

std::optional<Place> place_of_code(std::string_view code, const std::string& language) {
  const auto answer = diagnose::explain(code);
  if (!answer || to_lower(answer->subject) != to_lower(code)) return std::nullopt;
  std::string item = to_lower(code);
  switch (answer->kind) {
    case Kind::basic_code:
      if (knowledge::find_code(static_cast<knowledge::Code>(std::stoi(item))) == nullptr) return std::nullopt;
      return Place{View::code, language, item};
    case Kind::code_class:
      return Place{View::code_class, language, item};
    case Kind::subject:
      return Place{View::subject, language, item};
    case Kind::enhanced_code: {
      const auto parts = split(item, '.');
      const auto* status = knowledge::find_status(static_cast<std::uint16_t>(std::stoi(std::string(parts[1]))),
                                                  static_cast<std::uint16_t>(std::stoi(std::string(parts[2]))));
      if (status == nullptr) return std::nullopt;
      return Place{View::status, language, item};
    }
    default:
      return std::nullopt;
  }
}

void set_code(const Draft& draft, Fields fields, std::string_view code) {
  auto place = place_of_code(code, draft.place.language);
  fields.set("CODE", code);
  if (!place) {
    fields.show("PLAIN");
    return;
  }
  if (place->view == View::status || place->view == View::subject) place->item = "x" + place->item.substr(1);
  auto link = fields.add("LINK");
  link.set("HREF", draft.links.to(*place));
  link.set("CODE", code);
}

std::string act_text(const Draft& draft, knowledge::Role who) {
  return draft.tr.text("compare.row.act") + ": " +
         draft.tr.text(fmt::format("explain.role.{}", knowledge::to_string(who)));
}

std::string stage_text(const i18n::Translator& tr, knowledge::Stage stage) {
  return tr.text(fmt::format("explain.stage.{}", knowledge::to_string(stage)));
}

void set_stage(const Draft& draft, Fields fields, knowledge::Stage stage) {
  fields.set("HREF", draft.link(View::stage, std::string(knowledge::to_string(stage))));
  fields.set("NAME", stage_text(draft.tr, stage));
}

void set_texts(const Draft& draft, Fields fields, std::string_view page, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) fields.set("T_" + to_upper(key), draft.text(fmt::format("{}.{}", page, key)));
}

Fields begin_list(Draft& draft, std::string_view page) {
  draft.title = draft.text(fmt::format("{}.title", page));
  draft.description = draft.text(fmt::format("{}.intro", page));
  auto main = draft.frame.include("MAIN", fmt::format("{}.html", page));
  main.set("T_TITLE", draft.title);
  main.set("T_INTRO", draft.description);
  return main;
}

std::string outcome_class(Outcome outcome) {
  return fmt::format("outcome-{}", diagnose::to_string(outcome));
}

void add_definitions(Fields list, const std::vector<knowledge::Definition>& defined) {
  for (const auto& [document, section] : defined) {
    auto item = list.add("ITEM");
    if (!std::ranges::all_of(document, is_digit)) {
      item.add("DRAFT").set("NAME", document);
      continue;
    }
    auto rfc = item.add("RFC");
    rfc.set("NUMBER", document);
    rfc.set("HREF", fmt::format("https://www.rfc-editor.org/rfc/rfc{}{}", document,
                                section.empty() ? "" : "#section-" + section));
    if (!section.empty()) rfc.add("SECTION").set("S", section);
  }
}

void fill_transcript(Fields main, const std::vector<std::string>& transcript) {
  if (transcript.empty()) return;
  auto figure = main.add("TRANSCRIPT");
  std::string text;
  for (const auto& line : transcript) text += (text.empty() ? "" : "\n") + line;
  figure.set("LINES", text);
}

void fill_answer_fields(Draft& draft, Fields main, const Answer& answer) {
  main.set("SUBJECT", answer.subject);
  main.set("TITLE", draft.tr.text(answer.title));
  for (const auto& key : answer.what) main.add("WHAT").set("TEXT_HTML", draft.prose_of(key));
  for (const auto& key : answer.why) {
    auto why = main.add("WHY");
    why.set("LABEL", draft.tr.text("explain.label.why"));
    why.set("TEXT_HTML", draft.prose_of(key));
  }
  add_facts(draft, main, answer);
  if (!answer.when.empty() || !answer.transcript.empty()) {
    auto when = main.add("WHEN");
    when.set("T_WHEN", draft.text("code.when"));
    if (!answer.when.empty()) when.add("TEXT").set("TEXT_HTML", draft.prose_of(answer.when));
    fill_transcript(when, answer.transcript);
  }
  add_steps(draft, main, answer);
  if (!answer.other.empty()) {
    auto other = main.add("ELSEWHERE");
    other.set("T_ELSEWHERE", draft.text("code.elsewhere"));
    other.set("TEXT_HTML", draft.prose_of(answer.other));
  }
  add_collisions(draft, main, answer);
  add_live_checks(draft, main, answer);
  add_confusions(draft, main, answer);
  add_members(draft, main, answer);
}

bool fill_answer(Draft& draft) {
  const auto answer = diagnose::explain(draft.place.item);
  if (!answer) return false;
  draft.own_code = draft.place.item;
  const auto title = draft.tr.text(answer->title);
  const auto& item = draft.place.item;
  if (draft.place.view == View::status && item[0] == 'x') {
    const auto rest = item.substr(1);
    draft.title = draft.text("code.title_status", {{"code", "5" + rest}, {"other", "4" + rest}, {"title", title}});
  } else {
    draft.title = draft.text("code.title", {{"code", answer->subject}, {"title", title}});
  }
  draft.description = answer->what.empty() ? title : draft.tr.text(answer->what.back());
  if (draft.place.view == View::status || draft.place.view == View::subject) {
    if (item[0] != 'x') draft.canonical = Place{draft.place.view, draft.place.language, "x" + item.substr(1)};
  }
  auto main = draft.frame.include("MAIN", "answer.html");
  main.set("T_CODES", draft.text("nav.codes"));
  main.set("CODES", draft.link(View::codes));
  auto body = main.include("BODY", "answer_body.html");
  fill_answer_fields(draft, body, *answer);
  add_own_replies(draft, body);
  add_comparisons(draft, body, *answer);
  add_elsewhere(draft, body, *answer);
  return true;
}

Page card_page(const Site& site, const Place& place) {
  Draft draft(site, place, path_of(place));
  const auto answer = diagnose::explain(place.item);
  const auto page = place_of_code(place.item, place.language);
  draft.own_code = place.item;
  auto fields = draft.frame;
  fields.set("LANG", place.language);
  fields.set("DIR", direction(place.language));
  fields.set("SUBJECT", answer->subject);
  fields.set("TITLE", draft.tr.text(answer->title));
  fields.set("OUTCOME", draft.tr.text(diagnose::outcome_text_key(*answer)));
  fields.set("OUTCOME_CLASS", outcome_class(answer->outcome));
  fields.set("TEXT", answer->what.empty() ? "" : draft.tr.text(answer->what.front()));
  const auto address = site.address(*page);
  fields.set("HREF", address.empty() ? draft.links.to(*page) : address);
  fields.set("T_MORE", draft.text("card.more"));
  fields.set("STYLE", draft.links.asset("site.css"));
  if (site.options().files) fields.show("FILES");
  return {draft.sheet.expand("card.html"), place.language, false};
}

}  // namespace postil::console
