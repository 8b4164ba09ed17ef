// Endpoints to and from the kernel's socket addresses, and errno to NetError.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string_view>

#include "env/network.hpp"

namespace postil::env_asio {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Empty when the text is no numeric address (no name is looked up) or the path is too long for a Unix socket.
std::optional<SocketAddress> socket_address(const env::Endpoint& endpoint);
env::Endpoint endpoint_of(const SocketAddress& address);
env::Endpoint local_endpoint(int fd);

env::NetError net_error(int error_number);
// "connect: Connection refused"
env::NetFailure net_failure(std::string_view what, int error_number);

}  // namespace postil::env_asio
