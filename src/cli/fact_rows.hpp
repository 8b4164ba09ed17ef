// The facts about a code that `explain --long` shows below the explanation: who says it, how long it lasts, where it is
// defined or only seen, its two meanings, what would confirm it.
#pragma once

#include "cli/answer_text.hpp"

namespace postil::cli {

void add_fact_rows(Rows& rows, const diagnose::Answer& answer, const i18n::Translator& tr);

// "the server that one logs in to, a server on the way"
std::string emitters_text(const diagnose::Answer& answer, const i18n::Translator& tr);
// "until somebody changes something"; empty for what is no refusal.
std::string persistence_text(const diagnose::Answer& answer, const i18n::Translator& tr);

}  // namespace postil::cli
