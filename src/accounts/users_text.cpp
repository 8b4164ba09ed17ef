#include "accounts/users_text.hpp"

#include <fmt/format.h>

#include "accounts/users.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "crypto/base64.hpp"

namespace postil::accounts {
namespace {

constexpr std::string_view head_begin = "# postil users ";
constexpr std::string_view version = "1";
constexpr std::string_view key_begin = "# server-key=";

// Where the user's line begins, and its length with the line's end.
struct Place {
  std::size_t begin = 0;
  std::size_t size = 0;
};

std::optional<Place> find_line(std::string_view text, std::string_view name) {
  const auto wanted = name_key(name);
  std::size_t number = 0;
  for (std::size_t begin = 0; wanted && begin < text.size();) {
    const auto end = text.find('\n', begin);
    const std::size_t size = (end == std::string_view::npos ? text.size() : end + 1) - begin;
    auto line = text.substr(begin, size);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    if (holds_user(line)) {
      const auto record = parse_user(line, number);
      if (record && name_key(record->name) == wanted) return Place{begin, size};
    }
    begin += size;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  auto lines = split(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  for (auto& line : lines)
    if (line.ends_with('\r')) line.remove_suffix(1);
  return lines;
}

bool holds_user(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  return begin != std::string_view::npos && line[begin] != '#';
}

UsersHead read_head(std::string_view text) {
  UsersHead head;
  const auto problem = [&head](std::size_t line, std::size_t column, ProblemKind kind, std::string detail = {}) {
    if (!head.problem) head.problem = Problem{line, column, kind, std::move(detail)};
  };
  const auto lines = lines_of(text);
  if (lines.empty() || !lines[0].starts_with(head_begin)) {
    problem(1, 1, ProblemKind::header);
    return head;
  }
  const auto written = trim(lines[0].substr(head_begin.size()));
  if (written != version) {
    problem(1, head_begin.size() + 1, ProblemKind::newer_version, printable(written, 20));
    return head;
  }
  for (std::size_t i = 1; i < lines.size() && !holds_user(lines[i]); ++i) {
    if (!lines[i].starts_with(key_begin)) continue;
    const auto key = crypto::base64_decode(trim(lines[i].substr(key_begin.size())));
    if (!key || key->size() != server_key_octets || !head.server_key.empty()) {
      problem(i + 1, key_begin.size() + 1, ProblemKind::server_key);
      continue;
    }
    head.server_key = *key;
  }
  return head;
}

std::string with_head(std::string_view text, std::string_view random_key) {
  POSTIL_ASSERT(random_key.size() == server_key_octets);
  const std::string first = fmt::format("{}{}\n", head_begin, version);
  const std::string key = fmt::format("{}{}\n", key_begin, crypto::base64_encode(random_key));
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return first + key;
  const auto head = read_head(text);
  if (head.problem || !head.server_key.empty()) return std::string(text);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::string(text) + "\n" + key;
  return std::string(text.substr(0, end + 1)) + key + std::string(text.substr(end + 1));
}

std::expected<std::string, EditError> add_user(std::string_view text, const UserRecord& record) {
  const auto users = Users::parse(text);
  if (!users) return std::unexpected(EditError::unreadable);
  if (users->record(record.name) != nullptr) return std::unexpected(EditError::exists);
  const std::string line = format_user(record);
  if (line.size() > line_octets_max) return std::unexpected(EditError::too_long);
  std::string out(text);
  if (!out.ends_with('\n')) out += '\n';
  return out + line + "\n";
}

std::expected<std::string, EditError> change_user(std::string_view text, const UserRecord& record) {
  if (!Users::parse(text)) return std::unexpected(EditError::unreadable);
  const auto place = find_line(text, record.name);
  if (!place) return std::unexpected(EditError::missing);
  const std::string line = format_user(record);
  if (line.size() > line_octets_max) return std::unexpected(EditError::too_long);
  return std::string(text.substr(0, place->begin)) + line + "\n" + std::string(text.substr(place->begin + place->size));
}

std::expected<std::string, EditError> remove_user(std::string_view text, std::string_view name) {
  if (!Users::parse(text)) return std::unexpected(EditError::unreadable);
  const auto place = find_line(text, name);
  if (!place) return std::unexpected(EditError::missing);
  return std::string(text.substr(0, place->begin)) + std::string(text.substr(place->begin + place->size));
}

}  // namespace postil::accounts
