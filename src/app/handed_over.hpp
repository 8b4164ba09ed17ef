// Listening sockets that the process was started with: systemd's socket activation, sd_listen_fds(3). LISTEN_FDS tells
// how many there are, from descriptor 3 on; LISTEN_PID, whether they are meant for this process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/network.hpp"
#include "env_asio/network.hpp"

namespace postil::app {

class HandedOver {
 public:
  // Reads the environment; without sockets for us it holds none.
  explicit HandedOver(env_asio::AsioNetwork& network);
  // The socket that is bound to the address. Nothing: there is none, open one. Null: there is none to open either,
  // since a socket of both families that was taken for the same port serves this address too.
  std::optional<std::unique_ptr<env::Listener>> take(const env::Endpoint& at, env::Executor executor);
  // Closes what nobody has taken, and tells of each: clients would wait at it for ever.
  std::vector<std::string> close_rest();

 private:
  struct Socket {
    int fd = -1;
    std::string address;  // numeric; "" = not of the Internet
    std::uint16_t port = 0;
    bool both_families = false;
    bool taken = false;
  };
  static Socket describe(int fd);
  env_asio::AsioNetwork& network_;
  std::vector<Socket> sockets_;
};

}  // namespace postil::app
