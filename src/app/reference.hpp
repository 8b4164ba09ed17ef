// The reference of all codes as web pages, from a running server (web.listen) or the demo. It knows nothing of mail and
// of the server: what is shown is in the program.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "app/app.hpp"
#include "app/machine.hpp"
#include "config/config.hpp"
#include "console/http_server.hpp"
#include "console/web.hpp"
#include "env_asio/pool.hpp"

namespace postil::app {

class ReferenceServer {
 public:
  ReferenceServer(Machine& machine, std::string url);
  // Where it listens now, or why an address cannot be had.
  std::expected<std::vector<env::Endpoint>, StartFailure> start(const std::vector<config::ListenAddress>& addresses);

 private:
  std::shared_ptr<const console::Web> web_;
  env_asio::Pool pool_{"pages", 1, 1u << 20};  // making a page takes milliseconds; connections are bounded
  console::HttpServer server_;
};

}  // namespace postil::app
