// The users file on disk, for those who change it: an exclusive lock on its folder, and replacement by a synced new
// file and a rename, so that a reader sees the old or the new one, whole. Errors are errno values.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <string_view>

namespace postil::cli {

// Given by read() for a folder, a pipe, a device and the like, at which reading might never end.
inline constexpr int no_regular_file = EINVAL;

class UsersFile {
 public:
  explicit UsersFile(std::string path) : path_(std::move(path)) {}
  ~UsersFile();
  UsersFile(const UsersFile&) = delete;
  UsersFile& operator=(const UsersFile&) = delete;

  // Waits until nobody else changes a file in the folder; held until the object goes.
  std::expected<void, int> lock();
  // The whole file, at most 256 MiB (EFBIG). It must be a regular one (no_regular_file).
  std::expected<std::string, int> read() const;
  // Only while locked. The new file has the owner and mode of the old one; a first one the folder's owner and 0640.
  std::expected<void, int> replace(std::string_view text) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int folder_ = -1;
};

}  // namespace postil::cli
