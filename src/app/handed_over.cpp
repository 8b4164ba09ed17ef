#include "app/handed_over.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "server/acceptor.hpp"

namespace postil::app {
namespace {

constexpr int first_fd = 3;    // SD_LISTEN_FDS_START
constexpr int fds_max = 1024;  // the environment is not always systemd's

int number_in(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return 0;
  const std::string_view digits = text;
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : 0;
}

bool everywhere(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

}  // namespace

HandedOver::HandedOver(env_asio::AsioNetwork& network) : network_(network) {
  if (number_in("LISTEN_PID") != ::getpid()) return;
  const int count = std::min(number_in("LISTEN_FDS"), fds_max);
  for (int fd = first_fd; fd < first_fd + count; ++fd) sockets_.push_back(describe(fd));
}

HandedOver::Socket HandedOver::describe(int fd) {
  Socket out{.fd = fd};
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return out;
  if (name.ss_family != AF_INET && name.ss_family != AF_INET6) return out;
  char host[128] = {};
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&name), length, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) {
    return out;
  }
  out.address = host;
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&name);
  const auto* four = reinterpret_cast<const sockaddr_in*>(&name);
  out.port = ntohs(name.ss_family == AF_INET6 ? six->sin6_port : four->sin_port);
  int one_family = 1;
  length = sizeof one_family;
  ::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one_family, &length);
  out.both_families = out.address == "::" && one_family == 0;
  return out;
}

std::optional<std::unique_ptr<env::Listener>> HandedOver::take(const env::Endpoint& at, env::Executor executor) {
  const auto adopt = [&](Socket& socket) -> std::optional<std::unique_ptr<env::Listener>> {
    socket.taken = true;
    auto listener = network_.adopt(socket.fd, executor, server::spare_descriptors);
    if (!listener) return std::nullopt;  // it does not listen
    return std::move(*listener);
  };
  for (auto& socket : sockets_) {
    if (!socket.taken && socket.port == at.port && socket.address == at.address) return adopt(socket);
  }
  for (auto& socket : sockets_) {
    if (!socket.both_families || socket.port != at.port || !everywhere(at.address)) continue;
    if (socket.taken) return nullptr;
    return adopt(socket);
  }
  return std::nullopt;
}

std::vector<std::string> HandedOver::close_rest() {
  std::vector<std::string> told;
  for (auto& socket : sockets_) {
    if (socket.taken) continue;
    told.push_back(socket.address.empty()
                       ? fmt::format("descriptor {} of LISTEN_FDS is no Internet socket; it is closed", socket.fd)
                       : fmt::format("the configuration listens nowhere at {}, which was handed over; it is closed",
                                     env::to_string({socket.address, socket.port})));
    ::close(socket.fd);
    socket.taken = true;
  }
  return told;
}

}  // namespace postil::app
