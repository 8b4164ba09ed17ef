// The report of a check in the terminal.
#pragma once

#include <iosfwd>
#include <vector>

#include "diagnose/findings.hpp"
#include "i18n/translator.hpp"

namespace postil::cli {

struct CheckShown {
  bool long_form = false;                // also the evidence of what is all right, and the conversations
  bool heading = false;                  // the subject first: one of several
  std::vector<diagnose::Word> words;     // only these; empty: all
  std::vector<diagnose::FindingId> ids;  // only these, and those of `parts`; empty: all
  diagnose::Parts parts;

  bool visible(diagnose::Word word) const;
  // A finding that says that nothing was found is for everybody.
  bool named(diagnose::FindingId id) const;
};

void write_check(std::ostream& out, const diagnose::Observations& seen, const std::vector<diagnose::Finding>& findings,
                 const i18n::Translator& tr, const CheckShown& shown);

// What a finding means: `postil explain MX-NULL`.
void write_finding_help(std::ostream& out, const diagnose::FindingEntry& finding, const i18n::Translator& tr);

}  // namespace postil::cli
