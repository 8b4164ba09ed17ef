#include "env_asio/socket_address.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace postil::env_asio {

std::optional<SocketAddress> socket_address(const env::Endpoint& endpoint) {
  SocketAddress made;
  if (endpoint.local()) {
    auto& un = reinterpret_cast<sockaddr_un&>(made.storage);
    if (endpoint.address.size() >= sizeof un.sun_path) return std::nullopt;
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, endpoint.address.c_str(), endpoint.address.size() + 1);
    made.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + endpoint.address.size() + 1);
    return made;
  }
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(endpoint.address.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found) != 0) {
    return std::nullopt;
  }
  std::memcpy(&made.storage, found->ai_addr, found->ai_addrlen);
  made.length = found->ai_addrlen;
  ::freeaddrinfo(found);
  return made;
}

env::Endpoint endpoint_of(const SocketAddress& address) {
  if (address.family() == AF_UNIX) {
    const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
    if (address.length <= offsetof(sockaddr_un, sun_path) || un.sun_path[0] == '\0') return {};
    return {std::string(un.sun_path, ::strnlen(un.sun_path, sizeof un.sun_path)), 0};
  }
  char host[NI_MAXHOST] = {};
  char port[NI_MAXSERV] = {};
  if (::getnameinfo(address.get(), address.length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return {host, static_cast<std::uint16_t>(std::stoi(port))};
}

env::Endpoint local_endpoint(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (::getsockname(fd, address.get(), &address.length) != 0) return {};
  return endpoint_of(address);
}

env::NetError net_error(int error_number) {
  using env::NetError;
  switch (error_number) {
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return NetError::reset;
    case ECONNREFUSED:
    case ENOENT:
      return NetError::refused;  // a Unix socket that is not there
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENETRESET:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return NetError::unreachable;
    case ETIMEDOUT:
      return NetError::timed_out;
    case ECANCELED:
      return NetError::cancelled;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return NetError::limit;
    case EADDRINUSE:
      return NetError::address_in_use;
    case EACCES:
    case EPERM:
      return NetError::permission;
    default:
      return NetError::other;
  }
}

env::NetFailure net_failure(std::string_view what, int error_number) {
  return {net_error(error_number), fmt::format("{}: {}", what, std::generic_category().message(error_number))};
}

}  // namespace postil::env_asio
