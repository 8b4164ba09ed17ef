// A file as TOML, with every mistake of its writing. The parser stops at the first one; here its statement is taken out
// and the rest is read again, so that the mistakes below are told too, and what is right is looked at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/toml.hpp"

namespace postil::config {

struct SyntaxError {
  std::uint32_t line = 0, column = 0;  // from 1
  std::string detail;                  // English, from the parser
};

struct TomlText {
  toml::table table;                // of the statements that can be read
  std::vector<SyntaxError> errors;  // in the order of the file
  bool more = false;                // there are more than are told
};

TomlText read_toml(const std::string& text, const std::string& name);
// The table that stands where a [header] could not be read: what is below belongs to nobody knows which table.
bool unread_table(std::string_view name);

}  // namespace postil::config
