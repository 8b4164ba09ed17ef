// The one admin API of a running server, used by the command line (and by HTTP and tests): requests and answers are
// JSON objects, one in a line, over a Unix socket (0660; who calls is known by the peer's credentials).
//
//   {"call":"queue.act","action":"hold","filter":{"site":"example.net"}}  ->  {"ok":true,"changed":["7Q3K-..."]}
//   an error: {"ok":false,"error":"bad_request","text":"..."}  (text: English, for logs and JSON)
//
// Calls and their fields: docs/control.md. A connection may carry any number of requests, one after the other.
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "env/clock.hpp"
#include "env/network.hpp"

namespace postil::control {

namespace json = boost::json;

struct Caller {
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Never throws; an unknown call gives error "unknown_call".
  virtual env::Awaitable<json::object> handle(json::object request, Caller caller) = 0;
};

// Serves connections until the listener is closed. request_octets_max guards memory (1 MiB).
env::Awaitable<void> serve(env::Listener& listener, Handler& handler, env::Clock& clock, env::Timers& timers);

json::object failure(std::string_view error, std::string text);

enum class CallError : std::uint8_t {
  not_running,    // no socket, or nobody listens there
  no_permission,  // the socket is not for this user
  broken,         // the connection ended or the answer is no JSON
  timed_out,
};
// One request over a connection of its own.
env::Awaitable<std::expected<json::object, CallError>> call(env::Network& network, env::Clock& clock,
                                                            std::string socket, json::object request,
                                                            Duration patience);

}  // namespace postil::control
