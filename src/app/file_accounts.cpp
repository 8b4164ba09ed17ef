#include "app/file_accounts.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace postil::app {
namespace {

std::optional<accounts::FileStamp> stamp_of(const std::string& path) {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0) return {};
  return accounts::FileStamp{s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec,
                             static_cast<std::uint64_t>(s.st_size), s.st_ino};
}

}  // namespace

std::shared_ptr<const accounts::Users> FileAccounts::snapshot() {
  const std::lock_guard lock(mutex_);
  return users_;
}

std::expected<void, std::string> FileAccounts::refresh() {
  const std::lock_guard lock(mutex_);
  const auto stamp = stamp_of(path_);
  if (!stamp) {
    users_.reset();
    stamp_ = {};
    return std::unexpected(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  if (users_ && *stamp == stamp_) return {};
  std::ifstream file(path_, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    users_.reset();
    return std::unexpected(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  auto parsed = accounts::Users::parse(text.str());
  if (!parsed) {
    users_.reset();
    return std::unexpected(fmt::format("{}: {}", path_, accounts::to_string(parsed.error().front())));
  }
  users_ = std::make_shared<accounts::Users>(std::move(*parsed));
  stamp_ = *stamp;
  return {};
}

server::AccountSource::Found FileAccounts::lookup(const std::string& user) {
  const auto read = refresh();
  const auto users = snapshot();
  if (!users) {
    events_.emit({event::Name::resource_trouble,
                  {{"what", "users file"}, {"why", read ? std::string("not read") : read.error()}}});
    return {false, {}};
  }
  return {true, users->find(user)};
}

bool FileAccounts::may_send_as(std::string_view login, std::string_view address) {
  const auto users = snapshot();
  return users && users->may_send_as(login, address);
}

std::string FileAccounts::language(std::string_view login) {
  const auto users = snapshot();
  return users ? std::string(users->language(login)) : std::string();
}

}  // namespace postil::app
