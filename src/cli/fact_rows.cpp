#include "cli/fact_rows.hpp"
#include "i18n/list.hpp"

#include <fmt/format.h>

namespace postil::cli {

std::string emitters_text(const diagnose::Answer& answer, const i18n::Translator& tr) {
  std::vector<std::string> out;
  for (auto emitter : answer.emitters)
    out.push_back(tr.text(fmt::format("fact.emitter.{}", knowledge::to_string(emitter))));
  return i18n::list(out, tr);
}

std::string persistence_text(const diagnose::Answer& answer, const i18n::Translator& tr) {
  if (!answer.persistence) return {};
  return tr.text(fmt::format("explain.persistence.{}", knowledge::to_string(*answer.persistence)));
}

void add_fact_rows(Rows& rows, const diagnose::Answer& answer, const i18n::Translator& tr) {
  rows.add(tr.text("fact.label.emitters"), emitters_text(answer, tr));
  rows.add(tr.text("fact.label.persistence"), persistence_text(answer, tr));
  // That an RFC defines it is seen from the row with its number.
  if (answer.standing && *answer.standing != knowledge::Standing::rfc) {
    rows.add(tr.text("fact.label.standing"),
             tr.text(fmt::format("fact.standing.{}", knowledge::to_string(*answer.standing))));
  }
  for (const auto* collision : answer.collisions) {
    // Of a pair both codes may have two meanings.
    const auto about = answer.collisions.size() > 1 ? collision->codes.front() : std::string();
    rows.add(tr.text("fact.collision.standard"), tr.text(collision->text("standard")), about);
    rows.add(tr.text("fact.collision.elsewhere"), tr.text(collision->text("elsewhere")));
    rows.add(tr.text("fact.collision.decides"), tr.text(collision->text("decides")));
  }
  std::string label = tr.text("fact.label.confirm");
  for (const auto* check : answer.live_checks) {
    rows.add(label, check->command);
    rows.add("", tr.text(check->text()));
    label.clear();
  }
  rows.add(tr.text("fact.label.related"), i18n::list(diagnose::related_besides(answer), tr));
}

}  // namespace postil::cli
