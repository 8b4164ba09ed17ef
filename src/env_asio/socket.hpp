// The state of a connection over a real socket, and each operation on it. Runs on one thread, its executor's.
#pragma once

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "env/network.hpp"
#include "env_asio/tls.hpp"

namespace postil::env_asio {

using Descriptor = boost::asio::posix::stream_descriptor;
using Ready = Descriptor::wait_type;
// Where TLSA records have decided a handshake, and the authorities are to be asked too; null: not.
using AlsoVerify = std::unique_ptr<const env::TlsClientRequest>;

class Socket;

// The deadline of a stream's waits. On its own in memory: its handler may run after the stream has gone.
struct Alarm : std::enable_shared_from_this<Alarm> {
  Alarm(const env::Executor& executor, Socket* owner) : timer(executor), socket(owner) {}
  boost::asio::steady_timer timer;
  Socket* socket;             // null when the stream is closed
  MonoTime rings_at = never;  // never = not set
  void set(MonoTime at);
};

// What one try on the socket gave: octets, or what must be waited for, or the end.
struct Attempt {
  std::size_t done = 0;
  std::optional<Ready> wait_for;
  std::optional<env::NetFailure> failure;
};

// The stream's state. Pending operations share it, so that a stream destroyed under them ends them safely.
class Socket {
 public:
  Socket(const env::Executor& executor, env::Endpoint remote, env::Endpoint local,
         std::shared_ptr<ClientContexts> contexts)
      : descriptor_(executor), remote_(std::move(remote)), local_(std::move(local)), contexts_(std::move(contexts)) {}
  ~Socket() { close(); }
  static env::NetResult<std::shared_ptr<Socket>> make(const env::Executor& executor, int fd, env::Endpoint remote,
                                                      env::Endpoint local, std::shared_ptr<ClientContexts> contexts);

  static env::Awaitable<env::NetResult<std::string_view>> read(std::shared_ptr<Socket> self, MonoTime deadline);
  static env::Awaitable<env::NetResult<std::string>> read_few(std::shared_ptr<Socket> self, std::size_t octets_max,
                                                              MonoTime deadline);
  static env::Awaitable<env::NetResult<void>> write(std::shared_ptr<Socket> self, std::string_view data,
                                                    MonoTime deadline);
  static env::Awaitable<env::NetResult<void>> connected(std::shared_ptr<Socket> self, MonoTime deadline);
  static env::Awaitable<env::NetResult<crypto::TlsFacts>> handshake(std::shared_ptr<Socket> self,
                                                                    std::shared_ptr<void> context, SslPtr ssl,
                                                                    AlsoVerify also, bool server, MonoTime deadline);

  bool readable_now();
  void cancel();
  void close();
  std::optional<env::Stream::Credentials> credentials();
  void check_deadlines(MonoTime now);
  MonoTime next_deadline() const { return std::min(waits_[0].deadline, waits_[1].deadline); }

  int fd() { return descriptor_.native_handle(); }
  const env::Endpoint& remote() const { return remote_; }
  const env::Endpoint& local() const { return local_; }
  ClientContexts& contexts() { return *contexts_; }
  void set_local(env::Endpoint local) { local_ = std::move(local); }
  bool usable() const { return !closed_ && !cancelled_ && !broken_; }
  bool tls() const { return ssl_ != nullptr; }

 private:
  enum Direction : std::size_t { reading, writing };
  struct Wait {
    MonoTime deadline = never;
    bool timed_out = false;
  };

  // Around each wait on the descriptor, in the coroutine that waits: a coroutine of its own for this would cost every
  // idle session another frame. A wait may end without cause (the other direction's deadline): try, and wait again.
  std::optional<env::NetFailure> begin_wait(Direction direction, MonoTime deadline);
  std::optional<env::NetFailure> end_wait(Direction direction, const boost::system::error_code& error);
  static env::Awaitable<void> yield_turn();
  Attempt try_read(std::span<char> into);
  std::string_view read_now(Ready& wait_for, std::optional<env::NetFailure>& failure);
  Attempt try_write(std::string_view data);
  Attempt try_handshake();
  void acknowledge_now();
  Attempt ssl_failed(int result, int error_number, std::string_view what);
  std::optional<env::NetFailure> unusable() const;
  void send_close();

  Descriptor descriptor_;
  SslPtr ssl_;
  std::shared_ptr<void> tls_context_;  // keeps what ssl_ uses
  std::shared_ptr<Alarm> alarm_;
  Wait waits_[2];
  env::Endpoint remote_;
  env::Endpoint local_;
  std::shared_ptr<ClientContexts> contexts_;
  std::uint8_t turns_ = 0;
  bool emptied_ = false;     // the last read left nothing behind
  bool answer_due_ = false;  // and we have written since: what the peer says to it can hardly be here yet
  bool handshaken_ = false;
  bool broken_ = false;  // TLS failed: nothing more may be read or written, in clear least of all
  bool cancelled_ = false;
  bool closed_ = false;
};

}  // namespace postil::env_asio
