#include "app/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>

namespace postil::app {
namespace {

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {std::move(name), std::move(help), type, {metric}};
}

console::HttpResponse response(unsigned status, std::string body) {
  return {.status = status,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = std::move(body),
          .headers = {{"Cache-Control", "no-store"}}};
}

}  // namespace

MetricsServer::MetricsServer(App& app, const EventLog& log, Machine& machine)
    : app_(app), log_(log), server_(machine.network, machine.clock, machine.timers, machine.main().get_executor()) {}

std::expected<void, StartFailure> MetricsServer::start(const std::vector<config::ListenAddress>& addresses) {
  for (const auto& at : addresses) {
    const auto listening = server_.listen({at.address, at.port},
                                          [this](console::HttpRequest request) { return answer(std::move(request)); });
    if (!listening) return std::unexpected(listen_failure({at.address, at.port}, listening.error(), "metrics.listen"));
  }
  return {};
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
  gauge("postil_accepting", "1: new mail is taken; 0: below the watermark of the disk, or no descriptors are left",
        app_.store().accepts_mail() ? 1 : 0);
  const auto reports = app_.tls_reporter().summary();
  gauge("postil_tls_report_domains", "domains of which TLS sessions were counted today",
        static_cast<double>(reports.domains));
  gauge("postil_tls_report_waiting", "TLS reports that are to be sent", static_cast<double>(reports.waiting));
  gauge("postil_tls_report_last_sent_seconds", "when a TLS report was sent last, seconds since 1970; 0: never",
        static_cast<double>(unix_microseconds(reports.last_sent)) / 1e6);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  co_return out.str();
}

env::Awaitable<console::HttpResponse> MetricsServer::answer(console::HttpRequest request) {
  if (request.method == "POST") co_return response(405, "GET and HEAD only\n");
  if (request.path() == "/healthz") co_return response(200, "ok\n");
  if (!app_.started()) co_return response(503, "starting\n");
  if (request.path() == "/metrics") {
    std::string text = co_await page();
    co_return response(200, std::move(text));
  }
  if (request.path() == "/readyz") {
    const auto refuses = app_.store().refuses_mail();
    if (!refuses) co_return response(200, "ready\n");
    co_return response(503, *refuses == env::StoreError::no_space ? "no space\n" : "no descriptors\n");
  }
  co_return response(404, "there are /metrics, /healthz and /readyz\n");
}

}  // namespace postil::app
