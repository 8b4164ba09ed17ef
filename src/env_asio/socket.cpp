#include "env_asio/socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/socket_address.hpp"
#include "env_asio/tls_verify.hpp"

namespace postil::env_asio {
namespace {

namespace asio = boost::asio;
using env::NetError;
using env::NetFailure;
using env::NetResult;

// After so many reads or writes that did not have to wait, others on the thread get their turn.
constexpr unsigned turns_max = 16;

std::span<char> thread_buffer() {
  static thread_local const auto buffer = std::make_unique<std::array<char, limits::read_buffer_octets>>();
  return *buffer;
}

}  // namespace

NetResult<std::shared_ptr<Socket>> Socket::make(const env::Executor& executor, int fd, env::Endpoint remote,
                                                env::Endpoint local, std::shared_ptr<ClientContexts> contexts) {
  auto socket = std::make_shared<Socket>(executor, std::move(remote), std::move(local), std::move(contexts));
  boost::system::error_code error;
  socket->descriptor_.assign(fd, error);
  if (!error) return socket;
  ::close(fd);
  socket->closed_ = true;
  return std::unexpected(net_failure("epoll", error.value()));
}

void Alarm::set(MonoTime at) {
  rings_at = at;
  timer.expires_at(steady(at));
  timer.async_wait([self = shared_from_this(), at](const boost::system::error_code& error) {
    if (error || self->socket == nullptr || self->rings_at != at) return;
    self->rings_at = never;
    self->socket->check_deadlines(SystemClock::mono_now());
    if (self->socket == nullptr) return;
    if (const auto next = self->socket->next_deadline(); next != never) self->set(next);
  });
}

void Socket::check_deadlines(MonoTime now) {
  bool passed = false;
  for (auto& wait : waits_) {
    if (wait.deadline > now) continue;
    wait.deadline = never;
    wait.timed_out = true;
    passed = true;
  }
  // Ends the wait of the other direction too; that one sees that it has time left, and waits again.
  boost::system::error_code ignored;
  if (passed && !closed_) descriptor_.cancel(ignored);
}

std::optional<NetFailure> Socket::unusable() const {
  if (cancelled_ || closed_) return NetFailure{NetError::cancelled, "the connection was given up"};
  if (broken_) return NetFailure{NetError::tls, "TLS has failed on this connection"};
  return std::nullopt;
}

std::optional<NetFailure> Socket::begin_wait(Direction direction, MonoTime deadline) {
  if (auto failure = unusable()) return failure;
  auto& wait = waits_[direction];
  wait = {deadline, false};
  if (deadline == never) return std::nullopt;
  if (deadline <= SystemClock::mono_now()) {
    wait.deadline = never;
    return NetFailure{NetError::timed_out, ""};
  }
  if (!alarm_) alarm_ = std::make_shared<Alarm>(descriptor_.get_executor(), this);
  if (deadline < alarm_->rings_at) alarm_->set(deadline);
  return std::nullopt;
}

std::optional<NetFailure> Socket::end_wait(Direction direction, const boost::system::error_code& error) {
  auto& wait = waits_[direction];
  wait.deadline = never;
  if (auto failure = unusable()) return failure;
  // Octets that came together with the deadline are not looked at: the caller is told of the time.
  if (wait.timed_out) return NetFailure{NetError::timed_out, ""};
  if (error && error != asio::error::operation_aborted) return net_failure("wait", error.value());
  return std::nullopt;
}

env::Awaitable<void> Socket::yield_turn() {
  co_await asio::post(asio::use_awaitable);
}

Attempt Socket::ssl_failed(int result, int error_number, std::string_view what) {
  const int reason = SSL_get_error(ssl_.get(), result);
  switch (reason) {
    case SSL_ERROR_WANT_READ:
      return {.wait_for = Ready::wait_read};
    case SSL_ERROR_WANT_WRITE:
      return {.wait_for = Ready::wait_write};
    case SSL_ERROR_ZERO_RETURN:
      return {.failure = NetFailure{NetError::closed, ""}};
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      take_ssl_errors();
      if (error_number == 0) return {.failure = NetFailure{NetError::closed, "the peer closed without close_notify"}};
      return {.failure = net_failure(what, error_number)};
    default:
      break;
  }
  broken_ = true;
  const bool cut_off = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  auto text = take_ssl_errors();
  if (cut_off) return {.failure = NetFailure{NetError::closed, "the peer closed without close_notify"}};
  return {.failure = NetFailure{NetError::tls, std::move(text)}};
}

Attempt Socket::try_read(std::span<char> into) {
  if (auto failure = unusable()) return {.failure = std::move(failure)};
  if (tls()) {
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    if (got > 0) return {.done = static_cast<std::size_t>(got)};
    return ssl_failed(got, errno, "read");
  }
  for (;;) {
    const ssize_t got = ::recv(fd(), into.data(), into.size(), 0);
    emptied_ = got > 0 && static_cast<std::size_t>(got) < into.size();
    if (got > 0) return {.done = static_cast<std::size_t>(got)};
    if (got == 0) return {.failure = NetFailure{NetError::closed, ""}};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.wait_for = Ready::wait_read};
    return {.failure = net_failure("read", errno)};
  }
}

// What is there, in the thread's buffer; empty: `wait_for` must be waited for, or it failed.
std::string_view Socket::read_now(Ready& wait_for, std::optional<NetFailure>& failure) {
  const auto buffer = thread_buffer();
  auto attempt = try_read(buffer);
  failure = std::move(attempt.failure);
  if (attempt.wait_for) wait_for = *attempt.wait_for;
  return {buffer.data(), attempt.done};
}

Attempt Socket::try_write(std::string_view data) {
  if (auto failure = unusable()) return {.failure = std::move(failure)};
  if (tls()) {
    ERR_clear_error();
    errno = 0;
    const int length = static_cast<int>(std::min<std::size_t>(data.size(), 1 << 30));
    const int sent = SSL_write(ssl_.get(), data.data(), length);
    if (sent > 0) return {.done = static_cast<std::size_t>(sent)};
    return ssl_failed(sent, errno, "write");
  }
  for (;;) {
    const ssize_t sent = ::send(fd(), data.data(), data.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {.done = static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.wait_for = Ready::wait_write};
    return {.failure = net_failure("write", errno)};
  }
}

Attempt Socket::try_handshake() {
  if (auto failure = unusable()) return {.failure = std::move(failure)};
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return {.done = 1};
  const int error_number = errno;
  auto certificate = SSL_is_server(ssl_.get()) ? std::string() : verify_failure(ssl_.get());
  auto attempt = ssl_failed(result, error_number, "TLS handshake");
  if (!attempt.failure) return attempt;
  auto& failure = *attempt.failure;
  failure.tls_fault = crypto::TlsFault::other;
  if (!certificate.empty()) {
    failure = {NetError::tls, std::move(certificate),
               fault_of(SSL_get_verify_result(ssl_.get()), has_tlsa(ssl_.get()))};
  } else if (failure.error == NetError::closed) {
    failure = {NetError::tls, "the peer closed the connection during the TLS handshake", crypto::TlsFault::other};
  } else if (failure.error != NetError::tls) {
    failure.error = NetError::tls;
  }
  return attempt;
}

// One failure and no attempt in the frame: an idle session lives in it.
env::Awaitable<NetResult<std::string_view>> Socket::read(std::shared_ptr<Socket> self, MonoTime deadline) {
  std::optional<NetFailure> failure;
  for (;;) {
    if (++self->turns_ >= turns_max) {
      self->turns_ = 0;
      co_await yield_turn();
      if (deadline <= SystemClock::mono_now()) {
        failure = NetFailure{NetError::timed_out, ""};
        break;
      }
    }
    auto wait_for = Ready::wait_read;
    if (!std::exchange(self->answer_due_, false)) {
      const auto got = self->read_now(wait_for, failure);
      if (failure) break;
      if (!got.empty()) co_return got;
    }
    self->turns_ = 0;
    failure = self->begin_wait(reading, deadline);
    if (failure) break;
    auto [error] = co_await self->descriptor_.async_wait(wait_for, asio::as_tuple(asio::deferred));
    failure = self->end_wait(reading, error);
    if (failure) break;
  }
  co_return std::unexpected(std::move(*failure));
}

env::Awaitable<NetResult<std::string>> Socket::read_few(std::shared_ptr<Socket> self, std::size_t octets_max,
                                                        MonoTime deadline) {
  POSTIL_ASSERT(!self->tls() && octets_max > 0);
  std::string octets(octets_max, '\0');
  for (;;) {
    auto attempt = self->try_read(octets);
    if (attempt.failure) co_return std::unexpected(std::move(*attempt.failure));
    octets.resize(attempt.done);
    if (attempt.done > 0) co_return octets;
    octets.resize(octets_max);
    if (auto failure = self->begin_wait(reading, deadline)) co_return std::unexpected(std::move(*failure));
    auto [error] = co_await self->descriptor_.async_wait(*attempt.wait_for, asio::as_tuple(asio::deferred));
    if (auto failure = self->end_wait(reading, error)) co_return std::unexpected(std::move(*failure));
  }
}

env::Awaitable<NetResult<void>> Socket::write(std::shared_ptr<Socket> self, std::string_view data, MonoTime deadline) {
  while (!data.empty()) {
    if (++self->turns_ >= turns_max) {
      self->turns_ = 0;
      co_await yield_turn();
      if (deadline <= SystemClock::mono_now()) co_return std::unexpected(NetFailure{NetError::timed_out, ""});
    }
    auto attempt = self->try_write(data);
    if (attempt.failure) co_return std::unexpected(std::move(*attempt.failure));
    data.remove_prefix(attempt.done);
    if (!attempt.wait_for) continue;
    self->turns_ = 0;
    if (auto failure = self->begin_wait(writing, deadline)) co_return std::unexpected(std::move(*failure));
    auto [error] = co_await self->descriptor_.async_wait(*attempt.wait_for, asio::as_tuple(asio::deferred));
    if (auto failure = self->end_wait(writing, error)) co_return std::unexpected(std::move(*failure));
  }
  if (auto failure = self->unusable()) co_return std::unexpected(std::move(*failure));
  self->answer_due_ = self->emptied_ && !self->tls();
  co_return NetResult<void>{};
}

env::Awaitable<NetResult<void>> Socket::connected(std::shared_ptr<Socket> self, MonoTime deadline) {
  for (bool up = false; !up;) {
    if (auto failure = self->begin_wait(writing, deadline)) co_return std::unexpected(std::move(*failure));
    auto [error] = co_await self->descriptor_.async_wait(Ready::wait_write, asio::as_tuple(asio::deferred));
    if (auto failure = self->end_wait(writing, error)) co_return std::unexpected(std::move(*failure));
    up = !error;
  }
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(self->fd(), SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) error_number = errno;
  if (error_number != 0) co_return std::unexpected(net_failure("connect", error_number));
  co_return NetResult<void>{};
}

env::Awaitable<NetResult<crypto::TlsFacts>> Socket::handshake(std::shared_ptr<Socket> self,
                                                              std::shared_ptr<void> context, SslPtr ssl,
                                                              AlsoVerify also, bool server, MonoTime deadline) {
  POSTIL_ASSERT(!self->tls());
  self->ssl_ = std::move(ssl);
  self->tls_context_ = std::move(context);
  for (;;) {
    auto attempt = self->try_handshake();
    if (attempt.done > 0) break;
    if (attempt.failure) {
      self->broken_ = true;
      co_return std::unexpected(std::move(*attempt.failure));
    }
    auto ended = self->begin_wait(reading, deadline);
    if (!ended) {
      auto [error] = co_await self->descriptor_.async_wait(*attempt.wait_for, asio::as_tuple(asio::deferred));
      ended = self->end_wait(reading, error);
    }
    if (ended) {
      self->broken_ = true;
      co_return std::unexpected(std::move(*ended));
    }
  }
  if (also) {
    if (auto failure = authority_failure(self->ssl_.get(), *also)) {
      self->broken_ = true;
      co_return std::unexpected(std::move(*failure));
    }
  }
  self->handshaken_ = true;
  if (server) self->acknowledge_now();
  auto facts = server ? server_facts(self->ssl_.get()) : client_facts(self->ssl_.get());
  if (also) facts.peer_verified = true;
  co_return facts;
}

// After a handshake without session tickets the server has nothing to say, so the acknowledgement of the client's last
// flight would wait for 40 ms; and a client that lets the kernel gather small segments holds its EHLO back until then.
void Socket::acknowledge_now() {
  const int on = 1;
  ::setsockopt(fd(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

bool Socket::readable_now() {
  if (!usable()) return false;
  if (tls() && SSL_pending(ssl_.get()) > 0) return true;
  char octet = 0;
  return ::recv(fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Socket::cancel() {
  cancelled_ = true;
  boost::system::error_code ignored;
  if (!closed_) descriptor_.cancel(ignored);
}

// Says goodbye as far as that goes without waiting, and reads away what has come in: a close(2) with octets unread
// sends RST, and the peer may lose our last reply.
void Socket::send_close() {
  if (tls() && handshaken_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  if (::shutdown(fd(), SHUT_WR) != 0) return;
  for (int i = 0; i < 4; ++i) {
    const auto buffer = thread_buffer();
    if (::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT) <= 0) break;
  }
}

void Socket::close() {
  if (closed_) return;
  send_close();
  closed_ = true;
  if (alarm_) {
    alarm_->socket = nullptr;
    alarm_->timer.cancel();
    alarm_.reset();
  }
  ssl_.reset();
  tls_context_.reset();
  boost::system::error_code ignored;
  descriptor_.close(ignored);
}

std::optional<env::Stream::Credentials> Socket::credentials() {
  if (closed_) return std::nullopt;
  int domain = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(fd(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_UNIX) return std::nullopt;
  ucred peer{};
  length = sizeof peer;
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return env::Stream::Credentials{peer.uid, peer.gid, peer.pid};
}

}  // namespace postil::env_asio
