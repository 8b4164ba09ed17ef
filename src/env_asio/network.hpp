// The real network: Asio's reactor over our own non-blocking sockets, TLS by OpenSSL.
//
// Executors must be of an asio::io_context that one thread runs, or a strand. Addresses are numeric; names are the
// resolver's affair. Listening IPv6 sockets are IPV6_V6ONLY: "::" does not take IPv4.
#pragma once

#include "env/network.hpp"
#include "env_asio/tls.hpp"

namespace postil::env_asio {

class AsioNetwork : public env::Network {
 public:
  AsioNetwork();
  env::NetResult<std::unique_ptr<env::Listener>> listen(const env::Endpoint& at, const env::ListenOptions& options,
                                                        env::Executor executor) override;
  // A listening socket from the service manager (socket activation). Takes the fd over, also on failure. A Unix
  // socket's path stays when the listener closes. spare_descriptors: as in ListenOptions.
  env::NetResult<std::unique_ptr<env::Listener>> adopt(int fd, env::Executor executor, int spare_descriptors = 0);
  env::Awaitable<env::NetResult<env::StreamPtr>> connect(env::Endpoint to, std::string source,
                                                         MonoTime deadline) override;
  std::expected<std::shared_ptr<env::TlsServerContext>, std::string> load_tls(
      const env::TlsServerFiles& files) override;

 private:
  std::shared_ptr<ClientContexts> contexts_;
};

}  // namespace postil::env_asio
