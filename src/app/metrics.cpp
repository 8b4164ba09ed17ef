#include "app/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <sstream>

namespace postil::app {
namespace {

constexpr std::size_t request_octets_max = 8192;

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {std::move(name), std::move(help), type, {metric}};
}

std::string response(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      status, body.size(), body);
}

}  // namespace

MetricsServer::MetricsServer(App& app, const EventLog& log, Machine& machine)
    : app_(app), log_(log), machine_(machine) {}

void MetricsServer::start(const std::vector<config::ListenAddress>& addresses) {
  for (const auto& at : addresses) {
    auto listener = machine_.network.listen({at.address, at.port}, {}, machine_.main().get_executor());
    if (!listener) {
      app_.ports().events.emit({event::Name::resource_trouble,
                                {{"what", "metrics"},
                                 {"address", fmt::format("{}:{}", at.address, at.port)},
                                 {"why", listener.error().detail}}});
      continue;
    }
    boost::asio::co_spawn(machine_.main(), accept(std::shared_ptr<env::Listener>(std::move(*listener))),
                          boost::asio::detached);
  }
}

env::Awaitable<void> MetricsServer::accept(std::shared_ptr<env::Listener> listener) {
  auto pause = machine_.timers.make(machine_.main().get_executor());
  for (;;) {
    auto stream = co_await listener->accept(machine_.main().get_executor());
    if (stream) {
      boost::asio::co_spawn(machine_.main(), answer(std::move(*stream)), boost::asio::detached);
    } else if (stream.error().error == env::NetError::cancelled) {
      co_return;
    } else {
      co_await pause->wait_until(machine_.clock.now() + milliseconds(100));
    }
  }
}

env::Awaitable<std::string> MetricsServer::page() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> all;
  for (std::size_t i = 0; i < event::declaration_count(); ++i) {
    const auto& declared = event::declaration(static_cast<event::Name>(i));
    std::string name = fmt::format("postil_{}_total", declared.wire);
    std::ranges::replace(name, '.', '_');
    all.push_back(family(std::move(name), std::string(declared.text), MetricType::Counter,
                         static_cast<double>(log_.count(declared.name))));
  }
  all.push_back(family("postil_log_dropped_total", "log lines that were dropped because nobody read them",
                       MetricType::Counter, static_cast<double>(log_.dropped())));
  auto read = [](const queue::Engine& engine, queue::Now) { return engine.totals(); };
  const auto totals = co_await app_.post_office().ask(read);
  const auto gauge = [&](std::string name, std::string help, double value) {
    all.push_back(family(std::move(name), std::move(help), MetricType::Gauge, value));
  };
  gauge("postil_queue_messages", "messages that wait", static_cast<double>(totals.messages));
  gauge("postil_queue_recipients", "recipients that wait", static_cast<double>(totals.recipients));
  gauge("postil_queue_held", "messages that an admin holds", static_cast<double>(totals.held));
  gauge("postil_queue_attempts", "delivery attempts that run", static_cast<double>(totals.attempts_running));
  gauge("postil_queue_sites", "destinations with waiting mail", static_cast<double>(totals.sites));
  const auto age = totals.messages ? app_.ports().clock.wall() - totals.oldest : Duration(0);
  gauge("postil_queue_oldest_seconds", "age of the oldest waiting message", static_cast<double>(age.count()) / 1e6);
  gauge("postil_sessions", "open sessions", static_cast<double>(app_.registry().sessions()));
  gauge("postil_accepting", "1: new mail is taken; 0: below the watermark of the disk",
        app_.store().accepts_mail() ? 1 : 0);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  co_return out.str();
}

env::Awaitable<void> MetricsServer::answer(env::StreamPtr stream) {
  const MonoTime deadline = machine_.clock.now() + seconds(10);
  std::string request;
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < request_octets_max) {
    const auto octets = co_await stream->read(deadline);
    if (!octets) co_return;
    request.append(*octets);
  }
  std::string reply;
  if (request.starts_with("GET /metrics ")) {
    const std::string text = co_await page();
    reply = response("200 OK", text);
  } else if (request.starts_with("GET /healthz ")) {
    reply = response("200 OK", "ok\n");
  } else if (request.starts_with("GET /readyz ")) {
    const bool ready = app_.store().accepts_mail();
    reply = ready ? response("200 OK", "ready\n") : response("503 Service Unavailable", "no space\n");
  } else {
    reply = response("404 Not Found", "there are /metrics, /healthz and /readyz\n");
  }
  co_await stream->write(reply, deadline);
  stream->close();
}

}  // namespace postil::app
