// The part of a report that people read: what happened, why, what to do, whose move it is, whether it is tried again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsn/report.hpp"

namespace postil::dsn {

struct HumanPart {
  std::string subject;                      // UTF-8, in the reader's language
  std::string text;                         // UTF-8, lines with LF
  std::vector<std::string_view> languages;  // of the text: "de", "en"
};
HumanPart human_part(const Report& report);

// What the reason and the codes tell of a recipient that failed or is late: texts bounce.advice.ID.what and .do,
// bounce.who.WHO.
struct Advice {
  std::string_view id;
  std::string_view who;  // "you", "your_admin", "recipient", "their_admin"
  knowledge::Reason cause = knowledge::Reason::unknown;
  // Where no reason says the same: the one under whose name the report is explained, in the words of the advice.
  knowledge::Reason nearest = knowledge::Reason::unknown;
};
Advice advice_of(Kind kind, const queue::RecipientState& state);
Told told_by_code(Kind kind, const queue::RecipientState& state);
// The same of report.recipients[at], whose refusal may have been understood.
Told told_of(const Report& report, std::size_t at);
// All that advice_of can give; for a test that each has its texts.
const std::vector<Advice>& all_advice();

}  // namespace postil::dsn
