#include "app/machine.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "address/ip.hpp"

namespace postil::app {

struct Machine::Io : server::SessionExecutors {
  explicit Io(env_asio::IoThreads& of) : threads(of) {}
  Place pick() override {
    auto place = threads.least_loaded();
    return {place.executor, std::make_shared<env_asio::IoThreads::Load>(std::move(place.load))};
  }
  env_asio::IoThreads& threads;
};

namespace {

// A session is a descriptor, and the usual soft limit of 1,024 is there for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Machine::Machine(std::size_t io_threads) {
  raise_descriptor_limit();
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file over the limit is an error of the write, not the end of the program
  env_asio::open_reactor(main_);
  if (io_threads == 0) io_threads = std::max(1u, std::thread::hardware_concurrency());
  io_ = std::make_unique<env_asio::IoThreads>(io_threads);
  sessions_ = std::make_unique<Io>(*io_);
}

Machine::~Machine() = default;

Executors Machine::executors() {
  return {main_.get_executor(), engine_.executor(), flusher_.executor(), readers_.executor(),
          history_.executor(),  pool_.executor(),   *sessions_};
}

env::DiskResult<std::unique_ptr<env::Disk>> Machine::folder(const std::string& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error)
    return std::unexpected(
        env::DiskFailure{env_asio::disk_error(error.value()), fmt::format("{}: {}", path, error.message())});
  if (made) ::chmod(path.c_str(), 0700);
  auto disk = env_asio::FolderDisk::open_folder(path);
  if (!disk) return std::unexpected(disk.error());
  return std::unique_ptr<env::Disk>(std::move(*disk));
}

void Machine::stop_threads() {
  io_->stop();
  engine_.stop();
  history_.stop();
  readers_.stop();
  flusher_.stop();
  pool_.stop();
}

void notify_service_manager(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof to.sun_path) return;
  std::memcpy(to.sun_path, path, length);
  if (path[0] == '@') to.sun_path[0] = '\0';  // an abstract address
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to),
           static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  ::close(fd);
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> all;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const ifaddrs* one = first; one; one = one->ifa_next) {
    if (!one->ifa_addr) continue;
    char text[INET6_ADDRSTRLEN] = {};
    if (one->ifa_addr->sa_family == AF_INET) {
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr, text, sizeof text);
    } else {
      continue;
    }
    if (const auto ip = address::canonical_ip(text)) all.push_back(*ip);
  }
  ::freeifaddrs(first);
  return all;
}

}  // namespace postil::app
