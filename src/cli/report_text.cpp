#include "cli/report_text.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/answer_text.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

using diagnose::Diagnosis;
using i18n::Translator;

std::string outcome_of(const Diagnosis& diagnosis, const Translator& tr) {
  return tr.text(fmt::format("diagnosis.outcome.{}", dsn::to_string(diagnosis.observed.action)));
}

std::string reason_key(const Diagnosis& diagnosis, std::string_view what) {
  return fmt::format("reason.{}.{}", knowledge::entry(diagnosis.explanation->reason).key, what);
}

std::string heading(const Diagnosis& diagnosis, const Translator& tr, std::size_t cells) {
  std::string title = diagnosis.observed.refusal.address;
  if (!title.empty()) title += "  ";
  title += diagnosis.explanation ? tr.text(reason_key(diagnosis, "name")) : outcome_of(diagnosis, tr);
  const auto outcome = diagnosis.explanation ? outcome_of(diagnosis, tr) : std::string();
  const auto used = i18n::width_cells(title) + i18n::width_cells(outcome);
  if (outcome.empty()) return title;
  return title + std::string(used + 3 <= cells ? cells - used : 3, ' ') + outcome;
}

std::string quoted(const Diagnosis& diagnosis, const Translator& tr) {
  const auto& [refusal, action, reply] = diagnosis.observed;
  if (!reply.empty() && !refusal.host.empty() && refusal.side == diagnose::Side::remote) {
    return tr.text("diagnosis.reply_of", {{"host", refusal.host}, {"reply", reply}});
  }
  if (!reply.empty()) return tr.text("diagnosis.reply", {{"reply", reply}});
  return refusal.text.empty() ? std::string() : tr.text("diagnosis.said", {{"text", refusal.text}});
}

void add_evidence(Rows& rows, const Diagnosis& diagnosis, const diagnose::Report& report, const Translator& tr) {
  const auto& refusal = diagnosis.observed.refusal;
  const auto& found = *diagnosis.explanation;
  const auto& finding = found.finding;
  const auto label = [&tr](std::string_view name) { return tr.text(fmt::format("diagnosis.label.{}", name)); };
  rows.add(label("group"), tr.text(fmt::format("reason.group.{}", knowledge::to_string(found.group))));
  rows.add(label("persistence"),
           tr.text(fmt::format("explain.persistence.{}", knowledge::to_string(found.persistence))));
  const auto stage = refusal.stage != knowledge::Stage::any ? refusal.stage : finding.stage;
  if (stage != knowledge::Stage::any) {
    rows.add(label("phase"), tr.text(fmt::format("explain.stage.{}", knowledge::to_string(stage))));
  }
  rows.add(label("side"), tr.text(fmt::format("diagnosis.side.{}", diagnose::to_string(refusal.side))));
  rows.add(label("host"), refusal.host);
  rows.add(label("software"), report.mta);
  rows.add(label("vendor"), finding.vendor);
  rows.add(label("evidence"), finding.matched);
  rows.add(label("list"), finding.list);
  rows.add(label("rule"), finding.rule);
  rows.add(label("confidence"),
           fmt::format("{:.2f} ({})", finding.confidence,
                       tr.text(fmt::format("explain.confidence.{}", diagnose::to_string(found.confidence)))));
}

void write_one(std::ostream& out, const Diagnosis& diagnosis, const diagnose::Report& report, const Translator& tr,
               bool long_form) {
  out << heading(diagnosis, tr, line_cells_of(out)) << '\n';
  if (!diagnosis.explanation) {
    const auto said = quoted(diagnosis, tr);
    if (!said.empty()) write_paragraph(out, said);
    return;
  }
  const auto& found = *diagnosis.explanation;
  write_paragraph(out, tr.text(found.what));
  const auto said = quoted(diagnosis, tr);
  if (!said.empty()) write_paragraph(out, said);
  out << '\n';
  Rows rows;
  const bool unknown = found.reason == knowledge::Reason::unknown;
  if (unknown || long_form || found.confidence != diagnose::Confidence::certain) {
    if (!found.why.empty()) rows.add(tr.text("diagnosis.label.why"), tr.text(found.why));
  }
  add_act(rows, found.act, tr.text(found.act_text), tr);
  if (!found.finding.note.empty() && found.finding.note != found.act_text)
    rows.add(tr.text("diagnosis.label.note"), tr.text(found.finding.note));
  if (const auto* check = knowledge::find_live_check(diagnosis.confirm.key)) {
    // With the names that are known, otherwise with those of the examples.
    const auto& command = diagnosis.confirm.command.empty() ? check->command : diagnosis.confirm.command;
    rows.add(tr.text("diagnosis.label.confirm"), command);
    rows.add("", tr.text(check->text()));
  }
  if (long_form) add_evidence(rows, diagnosis, report, tr);
  rows.write(out);
  if (!long_form) return;
  out << '\n' << "  " << tr.text("diagnosis.label.paste") << ":\n";
  std::string line;
  for (const char c : text_to_paste(diagnosis, tr) + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    for (const auto& part : i18n::wrap(line, line_cells_of(out) - 4)) out << "    " << part << '\n';
    line.clear();
  }
}

}  // namespace

void write_report(std::ostream& out, const diagnose::Report& report, const Translator& tr, bool long_form) {
  bool first = true;
  for (const auto& diagnosis : report.recipients) {
    if (!first) out << '\n';
    first = false;
    write_one(out, diagnosis, report, tr, long_form);
  }
  if (report.truncated) out << '\n' << tr.text("diagnosis.truncated") << '\n';
}

void write_report_lines(std::ostream& out, const diagnose::Report& report, const Translator& tr) {
  for (const auto& diagnosis : report.recipients) {
    const auto& refusal = diagnosis.observed.refusal;
    const auto& said = diagnosis.observed.reply.empty() ? refusal.text : diagnosis.observed.reply;
    out << (refusal.address.empty() ? "-" : refusal.address) << "  ";
    if (diagnosis.explanation) {
      out << knowledge::entry(diagnosis.explanation->reason).key << "  " << tr.text(reason_key(diagnosis, "name"))
          << " [" << outcome_of(diagnosis, tr) << ']';
    } else {
      out << '[' << outcome_of(diagnosis, tr) << ']';
    }
    if (!said.empty()) out << "  " << said;
    out << '\n';
  }
}

}  // namespace postil::cli
