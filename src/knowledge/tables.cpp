#include "knowledge/tables.hpp"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "base/bytes.hpp"

namespace postil::knowledge {

void bad_data(std::string_view where, std::string_view what) {
  throw std::logic_error(fmt::format("data/{}: {}", where, what));
}

std::vector<std::string> strings(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  const auto* array = table[key].as_array();
  if (array == nullptr) return out;
  for (const auto& item : *array) {
    const auto text = item.value<std::string>();
    if (!text) bad_data(key, "not a string");
    out.push_back(*text);
  }
  return out;
}

unsigned number(std::string_view text) {
  unsigned value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) bad_data(text, "not a number");
  return value;
}

std::vector<Code> codes_of(const toml::table& table, std::string_view key) {
  std::vector<Code> out;
  for (const auto& text : strings(table, key)) out.push_back(static_cast<Code>(number(text)));
  return out;
}

std::vector<Definition> definitions_of(const toml::table& table) {
  std::vector<Definition> out;
  for (const auto& text : strings(table, "defined")) {
    const auto space = text.find(' ');
    out.push_back({text.substr(0, space), space == std::string::npos ? std::string() : text.substr(space + 1)});
  }
  return out;
}

std::optional<Reason> reason_of(const toml::table& table, std::string_view key) {
  const auto name = table[key].value<std::string_view>();
  if (!name) return std::nullopt;
  const auto* found = find_reason(*name);
  if (found == nullptr) bad_data(*name, "no such reason");
  return found->reason;
}

bool code_before(std::string_view one, std::string_view other) {
  const auto numbers = [](std::string_view code) {
    std::vector<unsigned> out;
    for (const auto part : split(code, '.')) out.push_back(part == "x" ? 0 : number(part));
    return out;
  };
  const auto a = numbers(one);
  const auto b = numbers(other);
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace postil::knowledge
