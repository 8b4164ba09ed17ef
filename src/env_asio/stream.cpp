#include "env_asio/stream.hpp"

#include <utility>

#include "base/assert.hpp"
#include "env_asio/socket.hpp"
#include "env_asio/socket_address.hpp"

namespace postil::env_asio {
namespace {

using env::NetError;
using env::NetFailure;
using env::NetResult;

template <class T>
env::Awaitable<NetResult<T>> failed(NetFailure failure) {
  co_return std::unexpected(std::move(failure));
}

class SocketStream : public env::Stream {
 public:
  explicit SocketStream(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}
  ~SocketStream() override { socket_->close(); }

  env::Awaitable<NetResult<std::string_view>> read(MonoTime deadline) override {
    return Socket::read(socket_, deadline);
  }
  env::Awaitable<NetResult<std::string>> read_few(std::size_t octets_max, MonoTime deadline) override {
    return Socket::read_few(socket_, octets_max, deadline);
  }
  env::Awaitable<NetResult<void>> write(std::string_view data, MonoTime deadline) override {
    return Socket::write(socket_, data, deadline);
  }

  env::Awaitable<NetResult<crypto::TlsFacts>> tls_accept(std::shared_ptr<env::TlsServerContext> context,
                                                         MonoTime deadline) override {
    if (!socket_->usable()) return failed<crypto::TlsFacts>({NetError::cancelled, "the connection was given up"});
    auto own = std::dynamic_pointer_cast<OpenSslServerContext>(std::move(context));
    POSTIL_ASSERT(own != nullptr);
    auto ssl = make_server_session(*own, socket_->fd());
    if (!ssl) return failed<crypto::TlsFacts>({NetError::limit, take_ssl_errors()});
    return Socket::handshake(socket_, std::move(own), std::move(ssl), nullptr, true, deadline);
  }

  env::Awaitable<NetResult<crypto::TlsFacts>> tls_connect(env::TlsClientRequest request, MonoTime deadline) override {
    if (!socket_->usable()) return failed<crypto::TlsFacts>({NetError::cancelled, "the connection was given up"});
    auto context = socket_->contexts().get(request.verify || !request.tlsa.empty(), request.ca_file);
    if (!context) return failed<crypto::TlsFacts>({NetError::tls, std::move(context.error())});
    auto ssl = make_client_session(context->get(), request, socket_->fd());
    if (!ssl) return failed<crypto::TlsFacts>({NetError::tls, std::move(ssl.error())});
    AlsoVerify also;
    if (request.verify && !request.tlsa.empty())
      also = std::make_unique<const env::TlsClientRequest>(std::move(request));
    return Socket::handshake(socket_, std::move(*context), std::move(*ssl), std::move(also), false, deadline);
  }

  bool readable_now() override { return socket_->readable_now(); }
  void cancel() override { socket_->cancel(); }
  void close() override { socket_->close(); }
  const env::Endpoint& remote() const override { return socket_->remote(); }
  const env::Endpoint& local() const override { return socket_->local(); }
  std::optional<Credentials> credentials() const override { return socket_->credentials(); }

 private:
  std::shared_ptr<Socket> socket_;
};

}  // namespace

env::NetResult<env::StreamPtr> make_stream(env::Executor executor, int fd, env::Endpoint remote, env::Endpoint local,
                                           std::shared_ptr<ClientContexts> contexts) {
  auto socket = Socket::make(executor, fd, std::move(remote), std::move(local), std::move(contexts));
  if (!socket) return std::unexpected(std::move(socket.error()));
  return std::make_unique<SocketStream>(std::move(*socket));
}

env::Awaitable<NetResult<env::StreamPtr>> connect_stream(env::Executor executor, int fd, env::Endpoint remote,
                                                         MonoTime deadline, std::shared_ptr<ClientContexts> contexts) {
  auto made = Socket::make(executor, fd, std::move(remote), env::Endpoint{}, std::move(contexts));
  if (!made) co_return std::unexpected(std::move(made.error()));
  auto socket = std::move(*made);
  auto up = co_await Socket::connected(socket, deadline);
  if (!up) co_return std::unexpected(std::move(up.error()));
  socket->set_local(local_endpoint(socket->fd()));
  env::StreamPtr stream = std::make_unique<SocketStream>(std::move(socket));
  co_return std::move(stream);
}

}  // namespace postil::env_asio
