// The text of a users file: its head, its lines, and changes of it that leave all other lines, also comments, as
// they are. Pure; who changes the file holds its lock (cli/users_file.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/user_record.hpp"

namespace postil::accounts {

struct UsersHead {
  std::string server_key;  // octets; "" = none
  std::optional<Problem> problem;
};
UsersHead read_head(std::string_view text);
std::vector<std::string_view> lines_of(std::string_view text);  // without LF or CRLF
bool holds_user(std::string_view line);                         // not empty, no comment

enum class EditError : std::uint8_t {
  unreadable,  // the file has problems: Users::parse tells them
  exists,
  missing,
  too_long,  // the line would be longer than line_octets_max
};

// Gives an empty text its head and a file without server's key that key; random_key: server_key_octets octets.
std::string with_head(std::string_view text, std::string_view random_key);
// The text with one line more at its end. It must have a head.
std::expected<std::string, EditError> add_user(std::string_view text, const UserRecord& record);
// The line of the user of that name made new.
std::expected<std::string, EditError> change_user(std::string_view text, const UserRecord& record);
std::expected<std::string, EditError> remove_user(std::string_view text, std::string_view name);

}  // namespace postil::accounts
