#include "cli/answer_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ios>
#include <ostream>

#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t line_cells_min = 50;
constexpr std::size_t text_cells_min = 16;  // beside labels

int width_slot() {
  static const int slot = std::ios_base::xalloc();
  return slot;
}

}  // namespace

std::size_t line_cells_of(std::ostream& out) {
  const long narrow = out.iword(width_slot());
  return narrow > 0 ? static_cast<std::size_t>(narrow) : line_cells;
}

void set_terminal_cells(std::ostream& out, std::size_t cells) {
  out.iword(width_slot()) = static_cast<long>(std::clamp(cells, line_cells_min, line_cells));
}

void write_wrapped(std::ostream& out, const std::string& text) {
  for (const auto& line : i18n::wrap(text, line_cells_of(out))) out << line << '\n';
}

void Rows::add(std::string label, std::string text, std::string item) {
  if (text.empty()) return;
  item_width_ = std::max(item_width_, i18n::width_cells(item));
  rows_.push_back({std::move(label), std::move(item), std::move(text)});
}

void Rows::write(std::ostream& out) const {
  std::size_t width = 0;
  for (const auto& row : rows_) width = std::max(width, i18n::width_cells(row.label));
  for (const auto& row : rows_) {
    std::string start = "  " + i18n::pad(row.label, width + 3);
    if (!row.item.empty()) start += i18n::pad(row.item, item_width_ + 2);
    const auto indent = i18n::width_cells(start);
    const auto room = std::max(line_cells_of(out), indent + text_cells_min) - indent;
    for (const auto& line : i18n::wrap(row.text, room)) {
      out << start << line << '\n';
      start.assign(indent, ' ');
    }
  }
}

void write_paragraph(std::ostream& out, const std::string& text) {
  for (const auto& line : i18n::wrap(text, line_cells_of(out) - 2)) out << "  " << line << '\n';
}

void add_act(Rows& rows, knowledge::Role who, const std::string& text, const i18n::Translator& tr) {
  rows.add(tr.text("compare.row.act"), tr.text(fmt::format("explain.role.{}", knowledge::to_string(who))));
  rows.add(tr.text("web.code.fix"), text);
}

std::string outcome_text(const diagnose::Answer& answer, const i18n::Translator& tr) {
  return tr.text(diagnose::outcome_text_key(answer));
}

std::string what_text(const diagnose::Answer& answer, const i18n::Translator& tr) {
  std::string text;
  for (const auto& key : answer.what) text += (text.empty() ? "" : " ") + tr.text(key);
  return text;
}

void write_answer_head(std::ostream& out, const diagnose::Answer& answer, const i18n::Translator& tr, bool long_form) {
  const std::string title = answer.subject + "  " + tr.text(answer.title);
  const std::string state = outcome_text(answer, tr);
  const auto used = i18n::width_cells(title) + i18n::width_cells(state);
  const auto cells = line_cells_of(out);
  out << title << std::string(used + 3 <= cells ? cells - used : 3, ' ') << state << '\n';
  write_paragraph(out, what_text(answer, tr));
  if (!answer.quoted.empty()) write_paragraph(out, tr.text("explain.their_text", {{"reply", answer.quoted}}));

  Rows first;
  for (const auto& key : answer.why) first.add(tr.text("explain.label.why"), tr.text(key));
  if (!answer.when.empty() && (long_form || answer.steps.empty()))
    first.add(tr.text("explain.label.when"), tr.text(answer.when));
  const bool of_reason = answer.reply && answer.reply->reason != knowledge::Reason::unknown;
  for (const auto& step : answer.steps) {
    if (of_reason && &step == &answer.steps.front()) {
      add_act(first, step.who, tr.text(step.text), tr);
    } else if (of_reason) {
      first.add(tr.text("diagnosis.label.note"), tr.text(step.text));  // what stands behind this reply
    } else {
      first.add(tr.text(fmt::format("explain.role.{}", knowledge::to_string(step.who))), tr.text(step.text));
    }
  }
  if (!answer.other.empty()) first.add(tr.text("explain.label.elsewhere"), tr.text(answer.other));
  if (!first.empty()) out << '\n';
  first.write(out);
}

}  // namespace postil::cli
