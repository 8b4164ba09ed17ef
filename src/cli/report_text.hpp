// A report (bounce, log lines) in the terminal.
#pragma once

#include <iosfwd>

#include "diagnose/diagnosis.hpp"
#include "i18n/translator.hpp"

namespace postil::cli {

// For each recipient: reason and outcome, what happened, who does what. long_form: with all evidence and a text to pass
// on.
void write_report(std::ostream& out, const diagnose::Report& report, const i18n::Translator& tr, bool long_form);

// One line: address, the reason's id, its name, the outcome, what was said.
void write_report_lines(std::ostream& out, const diagnose::Report& report, const i18n::Translator& tr);

}  // namespace postil::cli
