#include "env_asio/disk.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "support/certificates.hpp"

namespace postil::env_asio {
namespace {

using env::DiskError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Disk : public ::testing::Test {
 protected:
  static std::unique_ptr<FolderDisk> opened(const std::string& path) {
    auto made = FolderDisk::open_folder(path);
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  static std::string read(env::File& file, std::uint64_t offset, std::size_t size) {
    std::string out(size, '?');
    auto got = file.read(offset, out);
    EXPECT_TRUE(got) << got.error().detail;
    out.resize(got.value_or(0));
    return out;
  }
  static env::DiskResult<void> write(env::File& file, std::uint64_t offset, std::vector<std::string_view> parts) {
    return file.write(offset, parts);
  }
  test::TemporaryFolder folder;
  std::unique_ptr<FolderDisk> disk = opened(folder.path());
};

TEST_F(Disk, WritesReadsAndLists) {
  auto file = disk->create("b.log");
  ASSERT_TRUE(file);
  ASSERT_TRUE(write(**file, 3, {"def", "", "ghi"}));
  ASSERT_TRUE(write(**file, 0, {"abc"}));
  ASSERT_TRUE((*file)->sync_data());
  ASSERT_TRUE(disk->sync_folder());
  EXPECT_EQ(read(**file, 0, 100), "abcdefghi");
  EXPECT_EQ(read(**file, 9, 10), "");
  EXPECT_EQ((*file)->size().value(), 9u);
  ASSERT_TRUE((*file)->truncate(4));
  struct stat info{};
  ASSERT_EQ(::stat(folder.file("b.log").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_size, 4);
  ASSERT_TRUE(disk->create("a.log"));
  ASSERT_TRUE(disk->rename("a.log", "c.log"));
  EXPECT_THAT(disk->list().value(), ElementsAre("b.log", "c.log"));
  ASSERT_TRUE(disk->remove("c.log"));
  EXPECT_EQ(disk->remove("c.log").error().error, DiskError::not_found);
  EXPECT_EQ(disk->create("b.log").error().error, DiskError::exists);
  EXPECT_EQ(disk->open("no", true).error().error, DiskError::not_found);
  auto again = disk->open("b.log", false);
  ASSERT_TRUE(again);
  EXPECT_EQ(read(**again, 0, 10), "abcd");
  EXPECT_FALSE(write(**again, 0, {"x"}));
}

// From the page cache or past it, aligned or not, at the end and behind it.
TEST_F(Disk, ReadsOnceWhatItReads) {
  constexpr std::size_t step = env::direct_alignment_octets;
  std::string content(step * 3 + 1234, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 1000);
  auto file = disk->create("big");
  ASSERT_TRUE(file);
  ASSERT_TRUE(write(**file, 0, {content}));
  const std::unique_ptr<char, decltype(&std::free)> memory(static_cast<char*>(std::aligned_alloc(step, step * 4)),
                                                           &std::free);
  for (const bool cached : {true, false}) {
    if (!cached) ASSERT_TRUE((*file)->sync_data());
    for (const std::size_t offset : {std::size_t{0}, step, step * 3, std::size_t{777}, content.size(), step * 4}) {
      for (const std::size_t shift : {0u, 1u}) {
        for (const std::size_t size : {step, step * 3, std::size_t{100}}) {
          const int fd = ::open(folder.file("big").c_str(), O_RDONLY | O_CLOEXEC);
          if (!cached) ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
          ::close(fd);
          const auto got = (*file)->read_once(offset, {memory.get() + shift, size});
          ASSERT_TRUE(got) << got.error().detail;
          EXPECT_EQ(std::string_view(memory.get() + shift, *got),
                    content.substr(std::min(offset, content.size()), size))
              << offset << ' ' << shift << ' ' << size << ' ' << cached;
        }
      }
    }
  }
}

TEST_F(Disk, WritesManyPartsInOneCall) {
  auto file = disk->create("many");
  std::vector<std::string_view> parts(1000, "0123456789");
  ASSERT_TRUE(write(**file, 5, parts));
  EXPECT_EQ((*file)->size().value(), 10005u);
  EXPECT_EQ(read(**file, 10000, 100), "56789");
}

TEST_F(Disk, PreallocatedSpaceIsZeroAndKeepsWhatIsThere) {
  auto file = disk->create("log");
  ASSERT_TRUE(write(**file, 0, {"abc"}));
  ASSERT_TRUE((*file)->preallocate(1 << 20));
  EXPECT_EQ((*file)->size().value(), 1u << 20);
  EXPECT_EQ(read(**file, 0, 6), std::string("abc\0\0\0", 6));
  (*file)->forget(4096, 4096);
  EXPECT_EQ((*file)->size().value(), 1u << 20);
}

TEST_F(Disk, TellsItsSpace) {
  const auto space = disk->space();
  ASSERT_TRUE(space);
  EXPECT_GT(space->free_octets, 0u);
  EXPECT_GE(space->total_octets, space->free_octets);
  EXPECT_GT(space->free_inodes, 0u);
}

TEST_F(Disk, AFileThatMayNotGrowIsNoSpace) {
  auto file = disk->create("log");
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit low{8192, old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &low);
  const std::string data(10000, 'x');
  auto written = write(**file, 0, {data});
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().error, DiskError::no_space);
  EXPECT_THAT(written.error().detail, HasSubstr("write " + folder.file("log") + ": "));
}

TEST_F(Disk, AFullDeviceIsNoSpace) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP();
  auto devices = opened("/dev");
  auto full = devices->open("full", true);
  ASSERT_TRUE(full);
  EXPECT_EQ(write(**full, 0, {"x"}).error().error, DiskError::no_space);
}

TEST_F(Disk, IsLockedByOneOnly) {
  auto lock = disk->lock();
  ASSERT_TRUE(lock);
  auto other = opened(folder.path());
  auto second = other->lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, DiskError::busy);
  EXPECT_THAT(second.error().detail, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(disk->list().value(), ElementsAre());
  const pid_t child = ::fork();
  if (child == 0) ::_exit(other->lock() ? 1 : 0);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  lock->reset();
  EXPECT_TRUE(other->lock());
}

TEST_F(Disk, AFolderThatIsNotThereIsSaid) {
  auto none = FolderDisk::open_folder(folder.file("none"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().error, DiskError::not_found);
}

TEST(DiskErrors, Groups) {
  EXPECT_EQ(disk_error(ENOSPC), DiskError::no_space);
  EXPECT_EQ(disk_error(EDQUOT), DiskError::no_space);
  EXPECT_EQ(disk_error(EIO), DiskError::io);
  EXPECT_EQ(disk_error(EACCES), DiskError::permission);
  EXPECT_EQ(disk_error(EMFILE), DiskError::limit);
}

}  // namespace
}  // namespace postil::env_asio
