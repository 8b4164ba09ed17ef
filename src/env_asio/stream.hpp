// A connection over a real socket, TCP or Unix, plain or TLS.
//
// Reactor style: the socket is tried first; only when it has nothing do we wait for readiness. What was read stands in
// a 64 KiB buffer of the thread, so an idle session owns none. One timer for each stream, made when the first wait
// with a deadline needs it, and moved only when it must ring earlier.
//
// Errors in the handshake are NetError::tls also when the peer closed or reset (deadlines and cancel() stay what they
// are): the caller's question is "did TLS fail?". After a failed handshake the stream is good for close() only.
// A TLS peer that closes without close_notify gives NetError::closed: SMTP has its own ends.
#pragma once

#include <memory>

#include "env/network.hpp"
#include "env_asio/tls.hpp"

namespace postil::env_asio {

// Takes ownership of `fd`, a connected non-blocking socket, also on failure (NetError::limit or other: the reactor
// would not have it). contexts: for tls_connect, shared by all streams of a network.
env::NetResult<env::StreamPtr> make_stream(env::Executor executor, int fd, env::Endpoint remote, env::Endpoint local,
                                           std::shared_ptr<ClientContexts> contexts);

// Ends a connect(2) that is in progress on `fd` (ownership taken) by waiting until it is up, failed, or the deadline
// passed; runs on `executor`, the calling coroutine's.
env::Awaitable<env::NetResult<env::StreamPtr>> connect_stream(env::Executor executor, int fd, env::Endpoint remote,
                                                              MonoTime deadline,
                                                              std::shared_ptr<ClientContexts> contexts);

}  // namespace postil::env_asio
