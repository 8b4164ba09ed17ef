#include "mailauth/dkim_tags.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t tags_max = 64;
constexpr std::string_view white = " \t\r\n";

bool good_name(std::string_view name) {
  return !name.empty() && is_alpha(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
}

// VALCHAR, white space, and UTF-8, which notes may hold. [rfc6376 3.2] [rfc8616 4]
bool good_letter(char c) {
  return is_8bit(c) || (c >= '!' && c <= '~' && c != ';') || white.find(c) != std::string_view::npos;
}

}  // namespace

std::string_view to_string(DkimTagError error) {
  switch (error) {
    case DkimTagError::no_equals:
      return "no_equals";
    case DkimTagError::bad_name:
      return "bad_name";
    case DkimTagError::bad_value:
      return "bad_value";
    case DkimTagError::twice:
      return "twice";
    case DkimTagError::too_many:
      break;
  }
  return "too_many";
}

std::string_view trim_folding(std::string_view text) {
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

std::expected<DkimTags, DkimTagProblem> parse_dkim_tags(std::string_view text) {
  DkimTags tags;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string_view all = text.substr(at, end - at);
    const std::string_view tag = trim_folding(all);
    if (tag.empty() && end == text.size()) break;
    const auto equals = all.find('=');
    if (equals == std::string_view::npos) return std::unexpected(DkimTagProblem{DkimTagError::no_equals, at});
    DkimTag found;
    found.name = trim_folding(all.substr(0, equals));
    found.position = at + (found.name.empty() ? 0 : static_cast<std::size_t>(found.name.data() - all.data()));
    found.raw_begin = at + equals + 1;
    found.raw_end = end;
    found.value = trim_folding(all.substr(equals + 1));
    if (!good_name(found.name)) return std::unexpected(DkimTagProblem{DkimTagError::bad_name, found.position});
    const auto bad = std::ranges::find_if_not(found.value, good_letter);
    if (bad != found.value.end()) {
      const auto where = static_cast<std::size_t>(&*bad - text.data());
      return std::unexpected(DkimTagProblem{DkimTagError::bad_value, where});
    }
    if (find_tag(tags, found.name)) return std::unexpected(DkimTagProblem{DkimTagError::twice, found.position});
    if (tags.size() == tags_max) return std::unexpected(DkimTagProblem{DkimTagError::too_many, found.position});
    tags.push_back(found);
    at = end + 1;
  }
  return tags;
}

const DkimTag* find_tag(const DkimTags& tags, std::string_view name) {
  const auto found = std::ranges::find(tags, name, &DkimTag::name);
  return found == tags.end() ? nullptr : &*found;
}

std::string without_white_space(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (white.find(c) == std::string_view::npos) out += c;
  }
  return out;
}

std::vector<std::string_view> dkim_list(std::string_view value) {
  auto parts = split(value, ':');
  for (auto& part : parts) part = trim_folding(part);
  return parts;
}

}  // namespace postil::mailauth
