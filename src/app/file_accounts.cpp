#include "app/file_accounts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

namespace postil::app {
namespace {

constexpr std::size_t file_octets_max = 256u << 20;

std::unexpected<std::string> trouble(const std::string& path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}", path, what));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

std::expected<UsersFile, std::string> read_users_file(const std::string& path, const accounts::FileStamp& known) {
  // Without O_NONBLOCK a pipe would be waited for here already.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  struct stat info{};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) return trouble(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return trouble(path, "this is no regular file");
  UsersFile out;
  out.stamp = {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, static_cast<std::uint64_t>(info.st_size),
               info.st_ino};
  if (out.stamp == known) return out;
  std::string text;
  char part[64 << 10];
  for (;;) {
    const auto got = ::read(file.fd, part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return trouble(path, std::strerror(errno));
    if (got == 0) break;
    if (text.size() > file_octets_max) return trouble(path, "this file is too big");
    text.append(part, static_cast<std::size_t>(got));
  }
  out.text = std::move(text);
  return out;
}

// What the reading thread shares with those who wait for it; it may outlive the FileAccounts.
struct FileAccounts::Reader {
  std::string path;
  std::function<Read> read;
  std::mutex mutex;
  std::condition_variable turned;
  bool stop = false;
  std::uint64_t wanted = 0;  // reads asked for
  std::uint64_t begun = 0;   // the newest one that the read that runs stands for
  std::uint64_t done = 0;
  std::chrono::steady_clock::time_point began{};  // the read that runs
  std::expected<void, std::string> result;        // of the last one
  accounts::FileStamp stamp;
  std::shared_ptr<const accounts::Users> users;  // of the last file that could be used; null: there was none

  void run();
};

namespace {

// users: null where the file is the known one.
struct Parsed {
  std::shared_ptr<const accounts::Users> users;
  accounts::FileStamp stamp;
};

std::expected<Parsed, std::string> parsed(const std::string& path, std::expected<UsersFile, std::string> file) {
  if (!file) return std::unexpected(std::move(file.error()));
  Parsed out{nullptr, file->stamp};
  if (!file->text) return out;
  auto users = accounts::Users::parse(*file->text);
  if (!users) return trouble(path, accounts::to_string(users.error().front()));
  out.users = std::make_shared<accounts::Users>(std::move(*users));
  return out;
}

}  // namespace

void FileAccounts::Reader::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    turned.wait(lock, [this] { return stop || wanted > done; });
    if (stop) return;
    begun = wanted;
    began = std::chrono::steady_clock::now();
    const auto known = users ? stamp : accounts::FileStamp{};
    lock.unlock();
    auto got = parsed(path, read(path, known));
    lock.lock();
    result = {};
    if (!got) {
      result = std::unexpected(std::move(got.error()));
    } else if (got->users) {
      users = std::move(got->users);
      stamp = got->stamp;
    }
    done = begun;
    turned.notify_all();
  }
}

FileAccounts::FileAccounts(std::string path, event::Sink& events, Duration patience, std::function<Read> read)
    : events_(events), patience_(patience), reader_(std::make_shared<Reader>()) {
  reader_->path = std::move(path);
  reader_->read = std::move(read);
  thread_ = std::thread([reader = reader_] { reader->run(); });
}

FileAccounts::~FileAccounts() {
  bool reads = false;
  {
    const std::lock_guard lock(reader_->mutex);
    reader_->stop = true;
    reads = reader_->begun > reader_->done;
  }
  reader_->turned.notify_all();
  if (reads) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

std::shared_ptr<const accounts::Users> FileAccounts::snapshot() {
  const std::lock_guard lock(reader_->mutex);
  return reader_->users;
}

std::expected<void, std::string> FileAccounts::refresh() {
  auto& reader = *reader_;
  std::unique_lock lock(reader.mutex);
  const auto mine = ++reader.wanted;
  reader.turned.notify_all();
  // Behind a read that runs already, ours would begin no earlier than that one ends.
  const bool busy = reader.begun > reader.done;
  const auto since = busy ? reader.began : std::chrono::steady_clock::now();
  if (!reader.turned.wait_until(lock, since + patience_, [&] { return reader.done >= mine; })) {
    return trouble(reader.path, "reading it takes too long");
  }
  return reader.result;
}

server::AccountSource::Found FileAccounts::lookup(const std::string& user) {
  const auto read = refresh();
  const auto users = read ? snapshot() : nullptr;
  const std::string why = users ? std::string() : read ? std::string("it was not read") : read.error();
  bool news = false;
  {
    const std::lock_guard lock(told_mutex_);
    news = why != told_;
    told_ = why;
  }
  if (!users && news) events_.emit({event::Name::resource_trouble, {{"what", "users file"}, {"why", why}}});
  if (!users) return {false, {}};
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
