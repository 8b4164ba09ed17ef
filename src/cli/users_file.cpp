#include "cli/users_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/assert.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t file_octets_max = 256u << 20;
constexpr mode_t first_mode = 0640;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}
std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Owner and mode as they should be. Only root may give a file away; for others it is theirs already.
bool dress(int fd, int folder, const std::string& name) {
  struct stat like{};
  mode_t mode = first_mode;
  if (::fstatat(folder, name.c_str(), &like, 0) == 0) {
    mode = like.st_mode & 07777;
  } else if (errno != ENOENT || ::fstat(folder, &like) != 0) {
    return false;
  }
  if (::fchown(fd, like.st_uid, like.st_gid) != 0 && errno != EPERM) return false;
  return ::fchmod(fd, mode) == 0;
}

}  // namespace

UsersFile::~UsersFile() {
  if (folder_ >= 0) ::close(folder_);
}

std::expected<void, int> UsersFile::lock() {
  POSTIL_ASSERT(folder_ < 0);
  folder_ = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0) return std::unexpected(errno);
  while (::flock(folder_, LOCK_EX) != 0)
    if (errno != EINTR) return std::unexpected(errno);
  return {};
}

std::expected<std::string, int> UsersFile::read() const {
  // Without O_NONBLOCK a pipe would be waited for here already.
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0)
    return std::unexpected(errno == ENXIO ? no_regular_file : errno);
  if (!S_ISREG(info.st_mode)) return std::unexpected(no_regular_file);
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(errno);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > file_octets_max) return std::unexpected(EFBIG);
  }
}

std::expected<void, int> UsersFile::replace(std::string_view text) const {
  POSTIL_ASSERT(folder_ >= 0);
  const std::string name = name_of(path_);
  const std::string fresh = "." + name + ".new";
  ::unlinkat(folder_, fresh.c_str(), 0);  // left behind by a crash; we hold the lock
  const Descriptor file(::openat(folder_, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return std::unexpected(errno);
  const bool done = dress(file.get(), folder_, name) && write_all(file.get(), text) && ::fsync(file.get()) == 0 &&
                    ::renameat(folder_, fresh.c_str(), folder_, name.c_str()) == 0;
  if (!done) {
    const int error = errno;
    ::unlinkat(folder_, fresh.c_str(), 0);
    return std::unexpected(error);
  }
  if (::fsync(folder_) != 0) return std::unexpected(errno);
  return {};
}

}  // namespace postil::cli
