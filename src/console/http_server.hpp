// A small HTTP/1.1 server on the network port: metrics, health checks and the reference. Boost.Beast reads the
// requests. It keeps no log of requests: what people paste stays theirs.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "console/http.hpp"
#include "env/clock.hpp"
#include "env/network.hpp"

namespace postil::console {

struct HttpLimits {
  std::size_t connections_max = 100;  // of one server; above it new ones are closed at once
  std::size_t head_octets_max = 8 * 1024;
  std::size_t body_octets_max = 768 * 1024;  // of a form: nine octets for each character that the box takes
  std::size_t requests_max = 200;            // of one connection
  Duration head_time = seconds(10);          // from the first octet of a request
  Duration body_time = seconds(20);
  Duration idle_time = seconds(30);  // between requests
  Duration write_time = seconds(30);
};

// On the server's executor; must not throw.
using HttpHandler = std::function<env::Awaitable<HttpResponse>(HttpRequest)>;

// All calls on one executor. After stop() or the destructor no handler is called any more; connections end on their
// own.
class HttpServer {
 public:
  HttpServer(env::Network& network, env::Clock& clock, env::Timers& timers, env::Executor executor,
             HttpLimits limits = {});
  ~HttpServer();
  // Listens there and answers with `handler`. The real address (with its port), or why it cannot.
  env::NetResult<env::Endpoint> listen(const env::Endpoint& at, HttpHandler handler);
  void stop();
  std::size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postil::console
