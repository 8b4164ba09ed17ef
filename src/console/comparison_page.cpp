// Comparisons: the page about two or three codes, and the list of those that were written by hand.
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "i18n/list.hpp"
#include "knowledge/pairs.hpp"

namespace postil::console {
namespace {

using diagnose::Answer;
using diagnose::Comparison;

std::string sentence(const Draft& draft, const diagnose::Sentence& words) {
  return draft.tr.text(words.text, words.args);
}

// The table: one row for what can be told of a side, a cell for each side.
class Table {
 public:
  Table(Draft& draft, Fields main, const Comparison& comparison)
      : draft_(draft), main_(main), comparison_(comparison) {}

  // write(cell, side): false when there is nothing to say.
  template <class Write>
  void row(std::string_view key, Write write) {
    named_row(draft_.tr.text(fmt::format("compare.row.{}", key)), write);
  }

  template <class Write>
  void named_row(std::string_view label, Write write) {
    const bool any = std::ranges::any_of(comparison_.sides, [&](const Answer& side) { return write(nullptr, side); });
    if (!any) return;
    auto row = main_.add("ROW");
    row.set("LABEL", label);
    for (const auto& side : comparison_.sides) {
      auto cell = row.add("CELL");
      cell.set("SIDE", side.subject);
      if (!write(&cell, side)) cell.show("NOTHING");
    }
  }

 private:
  Draft& draft_;
  Fields main_;
  const Comparison& comparison_;
};

void add_codes(const Draft& draft, Fields cell, const std::vector<std::string>& codes) {
  for (const auto& code : codes) set_code(draft, cell.add("ITEM"), code);
}

void fill_table(Draft& draft, Fields main, const Comparison& comparison) {
  Table table(draft, main, comparison);
  table.row("means", [&](Fields* cell, const Answer& side) {
    if (cell) cell->add("TEXT").set("TEXT_HTML", draft.prose_of(side.what.front()));
    return !side.what.empty();
  });
  table.named_row(draft.text("code.when"), [&](Fields* cell, const Answer& side) {
    if (cell && !side.when.empty()) cell->add("TEXT").set("TEXT_HTML", draft.prose_of(side.when));
    return !side.when.empty();
  });
  table.row("result", [&](Fields* cell, const Answer& side) {
    if (cell) {
      auto badge = cell->add("BADGE");
      badge.set("CLASS", outcome_class(side.outcome));
      badge.set("NAME", draft.tr.text(diagnose::outcome_text_key(side)));
    }
    return true;
  });
  table.row("answers", [&](Fields* cell, const Answer& side) {
    if (!cell || side.stages.empty()) return !side.stages.empty();
    auto list = cell->add("LIST");
    for (const auto stage : side.stages) set_stage(draft, list.add("STAGE"), stage);
    return true;
  });
  table.row("emitters", [&](Fields* cell, const Answer& side) {
    std::vector<std::string> emitters;
    for (const auto emitter : side.emitters)
      emitters.push_back(draft.tr.text(fmt::format("fact.emitter.{}", knowledge::to_string(emitter))));
    if (cell && !emitters.empty()) cell->add("TEXT").set("TEXT_HTML", draft.markup(i18n::list(emitters, draft.tr)));
    return !emitters.empty();
  });
  table.row("act", [&](Fields* cell, const Answer& side) {
    std::vector<std::string> roles;
    for (const auto& step : side.steps) {
      roles.push_back(draft.tr.text(fmt::format("explain.role.{}", knowledge::to_string(step.who))));
      if (step.who == knowledge::Role::nobody) break;  // what others may do all the same is advice for later
    }
    if (cell) cell->add("TEXT").set("TEXT_HTML", draft.markup(i18n::list(roles, draft.tr)));
    return !roles.empty();
  });
  table.row("retried", [&](Fields* cell, const Answer& side) {
    const auto key = fmt::format("compare.short_retry.{}", knowledge::to_string(side.retry));
    if (cell) cell->add("TEXT").set("TEXT_HTML", draft.prose_of(key));
    return true;
  });
  table.row("persistence", [&](Fields* cell, const Answer& side) {
    if (!side.persistence) return false;
    const auto key = fmt::format("explain.persistence.{}", knowledge::to_string(*side.persistence));
    if (cell) cell->add("TEXT").set("TEXT_HTML", draft.prose_of(key));
    return true;
  });
  table.row("enhanced", [&](Fields* cell, const Answer& side) {
    if (cell && !side.enhanced.empty()) add_codes(draft, cell->add("LIST"), side.enhanced);
    return !side.enhanced.empty();
  });
  table.row("defined", [&](Fields* cell, const Answer& side) {
    if (!cell || side.defined.empty()) return !side.defined.empty();
    std::vector<std::string> seen;
    auto list = cell->add("LIST");
    for (const auto& [document, section] : side.defined) {
      if (std::ranges::find(seen, document) != seen.end()) continue;
      seen.push_back(document);
      if (!std::ranges::all_of(document, is_digit)) {
        list.add("WORD").set("NAME", document);
        continue;
      }
      auto rfc = list.add("RFC");
      rfc.set("NUMBER", document);
      rfc.set("HREF", fmt::format("https://www.rfc-editor.org/rfc/rfc{}{}", document,
                                  section.empty() ? "" : "#section-" + section));
    }
    return true;
  });
}

void add_finding(const Draft& draft, Fields both, std::string_view key, bool yes, const diagnose::Sentence& words) {
  auto item = both.add("ANSWER");
  item.set("LABEL", draft.text(fmt::format("compare.{}", key)));
  item.set("YES_NO", draft.text(yes ? "compare.yes" : "compare.no"));
  item.set("CLASS", yes ? "yes" : "no");
  item.set("TEXT_HTML", draft.markup(sentence(draft, words)));
}

// "1  C: AUTH PLAIN ...   S: 235 2.7.0 logged in" as two lines, "1  C: ..." and "1  S: ...": a page is narrower than
// two columns.
std::vector<std::string> one_below_the_other(const std::vector<std::string>& transcript) {
  std::vector<std::string> out;
  for (const std::string_view line : transcript) {
    const auto server = line.find("  S: ");
    const auto client_end = line.find_last_not_of(' ', server);
    const auto mark = line.substr(0, line.find_first_not_of("0123456789: "));  // which connection, or when
    if (server == std::string_view::npos || client_end == std::string_view::npos || client_end < mark.size()) {
      out.emplace_back(line);
      continue;
    }
    out.emplace_back(line.substr(0, client_end + 1));
    out.push_back(std::string(mark) + std::string(line.substr(server + 2)));
  }
  return out;
}

}  // namespace

bool fill_comparison(Draft& draft) {
  const auto codes = codes_of_comparison(draft.place.item);
  if (codes.size() < 2) return false;
  const auto comparison = diagnose::compare(codes);
  if (!comparison) return false;
  std::string names;
  for (const auto& code : codes) names += (names.empty() ? "" : " / ") + code;
  draft.title = draft.text("compare.title", {{"codes", names}});
  draft.description = sentence(draft, comparison->pairs.front().verdict);
  draft.indexed = std::ranges::all_of(comparison->pairs, [](const auto& pair) { return pair.reviewed; });

  auto main = draft.frame.include("MAIN", "comparison.html");
  main.set("T_COMPARISONS", draft.text("nav.compare"));
  main.set("COMPARISONS", draft.link(View::comparisons));
  main.set("T_TABLE", draft.text("compare.table"));
  main.set("T_BOTH", draft.tr.text("compare.can_both"));
  main.set("T_IF", draft.text("code.fix"));
  for (std::size_t i = 0; i < comparison->sides.size(); ++i) {
    const auto& side = comparison->sides[i];
    auto head = main.add("SIDE");
    if (i > 0) head.show("NOT_FIRST");
    set_code(draft, head, side.subject);
    head.set("TITLE", draft.tr.text(side.title));
    head.set("OUTCOME_CLASS", outcome_class(side.outcome));
    auto see = main.add("SEE");
    see.set("LABEL", draft.tr.text("compare.if_you_see", {{"code", side.subject}}));
    see.set("TEXT_HTML", draft.markup(sentence(draft, comparison->if_you_see[i])));
  }
  fill_table(draft, main, *comparison);
  for (const auto& pair : comparison->pairs) {
    main.add("VERDICT").set("TEXT_HTML", draft.markup(sentence(draft, pair.verdict)));
    auto both = main.add("BOTH");
    if (comparison->pairs.size() > 1) both.add("PAIR").set("NAME", pair.a + " / " + pair.b);
    add_finding(draft, both, "one_session", pair.one_session == diagnose::Verdict::yes, pair.session);
    add_finding(draft, both, "one_delivery", pair.one_delivery == diagnose::Verdict::yes, pair.delivery);
    fill_transcript(both, one_below_the_other(pair.transcript));
  }
  auto data = main.add("DATA");
  data.set("T_TERMINAL", draft.text("code.terminal"));
  std::string command = "postil compare";
  for (const auto& code : codes) command += " " + code;
  data.set("COMMAND_HTML", command_line(command));
  return true;
}

bool fill_comparisons(Draft& draft) {
  auto main = begin_list(draft, "comparisons");
  set_texts(draft, main, "comparisons", {"choose", "first", "second", "button", "any", "list"});
  main.set("ACTION", draft.link(View::comparisons));
  if (draft.site.options().files) main.show("FILES");
  for (const auto& code : knowledge::basic_codes()) {
    auto option = main.add("OPTION");
    option.set("CODE", fmt::to_string(code.code));
    option.set("NAME", draft.tr.text(fmt::format("code.{}.title", code.code)));
  }
  for (const auto& pair : knowledge::reviewed_pairs()) {
    const auto item = comparison_item(std::vector<std::string>{pair.a, pair.b});
    if (!draft.site.exists({View::comparison, draft.place.language, item})) continue;
    auto row = main.add("ROW");
    row.set("HREF", draft.link(View::comparison, item));
    row.set("A", pair.a);
    row.set("B", pair.b);
    row.set("TEXT_HTML", draft.prose_of(pair.key() + ".verdict"));
  }
  return true;
}

}  // namespace postil::console
