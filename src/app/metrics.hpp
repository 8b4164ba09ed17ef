// Prometheus metrics on loopback: one counter per event, gauges of the queue and the sessions, at GET /metrics;
// GET /healthz says that the process lives, GET /readyz whether it takes mail.
#pragma once

#include <expected>
#include <vector>

#include "app/app.hpp"
#include "app/event_log.hpp"
#include "app/machine.hpp"
#include "console/http_server.hpp"

namespace postil::app {

class MetricsServer {
 public:
  MetricsServer(App& app, const EventLog& log, Machine& machine);
  // Before the server itself: an address that cannot be had is a reason not to start, as for every listener. Until the
  // server has started the answer is 503.
  std::expected<void, StartFailure> start(const std::vector<config::ListenAddress>& addresses);

 private:
  env::Awaitable<console::HttpResponse> answer(console::HttpRequest request);
  env::Awaitable<std::string> page();

  App& app_;
  const EventLog& log_;
  console::HttpServer server_;
};

}  // namespace postil::app
