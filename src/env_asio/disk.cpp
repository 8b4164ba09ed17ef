#include "env_asio/disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <system_error>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::env_asio {
namespace {

using env::DiskError;
using env::DiskFailure;
using env::DiskResult;

constexpr const char* lock_name = "lock";

DiskFailure failure(std::string_view what, const std::string& path, int error_number) {
  return {disk_error(error_number),
          fmt::format("{} {}: {}", what, path, std::generic_category().message(error_number))};
}

// read, write, ... until they are not interrupted by a signal.
template <class Call>
auto uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

class FolderFile : public env::File {
 public:
  FolderFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~FolderFile() override { ::close(fd_); }

  DiskResult<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    while (!parts.empty()) {
      iovec vectors[64];
      int count = 0;
      for (; count < 64 && static_cast<std::size_t>(count) < parts.size(); ++count) {
        const auto part = parts[static_cast<std::size_t>(count)];
        vectors[count] = {const_cast<char*>(part.data()), part.size()};
      }
      if (auto written = write_vectors(offset, {vectors, static_cast<std::size_t>(count)}); !written) return written;
      for (const auto part : parts.first(static_cast<std::size_t>(count))) offset += part.size();
      parts = parts.subspan(static_cast<std::size_t>(count));
    }
    return {};
  }

  DiskResult<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      const auto got = uninterrupted(
          [&] { return ::pread(fd_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done)); });
      if (got < 0) return std::unexpected(failure("read", path_, errno));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  // To fill the page cache with what nobody reads again costs more than the reading: 4 GB at the start of a server took
  // two seconds so, and seven through the cache.
  DiskResult<std::size_t> read_once(std::uint64_t offset, std::span<char> into) override {
    const std::size_t done = mostly_cached(offset, into.size()) ? 0 : read_direct(offset, into);
    if (done == into.size()) return done;
    auto rest = read(offset + done, into.subspan(done));  // the end, or what could not be read so
    if (rest) *rest += done;
    return rest;
  }

  DiskResult<void> preallocate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::fallocate(fd_, 0, 0, static_cast<off_t>(size)); }) == 0) return {};
    if (errno != EOPNOTSUPP && errno != ENOSYS) return std::unexpected(failure("allocate", path_, errno));
    const auto now = this->size();
    if (!now) return std::unexpected(now.error());
    static constexpr char zeros[65536] = {};
    for (auto at = *now; at < size;) {
      const std::string_view part(zeros, std::min<std::uint64_t>(sizeof zeros, size - at));
      if (auto written = write(at, {&part, 1}); !written) return written;
      at += part.size();
    }
    return {};
  }

  DiskResult<void> truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(size)); }) == 0) return {};
    return std::unexpected(failure("truncate", path_, errno));
  }

  DiskResult<void> sync_data() override {
    // Not repeated on any error: after a failed sync the kernel may have dropped the pages, and a second one
    // would say that all is well.
    if (::fdatasync(fd_) == 0) return {};
    return std::unexpected(failure("sync", path_, errno));
  }

  DiskResult<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return std::unexpected(failure("stat", path_, errno));
    return static_cast<std::uint64_t>(info.st_size);
  }

  void forget(std::uint64_t offset, std::uint64_t length) override {
    ::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(length));
    ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
  }

 private:
  DiskResult<void> write_vectors(std::uint64_t offset, std::span<iovec> vectors) {
    while (!vectors.empty()) {
      if (vectors.front().iov_len == 0) {
        vectors = vectors.subspan(1);
        continue;
      }
      const auto sent = uninterrupted(
          [&] { return ::pwritev(fd_, vectors.data(), static_cast<int>(vectors.size()), static_cast<off_t>(offset)); });
      if (sent < 0) return std::unexpected(failure("write", path_, errno));
      if (sent == 0) return std::unexpected(failure("write", path_, EIO));
      offset += static_cast<std::uint64_t>(sent);
      auto left = static_cast<std::size_t>(sent);
      while (!vectors.empty() && left >= vectors.front().iov_len) {
        left -= vectors.front().iov_len;
        vectors = vectors.subspan(1);
      }
      if (left > 0) {
        vectors.front().iov_base = static_cast<char*>(vectors.front().iov_base) + left;
        vectors.front().iov_len -= left;
      }
    }
    return {};
  }

  // Tried in some places; true also where that cannot be told. Not by mincore(2): systemd's @system-service lacks it.
  bool mostly_cached(std::uint64_t offset, std::size_t length) {
    constexpr std::size_t places = 16, misses_max = places / 4;
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return true;
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);  // a place that is missing costs one page, and no reading ahead
    std::size_t misses = 0;
    bool told = true;
    for (std::size_t i = 0; i < places && misses <= misses_max && told; ++i) {
      char octet = 0;
      const iovec into{&octet, 1};
      const auto at = static_cast<off_t>(offset + length / places * i);
      if (uninterrupted([&] { return ::preadv2(fd, &into, 1, at, RWF_NOWAIT); }) >= 0) continue;
      told = errno == EAGAIN;
      misses += told ? 1 : 0;
    }
    ::close(fd);
    return !told || misses <= misses_max;
  }

  // How much could be read past the page cache; what was written and not yet synced is there too.
  std::size_t read_direct(std::uint64_t offset, std::span<char> into) {
    const auto aligned = [](std::uint64_t number) { return number % env::direct_alignment_octets == 0; };
    if (!aligned(offset) || !aligned(into.size()) || !aligned(reinterpret_cast<std::uintptr_t>(into.data()))) return 0;
    const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return 0;
    std::size_t done = 0;
    while (done < into.size() && aligned(done)) {
      const auto got = uninterrupted(
          [&] { return ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done)); });
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    ::close(fd);
    return done;
  }

  std::string path_;
  int fd_;
};

class FileLock : public env::DirectoryLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {}
  // The file stays: to remove it would let two processes hold locks on two files of that name.
  ~FileLock() override {
    if (::ftruncate(fd_, 0) != 0) errno = 0;  // only a courtesy to readers
    ::close(fd_);
  }

 private:
  int fd_;
};

std::string checked(std::string_view name) {
  POSTIL_ASSERT(!name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos);
  return std::string(name);
}

}  // namespace

env::DiskError disk_error(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return DiskError::no_space;
    case EIO:
      return DiskError::io;
    case ENOENT:
    case ENOTDIR:
      return DiskError::not_found;
    case EEXIST:
      return DiskError::exists;
    case EWOULDBLOCK:
      return DiskError::busy;
    case EACCES:
    case EPERM:
    case EROFS:
      return DiskError::permission;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return DiskError::limit;
    default:
      return DiskError::other;
  }
}

DiskResult<std::unique_ptr<FolderDisk>> FolderDisk::open_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(failure("open", path, errno));
  return std::unique_ptr<FolderDisk>(new FolderDisk(path, fd));
}

FolderDisk::~FolderDisk() {
  ::close(fd_);
}

DiskResult<std::unique_ptr<env::File>> FolderDisk::create(std::string_view name) {
  const auto file = checked(name);
  const int fd = ::openat(fd_, file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return std::unexpected(failure("create", path_ + "/" + file, errno));
  return std::make_unique<FolderFile>(path_ + "/" + file, fd);
}

DiskResult<std::unique_ptr<env::File>> FolderDisk::open(std::string_view name, bool writable) {
  const auto file = checked(name);
  const int fd = ::openat(fd_, file.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::unexpected(failure("open", path_ + "/" + file, errno));
  return std::make_unique<FolderFile>(path_ + "/" + file, fd);
}

DiskResult<void> FolderDisk::rename(std::string_view from, std::string_view to) {
  const auto old_name = checked(from);
  const auto new_name = checked(to);
  if (::renameat(fd_, old_name.c_str(), fd_, new_name.c_str()) == 0) return {};
  return std::unexpected(failure("rename", path_ + "/" + old_name, errno));
}

DiskResult<void> FolderDisk::remove(std::string_view name) {
  const auto file = checked(name);
  if (::unlinkat(fd_, file.c_str(), 0) == 0) return {};
  return std::unexpected(failure("remove", path_ + "/" + file, errno));
}

DiskResult<std::vector<std::string>> FolderDisk::list() {
  const int fd = ::openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = fd < 0 ? nullptr : ::fdopendir(fd);
  if (folder == nullptr) {
    const int error_number = errno;
    if (fd >= 0) ::close(fd);
    return std::unexpected(failure("list", path_, error_number));
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != lock_name) names.emplace_back(name);
    errno = 0;
  }
  const int error_number = errno;
  ::closedir(folder);
  if (error_number != 0) return std::unexpected(failure("list", path_, error_number));
  std::sort(names.begin(), names.end());
  return names;
}

DiskResult<void> FolderDisk::sync_folder() {
  if (::fsync(fd_) == 0) return {};
  return std::unexpected(failure("sync", path_, errno));
}

DiskResult<env::Disk::Space> FolderDisk::space() {
  struct statvfs info{};
  if (uninterrupted([&] { return ::fstatvfs(fd_, &info); }) != 0) {
    return std::unexpected(failure("statvfs", path_, errno));
  }
  // f_bavail: what is there for us, who may not be root. No count of inodes (btrfs) is no lack of them.
  return Space{info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize,
               info.f_files == 0 ? ~std::uint64_t{0} : std::uint64_t{info.f_favail}};
}

DiskResult<std::unique_ptr<env::DirectoryLock>> FolderDisk::lock() {
  const std::string path = path_ + "/" + lock_name;
  const int fd = ::openat(fd_, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return std::unexpected(failure("lock", path, errno));
  if (uninterrupted([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
    const int error_number = errno;
    char holder[32] = {};
    const auto got = ::pread(fd, holder, sizeof holder - 1, 0);
    ::close(fd);
    if (error_number != EWOULDBLOCK) return std::unexpected(failure("lock", path, error_number));
    const auto pid = got > 0 ? printable(trim(std::string_view(holder).substr(0, std::string_view(holder).find('\n'))))
                             : std::string("unknown");
    return std::unexpected(DiskFailure{DiskError::busy, fmt::format("{} is in use by process {}", path_, pid)});
  }
  const auto pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    errno = 0;  // a full disk must not keep the server from starting: the lock holds without the pid
  }
  return std::make_unique<FileLock>(fd);
}

}  // namespace postil::env_asio
