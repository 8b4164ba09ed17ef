// Finds every call of reply::make (and of the helpers refuse(), say() and close_with() around it) in the sources, and
// compares the names of its arguments with the text's. A wrong name would abort the program where that reply is due.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/bytes.hpp"
#include "reply/catalogue.hpp"

namespace postil::reply {

// From an opening bracket to behind the one that closes it; strings are passed over.
inline std::size_t end_of_bracket(std::string_view text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\';
    } else if (c == '(' || c == '{') {
      ++depth;
    } else if ((c == ')' || c == '}') && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

// The names in a list {{"name", value}, ...}; `list` begins with its bracket.
inline std::set<std::string> names_in(std::string_view list) {
  std::set<std::string> names;
  for (std::size_t at = 1; at < list.size();) {
    at = list.find('{', at);
    if (at == std::string_view::npos) break;
    const auto inner = list.substr(at, end_of_bracket(list, at) - at);
    if (inner.starts_with("{\"")) names.emplace(inner.substr(2, inner.find('"', 2) - 2));
    at += inner.size();
  }
  return names;
}

inline void check_call(std::string_view call, const std::string& where, int& checked) {
  const auto from = call.find("TextId::") + 8;
  auto to = from;
  while (to < call.size() && (is_alnum(call[to]) || call[to] == '_')) ++to;
  const Entry* entry = find_entry(call.substr(from, to - from));
  ASSERT_NE(entry, nullptr) << where << call;
  // Only calls with a literal list, or with none.
  auto rest = trim(call.substr(to));
  std::set<std::string> given;
  if (rest.starts_with(",")) {
    rest.remove_prefix(1);
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n')) rest.remove_prefix(1);
    if (!rest.starts_with("{")) return;
    given = names_in(rest.substr(0, end_of_bracket(rest, 0)));
  } else if (!rest.starts_with(")")) {
    return;
  }
  std::set<std::string> wanted;
  for (const auto name : argument_names(entry->text)) wanted.emplace(name);
  for (const auto& name : wanted) EXPECT_TRUE(given.contains(name)) << where << ": " << entry->key << " lacks " << name;
  ++checked;
}

inline void check_calls_in_sources() {
  int checked = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(std::string(POSTIL_SOURCE_DIR) + "/src")) {
    if (file.path().extension() != ".cpp") continue;
    std::ifstream in(file.path());
    std::ostringstream all;
    all << in.rdbuf();
    const std::string text = all.str();
    for (const std::string_view name : {"make(", "refuse(", "say(", "close_with("}) {
      for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
        const auto open = at + name.size() - 1;
        const std::string_view call = std::string_view(text).substr(open, end_of_bracket(text, open) - open);
        const auto id = call.find("TextId::");
        if (id == std::string_view::npos || id > 10) continue;
        check_call(call, file.path().filename().string(), checked);
      }
    }
  }
  EXPECT_GT(checked, 60) << "the calls are written otherwise now: this test sees none of them";
}

}  // namespace postil::reply
