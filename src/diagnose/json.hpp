// The JSON forms of what diagnose finds; docs/schema/explain.json and compare.json describe them.
#pragma once

#include <string>

#include <cstddef>
#include <optional>

#include "diagnose/compare.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/explain.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {

// One line without end of line. Ids are stable and in no language; the texts are in tr's.
std::string to_json(const Answer& answer, const i18n::Translator& tr);
// line: the number of the log line that it is about, from 1.
std::string to_json(const Report& report, const i18n::Translator& tr, std::optional<std::size_t> line = {});
std::string to_json(const Comparison& comparison, const i18n::Translator& tr);
// schema: "explain" or "compare"; id: "not_understood"; message: a sentence; exit: a command's exit code, nothing on
// the web.
std::string error_json(std::string_view schema, std::string_view id, std::string_view message,
                       std::optional<int> exit = {});

}  // namespace postil::diagnose
