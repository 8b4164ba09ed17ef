#include "message/header_block.hpp"

#include "base/bytes.hpp"

namespace postil::message {
namespace {

// The next line with its end; takes it off.
std::string_view take_line(std::string_view& text) {
  const auto lf = text.find('\n');
  const auto line = text.substr(0, lf == std::string_view::npos ? lf : lf + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_folded(std::string_view line) {
  return line.starts_with(' ') || line.starts_with('\t');
}

// The name of the field that the line begins; "" when it is none.
std::string_view field_name(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return {};
  const auto name = trim(line.substr(0, colon));
  if (is_folded(line)) return {};
  for (const char c : name)
    if (c <= ' ' || c >= 127) return {};
  return name;
}

}  // namespace

std::string_view header_block(std::string_view head) {
  auto rest = head;
  bool first = true;
  while (!rest.empty()) {
    const auto begin = rest;
    const auto line = without_end(take_line(rest));
    const bool part = is_folded(line) ? !first : !field_name(line).empty();
    if (!part) return head.substr(0, head.size() - begin.size());
    first = false;
  }
  return head;
}

std::optional<std::string> field(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const auto line = without_end(take_line(header));
    if (!iequals(field_name(line), name)) continue;
    std::string value(line.substr(line.find(':') + 1));
    while (is_folded(header)) value += without_end(take_line(header));
    return std::string(trim(value));
  }
  return {};
}

std::size_t count_fields(std::string_view header, std::string_view name) {
  std::size_t count = 0;
  while (!header.empty())
    if (iequals(field_name(take_line(header)), name)) ++count;
  return count;
}

}  // namespace postil::message
