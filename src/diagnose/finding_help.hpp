// What a finding of `postil check` means where nothing was looked at: `postil explain MX-NULL`, the box, the API.
#pragma once

#include <string>
#include <string_view>

#include "diagnose/explain.hpp"
#include "diagnose/findings.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {

// The finding whose id was meant, within a typing error or two, in any case; null: none is near.
const FindingEntry* nearest_finding(std::string_view id);
// "Did you mean MX-NULL?", for what is not understood: a finding or a reason; empty where none is near.
std::string did_you_mean(std::string_view id, const i18n::Translator& tr);
// Why understand() took the input for nothing, with what was meant.
std::string why_not_understood(std::string_view input, NotUnderstood why, const i18n::Translator& tr);

// Its sentence; an example stands for each literal.
std::string example_text(const FindingEntry& finding, const i18n::Translator& tr);
// What it means, and what to do.
std::string more_text(const FindingEntry& finding, const i18n::Translator& tr);

// postil.finding/1 of docs/schema/explain.json, on one line without end of line.
std::string to_json(const FindingEntry& finding, const i18n::Translator& tr);

}  // namespace postil::diagnose
