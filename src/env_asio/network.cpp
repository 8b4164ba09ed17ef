#include "env_asio/network.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcntl.h>
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <limits>

#include "env_asio/clock.hpp"
#include "env_asio/socket_address.hpp"
#include "env_asio/stream.hpp"

namespace postil::env_asio {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using env::Endpoint;
using env::NetError;
using env::NetFailure;
using env::NetResult;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  void reset() { *this = Fd(-1); }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

Fd make_socket(int family) {
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// ---- listening ----

// Descriptors are given lowest first: one from here on means that no more than the spare ones are left.
int first_spare_descriptor(int spare) {
  rlimit limit{};
  if (spare <= 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  constexpr rlim_t share = 8;
  const auto kept = std::min(static_cast<rlim_t>(spare), limit.rlim_cur / share);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - kept, std::numeric_limits<int>::max()));
}

// Held for when there is no other.
Fd reserve_descriptor() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// Shared by the listener and a pending accept, as a stream's core is.
struct Acceptor {
  Acceptor(const env::Executor& executor, Endpoint at, std::string path,
           std::shared_ptr<ClientContexts> client_contexts)
      : descriptor(executor),
        local(std::move(at)),
        unlink_path(std::move(path)),
        contexts(std::move(client_contexts)) {}
  ~Acceptor() { close(); }
  void close() {
    if (closed) return;
    closed = true;
    boost::system::error_code ignored;
    descriptor.close(ignored);
    if (!unlink_path.empty()) ::unlink(unlink_path.c_str());
  }

  Descriptor descriptor;
  Endpoint local;
  std::string unlink_path;  // of a Unix socket that we made
  std::shared_ptr<ClientContexts> contexts;
  int first_spare = std::numeric_limits<int>::max();
  Fd reserve = reserve_descriptor();
  Fd over_limit{-1};  // accepted, and one too many
  unsigned turns = 0;
  bool closed = false;
};

// After so many connections that were there without waiting, others on the thread get their turn.
constexpr unsigned turns_max = 16;

NetResult<env::StreamPtr> stream_of(const Acceptor& acceptor, const env::Executor& executor, int fd,
                                    const SocketAddress& peer) {
  if (peer.family() == AF_UNIX || acceptor.local.local()) {
    return make_stream(executor, fd, acceptor.local, acceptor.local, acceptor.contexts);
  }
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return make_stream(executor, fd, endpoint_of(peer), local_endpoint(fd), acceptor.contexts);
}

bool of_one_connection(int error_number) {  // accept(2): errors that came in on the new socket; try the next one
  switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

env::Awaitable<NetResult<env::StreamPtr>> accept_one(std::shared_ptr<Acceptor> self, env::Executor executor) {
  if (++self->turns % turns_max == 0) co_await asio::post(asio::use_awaitable);
  for (;;) {
    if (self->closed) co_return std::unexpected(NetFailure{NetError::cancelled, "the listener was closed"});
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    const int fd = ::accept4(self->descriptor.native_handle(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= self->first_spare) {
      self->over_limit = Fd(fd);
      co_return std::unexpected(NetFailure{NetError::limit, "accept: only the last descriptors are left"});
    }
    if (fd >= 0) co_return stream_of(*self, executor, fd, peer);
    if (of_one_connection(errno)) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(net_failure("accept", errno));
    auto [error] = co_await self->descriptor.async_wait(Descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
    if (error && error != asio::error::operation_aborted) {
      co_return std::unexpected(net_failure("accept", error.value()));
    }
  }
}

// What the client has sent already is read, since a close with octets unread is a reset, which may overtake the
// farewell.
void say_and_close(Fd fd, std::string_view farewell) {
  (void)::send(fd.get(), farewell.data(), farewell.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(fd.get(), SHUT_WR);
  char dropped[4096];
  for (int i = 0; i < 4 && ::recv(fd.get(), dropped, sizeof dropped, MSG_DONTWAIT) > 0; ++i) {
  }
}

Endpoint remote_endpoint(int fd) {
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  if (::getpeername(fd, peer.get(), &peer.length) != 0) return {};
  return endpoint_of(peer);
}

std::optional<Endpoint> turn_one_away(Acceptor& self, std::string_view farewell) {
  if (self.closed) return std::nullopt;
  Fd fd = std::exchange(self.over_limit, Fd(-1));
  if (fd.get() < 0) {
    self.reserve.reset();
    fd = Fd(::accept4(self.descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  std::optional<Endpoint> who;
  if (fd.get() >= 0) {
    who = self.local.local() ? self.local : remote_endpoint(fd.get());
    say_and_close(std::move(fd), farewell);
  }
  if (self.reserve.get() < 0) self.reserve = reserve_descriptor();
  return who;
}

class SocketListener : public env::Listener {
 public:
  explicit SocketListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~SocketListener() override { acceptor_->close(); }
  env::Awaitable<NetResult<env::StreamPtr>> accept(env::Executor executor) override {
    return accept_one(acceptor_, std::move(executor));
  }
  std::optional<Endpoint> turn_away(std::string_view farewell) override { return turn_one_away(*acceptor_, farewell); }
  void close() override { acceptor_->close(); }
  const Endpoint& local() const override { return acceptor_->local; }

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

NetResult<std::unique_ptr<env::Listener>> make_listener(const env::Executor& executor, Fd fd, std::string unlink_path,
                                                        std::shared_ptr<ClientContexts> contexts,
                                                        int spare_descriptors) {
  auto acceptor =
      std::make_shared<Acceptor>(executor, local_endpoint(fd.get()), std::move(unlink_path), std::move(contexts));
  boost::system::error_code error;
  acceptor->descriptor.assign(fd.get(), error);
  if (error) return std::unexpected(net_failure("epoll", error.value()));
  fd.release();
  acceptor->first_spare = first_spare_descriptor(spare_descriptors);
  return std::make_unique<SocketListener>(std::move(acceptor));
}

// A socket file that nobody listens at any more, left by a process that died.
bool stale(const SocketAddress& address, const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const auto probe = make_socket(AF_UNIX);
  return probe.get() >= 0 && ::connect(probe.get(), address.get(), address.length) != 0 && errno == ECONNREFUSED;
}

NetResult<Fd> bind_unix(const SocketAddress& address, const std::string& path, int mode) {
  auto fd = make_socket(AF_UNIX);
  if (fd.get() < 0) return std::unexpected(net_failure("socket", errno));
  ::fchmod(fd.get(), 0600);  // Linux gives the file this mode: closed until it has the right one
  int result = ::bind(fd.get(), address.get(), address.length);
  if (result != 0 && errno == EADDRINUSE && stale(address, path)) {
    ::unlink(path.c_str());
    result = ::bind(fd.get(), address.get(), address.length);
  }
  if (result != 0) {
    if (errno == ENOENT)
      return std::unexpected(NetFailure{NetError::other, "bind: the folder of " + path + " does not exist"});
    return std::unexpected(net_failure("bind " + path, errno));
  }
  if (::chmod(path.c_str(), static_cast<mode_t>(mode != 0 ? mode : 0600)) != 0) {
    auto failure = net_failure("chmod " + path, errno);
    ::unlink(path.c_str());
    return std::unexpected(std::move(failure));
  }
  return fd;
}

NetResult<Fd> bind_tcp(const SocketAddress& address, const Endpoint& at) {
  auto fd = make_socket(address.family());
  if (fd.get() < 0) return std::unexpected(net_failure("socket", errno));
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(fd.get(), address.get(), address.length) != 0) {
    return std::unexpected(net_failure("bind " + to_string(at), errno));
  }
  return fd;
}

// ---- connecting ----

NetResult<Fd> socket_for(const SocketAddress& to, const std::string& source) {
  auto fd = make_socket(to.family());
  if (fd.get() < 0) return std::unexpected(net_failure("socket", errno));
  if (to.family() == AF_UNIX) return fd;
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (source.empty()) return fd;
  const auto from = socket_address({source, 0});
  if (!from || from->family() != to.family()) {
    return std::unexpected(NetFailure{NetError::unreachable,
                                      fmt::format("the source address {} is not of the destination's family", source)});
  }
  set_option(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // the port only once the destination is known
  if (::bind(fd.get(), from->get(), from->length) != 0) return std::unexpected(net_failure("bind " + source, errno));
  return fd;
}

// connect(2) on a Unix socket whose backlog is full says EAGAIN, and nothing tells when there is room.
constexpr milliseconds unix_retry_interval(20);

env::Awaitable<NetResult<env::StreamPtr>> connect_to(std::shared_ptr<ClientContexts> contexts, Endpoint to,
                                                     std::string source, MonoTime deadline) {
  const env::Executor executor = co_await asio::this_coro::executor;
  const auto address = socket_address(to);
  if (!address) {
    co_return std::unexpected(NetFailure{NetError::unreachable, fmt::format("{} is no address", to_string(to))});
  }
  auto fd = socket_for(*address, source);
  if (!fd) co_return std::unexpected(std::move(fd.error()));
  for (;;) {
    if (::connect(fd->get(), address->get(), address->length) == 0 || errno == EINPROGRESS || errno == EINTR) break;
    if (errno != EAGAIN || !to.local()) co_return std::unexpected(net_failure("connect", errno));
    if (SystemClock::mono_now() + unix_retry_interval > deadline) {
      co_return std::unexpected(NetFailure{NetError::timed_out, "the listener's backlog is full"});
    }
    asio::steady_timer timer(executor, unix_retry_interval);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return co_await connect_stream(executor, fd->release(), std::move(to), deadline, std::move(contexts));
}

}  // namespace

AsioNetwork::AsioNetwork() : contexts_(std::make_shared<ClientContexts>()) {
  ignore_sigpipe();
}

NetResult<std::unique_ptr<env::Listener>> AsioNetwork::listen(const Endpoint& at, const env::ListenOptions& options,
                                                              env::Executor executor) {
  const auto address = socket_address(at);
  if (!address) return std::unexpected(NetFailure{NetError::other, fmt::format("{} is no address", to_string(at))});
  auto fd = at.local() ? bind_unix(*address, at.address, options.unix_mode) : bind_tcp(*address, at);
  if (!fd) return std::unexpected(std::move(fd.error()));
  if (::listen(fd->get(), options.backlog) != 0) {
    auto failure = net_failure("listen " + to_string(at), errno);
    if (at.local()) ::unlink(at.address.c_str());
    return std::unexpected(std::move(failure));
  }
  return make_listener(executor, std::move(*fd), at.local() ? at.address : "", contexts_, options.spare_descriptors);
}

NetResult<std::unique_ptr<env::Listener>> AsioNetwork::adopt(int fd, env::Executor executor, int spare_descriptors) {
  Fd own(fd);
  int listening = 0;
  socklen_t length = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) {
    return std::unexpected(net_failure("adopt", errno));
  }
  if (listening == 0) return std::unexpected(NetFailure{NetError::other, "adopt: this socket does not listen"});
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  return make_listener(executor, std::move(own), "", contexts_, spare_descriptors);
}

env::Awaitable<NetResult<env::StreamPtr>> AsioNetwork::connect(Endpoint to, std::string source, MonoTime deadline) {
  return connect_to(contexts_, std::move(to), std::move(source), deadline);
}

std::expected<std::shared_ptr<env::TlsServerContext>, std::string> AsioNetwork::load_tls(
    const env::TlsServerFiles& files) {
  auto context = load_server_context(files);
  if (!context) return std::unexpected(std::move(context.error()));
  return std::move(*context);
}

}  // namespace postil::env_asio
