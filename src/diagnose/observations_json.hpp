// Observations as a file: `postil check --save` and `--replay` (docs/schema/observations.json).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "diagnose/findings.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {

inline constexpr std::size_t observations_octets_max = 32 * 1024 * 1024;

std::string to_json(const Observations& seen);
// What to_json() wrote, by this version of the schema. The file may come from anybody: everything in it is checked and
// bounded. The error is an English sentence that says what is wrong with it.
std::expected<Observations, std::string> read_observations(std::string_view json);

// The report of one subject (docs/schema/check.json): findings with their texts in tr's language, one line. words: only
// findings of these stand in it, none: of all; all are counted.
std::string to_json(const Observations& seen, const std::vector<Finding>& findings, const i18n::Translator& tr,
                    const std::vector<Word>& words = {});

}  // namespace postil::diagnose
