// The users file, read: who may log in, with what, and as whom they may send. An immutable snapshot; the file's
// form is in docs/formats/users.md. Pure: app reads the file and looks whether it has changed (file_stamp.hpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "accounts/user_record.hpp"
#include "sasl/server.hpp"

namespace postil::accounts {

inline constexpr std::size_t server_key_octets = 32;
inline constexpr std::size_t problems_max = 100;

// May be used by all threads.
class Users {
 public:
  // The whole file. All problems, at most problems_max, in the order of the lines: a file with one is not used at all,
  // so that no half of it is.
  static std::expected<Users, std::vector<Problem>> parse(std::string_view text);

  // What mechanisms need of a user. For a user who does not exist it is made up from the server's key, always the
  // same for a name and of the kinds and costs that the real users have, so that answers look alike.
  sasl::Credentials find(std::string_view user) const;

  // Whether a user who has logged in may use the address in MAIL and From. "" (MAIL FROM:<>) may be used by everybody,
  // as for receipts [rfc8098 3]. False for unknown and disabled users.
  bool may_send_as(std::string_view user, std::string_view address) const;
  std::string_view language(std::string_view user) const;  // "" = not said, or no such user

  const UserRecord* record(std::string_view user) const;           // null: no such user
  const std::vector<UserRecord>& all() const { return records_; }  // as in the file

 private:
  sasl::Credentials made_up(std::string_view key) const;
  void build_ring();

  std::string server_key_;
  std::vector<UserRecord> records_;
  std::unordered_map<std::string, std::size_t> by_key_;
  // The users at pseudo-random places: an unknown name is like the next one on the ring.
  std::vector<std::pair<std::uint64_t, std::size_t>> ring_;
};

}  // namespace postil::accounts
