// Reading the facts in data/*.toml, for the other files of this module. The data are part of the program: what is
// wrong in them is a fault of the program and throws at the first use; tests read all of it.
#pragma once

#include <toml++/toml.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.hpp"
#include "knowledge/codes.hpp"

namespace postil {
std::span<const EmbeddedFile> knowledge_files();
}

namespace postil::knowledge {

[[noreturn]] void bad_data(std::string_view where, std::string_view what);

// Each table of each file in a folder of data ("codes/"), with its key.
template <class Use>
void each_table(std::string_view folder, Use use) {
  for (const auto& file : knowledge_files()) {
    if (!file.name.starts_with(folder)) continue;
    const toml::table root = toml::parse(file.content, file.name);
    for (const auto& [key, value] : root) {
      if (!value.is_table()) bad_data(file.name, key.str());
      use(std::string_view(key.str()), *value.as_table());
    }
  }
}

std::vector<std::string> strings(const toml::table& table, std::string_view key);
unsigned number(std::string_view text);
std::vector<Code> codes_of(const toml::table& table, std::string_view key);
std::vector<Definition> definitions_of(const toml::table& table);
std::optional<Reason> reason_of(const toml::table& table, std::string_view key);

// The words of an enum, by its to_string.
template <class Enum, std::size_t Count>
Enum word_of(std::string_view where, std::string_view name, const Enum (&all)[Count]) {
  for (Enum value : all) {
    if (to_string(value) == name) return value;
  }
  bad_data(where, name);
}

// Sorts codes as people list them: 250, 550, then 2.1.5, 5.1.1, 5.1.10.
bool code_before(std::string_view one, std::string_view other);

}  // namespace postil::knowledge
