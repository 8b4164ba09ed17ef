#include "config/toml_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::config {
namespace {

constexpr std::size_t errors_max = 20;
constexpr std::size_t starts_tried_max = 64;
constexpr std::string_view unread_prefix = "-unread-";

using Lines = std::vector<std::string>;

std::string joined(const Lines& lines, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += lines[i] + '\n';
  return out;
}

// "key =" or "[name]": another statement, whatever is open before it.
bool starts_statement(std::string_view line) {
  line = trim(line);
  const bool header = line.starts_with('[');
  const auto end = line.find_first_of(header ? "#" : "=");
  if (!header && end == std::string_view::npos) return false;
  const auto name = trim(line.substr(0, end));
  return !name.empty() && std::ranges::all_of(name, [&](char c) {
    return is_alnum(c) || std::string_view("-_.\"' ").find(c) != std::string_view::npos ||
           (header && (c == '[' || c == ']'));
  });
}

// Where the statement begins that the parser gave up at: what stands before it is right.
std::size_t start_of(const Lines& lines, std::size_t at) {
  std::size_t tried = 0;
  for (std::size_t line = at; tried < starts_tried_max; --line) {
    if (line == at || starts_statement(lines[line])) {
      ++tried;
      if (toml::parse(joined(lines, line))) return line;
    }
    if (line == 0) break;
  }
  return at;
}

// A header without its brackets is one too: better a table too few looked at than keys taken for another table's.
bool was_header(std::string_view line) {
  return trim(line).starts_with('[') || line.substr(0, line.find('#')).find('=') == std::string_view::npos;
}

void take_out(Lines& lines, std::size_t start, std::size_t number) {
  if (was_header(lines[start])) {
    lines[start] = fmt::format("[{}{}]", unread_prefix, number);
    return;
  }
  lines[start].clear();
  for (auto line = start + 1; line < lines.size() && !starts_statement(lines[line]); ++line) lines[line].clear();
}

}  // namespace

bool unread_table(std::string_view name) {
  return name.starts_with(unread_prefix);
}

TomlText read_toml(const std::string& text, const std::string& name) {
  TomlText out;
  auto parsed = toml::parse(text, name);
  Lines lines;
  while (!parsed && out.errors.size() < errors_max) {
    const auto at = parsed.error().source().begin;
    std::string detail(parsed.error().description());  // may quote the end of a line
    std::erase_if(detail, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    out.errors.push_back({at.line, at.column, std::move(detail)});
    if (lines.empty()) {
      for (auto line : split(text, '\n'))
        lines.emplace_back(line.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0)));
    }
    const auto start = start_of(lines, std::min<std::size_t>(at.line > 0 ? at.line - 1 : 0, lines.size() - 1));
    if (trim(lines[start]).empty()) break;
    take_out(lines, start, out.errors.size());
    parsed = toml::parse(joined(lines, lines.size()), name);
  }
  out.more = !parsed;
  if (parsed) out.table = std::move(parsed).table();
  const auto place = [](const SyntaxError& error) { return std::pair(error.line, error.column); };
  std::ranges::stable_sort(out.errors, {}, place);
  return out;
}

}  // namespace postil::config
