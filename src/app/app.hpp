// A whole server, wired from a configuration and the ports: spool, queue, listeners, control. No thread, no
// descriptor, no signal here: those are serve.cpp's.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/admin.hpp"
#include "app/ports.hpp"
#include "app/rate_limits.hpp"
#include "app/settings.hpp"
#include "config/config.hpp"
#include "control/api.hpp"
#include "delivery/post_office.hpp"
#include "delivery/reports.hpp"
#include "delivery/tls_reporter.hpp"
#include "history/history.hpp"
#include "server/acceptor.hpp"
#include "spool/log.hpp"

namespace postil::app {

// Why a server could not start: a text for people, and the exit code that says the same.
struct StartFailure {
  std::string text_key;
  i18n::Args args;
  int exit_code = 78;
  std::string config_key = {};  // the one to look at; "" = none
};

// For an address that could not be opened: what to do about it. config_key names it.
StartFailure listen_failure(const env::Endpoint& at, const env::NetFailure& failure, std::string_view config_key);

struct Extras {
  server::AccountSource* accounts = nullptr;                             // null: nobody can log in
  std::function<std::optional<std::string>(std::uint32_t)> local_login;  // account name for a uid
  std::function<std::vector<std::string>(std::string_view)> help;        // HELP CODE
  std::string smarthost_password;
  std::shared_ptr<const mailauth::DkimKeys> dkim;  // of the configuration's [[dkim]]; null: nothing is signed
  std::vector<std::string> own_addresses;          // numeric addresses of this machine
  // Sockets that were handed over (socket activation), as HandedOver::take(): asked before a new one is opened.
  std::function<std::optional<std::unique_ptr<env::Listener>>(const env::Endpoint&, env::Executor)> adopt;
  boost::json::object demo;                                     // for the control call "demo"; empty otherwise
  std::function<env::Awaitable<boost::json::object>()> reload;  // for the control call "reload"
};

class App {
 public:
  App(Ports ports, Executors executors, config::Config config, Extras extras);
  ~App();
  // On the main executor. After it the server listens and delivers.
  env::Awaitable<std::expected<void, StartFailure>> start();
  // No new sessions and attempts; running ones get `grace`, all together, and what is to be written 10 s more. On the
  // main executor. After it the spool is closed.
  env::Awaitable<void> stop(Duration grace);
  // Takes a new configuration where that can be done while running. Certificates are read again. The keys whose new
  // values wait for a restart.
  env::Awaitable<std::expected<std::vector<std::string>, StartFailure>> reload(
      config::Config config, std::string smarthost_password, std::shared_ptr<const mailauth::DkimKeys> dkim);
  // With the real ports (0 was asked for): for tests, the demo and logs.
  std::vector<std::pair<ListenerPlan, env::Endpoint>> listening() const;
  bool started() const { return started_; }
  const config::Config& config() const { return config_; }
  delivery::PostOffice& post_office() { return *post_office_; }
  history::Suppressions* suppressions() { return suppressions_.get(); }  // null for a server that takes no mail
  const delivery::TlsReporter& tls_reporter() const { return *tls_reporter_; }
  env::Store& store() { return *store_; }
  history::History& history() { return *history_; }
  const server::Registry& registry() const { return *registry_; }
  Ports& ports() { return ports_; }
  const Extras& extras() const { return extras_; }
  MonoTime started_at() const { return started_at_; }
  MessageId make_id(WallTime now);

 private:
  struct Intake;
  std::expected<std::shared_ptr<const server::ListenerState>, StartFailure> listener_state(const ListenerPlan& plan);
  env::Awaitable<std::expected<void, StartFailure>> open_store();
  env::Awaitable<std::expected<void, StartFailure>> open_suppressions();
  std::expected<void, StartFailure> load_certificate();
  std::shared_ptr<const delivery::Settings> settings_for_delivery() const;
  std::vector<std::string> looping_addresses() const;
  std::expected<void, StartFailure> listen(const ListenerPlan& plan);
  env::Awaitable<std::expected<void, StartFailure>> listen_control();

  Ports ports_;
  Executors executors_;
  config::Config config_;
  const std::vector<std::string> shown_at_start_;  // values of what needs a restart
  Extras extras_;
  MonoTime started_at_{};
  bool started_ = false;  // it listens and delivers
  std::mutex id_mutex_;
  MessageIdMaker ids_{0};

  std::unique_ptr<history::History> history_;
  std::unique_ptr<env::Store> store_;
  spool::Log* log_ = nullptr;
  std::unique_ptr<history::Suppressions> suppressions_;
  std::unique_ptr<delivery::Services> delivery_services_;
  std::unique_ptr<delivery::ReportWriter> reports_;
  std::unique_ptr<delivery::PostOffice> post_office_;
  std::unique_ptr<delivery::TlsReporter> tls_reporter_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<RateLimits> limits_;
  std::atomic<int> pool_waiting_ = 0;
  std::unique_ptr<server::Services> server_services_;
  std::unique_ptr<server::Registry> registry_;
  std::shared_ptr<env::TlsServerContext> certificate_;
  std::vector<std::pair<ListenerPlan, std::unique_ptr<server::Acceptor>>> acceptors_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<env::Listener> control_listener_;
};

}  // namespace postil::app
