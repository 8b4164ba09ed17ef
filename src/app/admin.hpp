// The calls of the control API, on a running server (docs/control.md).
#pragma once

#include "control/api.hpp"
#include "queue/engine.hpp"

namespace postil::app {

class App;

class Admin : public control::Handler {
 public:
  explicit Admin(App& app) : app_(app) {}
  env::Awaitable<control::json::object> handle(control::json::object request, control::Caller caller) override;

 private:
  env::Awaitable<control::json::object> status();
  env::Awaitable<control::json::object> summary(control::json::object request);
  env::Awaitable<control::json::object> ages();
  env::Awaitable<control::json::object> list(control::json::object request);
  env::Awaitable<control::json::object> show(control::json::object request);
  env::Awaitable<control::json::object> act(control::json::object request);
  control::json::object tls_reports() const;
  control::json::object suppressed(const control::json::object& request);
  env::Awaitable<control::json::object> suppress(control::json::object request, bool add);
  env::Awaitable<control::json::object> trace(control::json::object request);
  env::Awaitable<control::json::object> explain(control::json::object request);
  env::Awaitable<control::json::object> receipts(control::json::object request);
  control::json::value setting(const std::string& rule) const;
  // The message as JSON; nothing when it is not in the queue.
  env::Awaitable<std::optional<control::json::object>> message(MessageId id);

  App& app_;
};

}  // namespace postil::app
