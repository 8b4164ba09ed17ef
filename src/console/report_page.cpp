// What the box answers to a bounce or log lines: for each recipient what happened, whose move it is, what to do.
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "console/draft.hpp"
#include "diagnose/diagnosis.hpp"
#include "knowledge/checks.hpp"

namespace postil::console {
namespace {

using diagnose::Diagnosis;

void add_explanation(Draft& draft, Fields row, const Diagnosis& diagnosis) {
  const auto& explanation = *diagnosis.explanation;
  const auto& entry = knowledge::entry(explanation.reason);
  auto fields = row.add("EXPLAINED");
  fields.set("REASON", draft.tr.text(fmt::format("reason.{}.name", entry.key)));
  fields.set("HREF", draft.link(View::reasons) + "#" + std::string(entry.key));
  fields.set("L_LASTS", draft.tr.text("fact.label.persistence"));
  fields.set("LASTS",
             draft.tr.text(fmt::format("explain.persistence.{}", knowledge::to_string(explanation.persistence))));
  fields.set("L_CONFIDENCE", draft.tr.text("explain.label.confidence"));
  fields.set("CONFIDENCE",
             draft.tr.text(fmt::format("explain.confidence.{}", diagnose::to_string(explanation.confidence))));
  fields.set("WHAT_HTML", draft.prose_of(explanation.what));
  if (!explanation.why.empty()) {
    auto why = fields.add("WHY");
    why.set("LABEL", draft.tr.text("explain.label.why"));
    why.set("TEXT_HTML", draft.prose_of(explanation.why));
  }
  const auto& note = explanation.finding.note;
  if (!note.empty() && note != explanation.act_text) fields.add("NOTE").set("TEXT_HTML", draft.prose_of(note));
  fields.set("ROLE", act_text(draft, explanation.act));
  fields.set("DO_HTML", draft.prose_of(explanation.act_text));
  fields.set("T_PASTE", draft.text("report.paste"));
  fields.set("PASTE", diagnose::text_to_paste(diagnosis, draft.tr));
  const auto& refusal = diagnosis.observed.refusal;
  if (refusal.code != 0 || refusal.enhanced) {
    auto codes = fields.add("CODES");
    if (refusal.code != 0) set_code(draft, codes.add("ITEM"), fmt::to_string(refusal.code));
    if (refusal.enhanced) set_code(draft, codes.add("ITEM"), reply::to_string(refusal.enhanced));
  }
  if (const auto* check = knowledge::find_live_check(diagnosis.confirm.key)) {
    auto confirm = fields.add("CONFIRM");
    confirm.set("T_CONFIRM", draft.tr.text("fact.label.confirm"));
    // With the names that are known, otherwise with those of the examples.
    confirm.set("COMMAND_HTML",
                command_line(diagnosis.confirm.command.empty() ? check->command : diagnosis.confirm.command));
    confirm.set("TEXT_HTML", draft.prose_of(check->text()));
  }
}

}  // namespace

void fill_report(Draft& draft, Fields main, const diagnose::Report& report) {
  draft.title = draft.text(fmt::format("report.{}", diagnose::to_string(report.input)));
  auto fields = main.include("REPORT", "report.html");
  fields.set("T_TITLE", draft.title);
  if (report.truncated) fields.add("TRUNCATED").set("TEXT", draft.text("report.truncated"));
  for (const auto& diagnosis : report.recipients) {
    const auto& refusal = diagnosis.observed.refusal;
    auto row = fields.add("RECIPIENT");
    row.set("ADDRESS", refusal.address.empty() ? draft.text("report.no_address") : printable(refusal.address, 320));
    const auto& reply = diagnosis.observed.reply.empty() ? refusal.text : diagnosis.observed.reply;
    if (!reply.empty()) {
      auto quoted = row.add("QUOTED");
      quoted.set("T_QUOTED", draft.text("explain.quoted"));
      quoted.set("LINE", printable(reply, 2000));
      if (refusal.host.empty()) {
        quoted.show("NO_HOST");
      } else {
        quoted.add("HOST").set("NAME", printable(refusal.host, 255));
      }
    }
    if (refusal.delayed) row.add("DELAYED").set("TEXT", draft.text("report.delayed"));
    if (diagnosis.explanation) {
      add_explanation(draft, row, diagnosis);
    } else {
      row.add("NOTHING").set("TEXT", draft.text("report.nothing"));
    }
  }
}

}  // namespace postil::console
