#include "app/app.hpp"

#include "app/mailbox_gone.hpp"

#include <fmt/ranges.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "app/no_store.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::app {

namespace asio = boost::asio;

// Accepted mail goes to the queue.
struct App::Intake : server::Intake {
  explicit Intake(delivery::PostOffice& to) : post_office(to) {}
  void arrived(queue::Envelope envelope) override { post_office.arrived(std::move(envelope)); }
  env::Awaitable<std::uint64_t> leave_later(std::string login) override {
    auto read = [login = std::move(login)](const queue::Engine& engine, queue::Now) {
      return std::uint64_t{engine.leave_later_of(login)};
    };
    const std::uint64_t count = co_await post_office.ask(std::move(read));
    co_return count;
  }
  delivery::PostOffice& post_office;
};

StartFailure listen_failure(const env::Endpoint& at, const env::NetFailure& failure, std::string_view config_key) {
  const bool in_use = failure.error == env::NetError::address_in_use;
  const bool permission = failure.error == env::NetError::permission;
  if (at.local()) {
    return {in_use ? "serve.socket_in_use" : "serve.socket_failed",
            {{"path", at.address}, {"detail", failure.detail}},
            in_use ? 69 : 77,
            std::string(config_key)};
  }
  return {in_use       ? "serve.port_in_use"
          : permission ? "serve.port_permission"
                       : "serve.port_failed",
          {{"address", to_string(at)}, {"key", std::string(config_key)}, {"detail", failure.detail}},
          permission ? 77 : 69,
          std::string(config_key)};
}

namespace {

// What a running server does not take over from a new configuration: a reload names those that have changed.
constexpr std::string_view keys_for_restart[] = {
    "job",
    "threads",
    "submission.listen",
    "submission.listen_tls",
    "submission.local",
    "relay.listen",
    "null.listen",
    "submission.users",
    "dns.resolver",
    "dns.validate",
    "dns.trust_anchor",
    "spool.folder",
    "spool.segment_size",
    "control.socket",
    "control.submit_socket",
    "metrics.listen",
    "web.listen",
    "web.url",
    "log.events",
    "history.folder",
    "history.size",
    "history.age",
};

std::vector<std::string> shown_for_restart(const config::Config& config) {
  std::vector<std::string> all;
  for (const auto key : keys_for_restart) all.push_back(config::find_key(key)->shown(config));
  return all;
}

}  // namespace

App::App(Ports ports, Executors executors, config::Config config, Extras extras)
    : ports_(ports),
      executors_(std::move(executors)),
      config_(std::move(config)),
      shown_at_start_(shown_for_restart(config_)),
      extras_(std::move(extras)) {}

App::~App() = default;

MessageId App::make_id(WallTime now) {
  const std::lock_guard lock(id_mutex_);
  return ids_.make(now);
}

std::expected<void, StartFailure> App::load_certificate() {
  if (config_.tls.certificate.empty()) return {};
  auto loaded = ports_.network.load_tls({config_.tls.certificate, config_.tls.key, config_.tls.client_ca});
  if (!loaded) return std::unexpected(StartFailure{"serve.certificate", {{"detail", loaded.error()}}, 78});
  certificate_ = std::move(*loaded);
  return {};
}

std::expected<std::shared_ptr<const server::ListenerState>, StartFailure> App::listener_state(
    const ListenerPlan& plan) {
  auto state = std::make_shared<server::ListenerState>();
  state->settings = session_settings(config_, plan, certificate_ != nullptr, extras_.help);
  state->policy = policy(config_, looping_addresses());
  state->tls = certificate_;
  state->local_login = extras_.local_login;
  if (covers(config_.proxy, plan)) state->proxies = config_.proxy.networks;
  if (plan.job == smtp::Job::relay) state->networks = config_.relay.networks;
  if (plan.implicit_tls && !certificate_)
    return std::unexpected(
        StartFailure{"serve.tls_listener_without_certificate", {{"address", to_string(plan.at)}}, 78});
  return state;
}

std::expected<void, StartFailure> App::listen(const ListenerPlan& plan) {
  auto state = listener_state(plan);
  if (!state) return std::unexpected(state.error());
  std::unique_ptr<env::Listener> listener;
  if (extras_.adopt) {
    auto given = extras_.adopt(plan.at, executors_.main);
    if (given && !*given) return {};  // another one's socket serves this address
    if (given) listener = std::move(*given);
  }
  if (!listener) {
    auto opened =
        ports_.network.listen(plan.at, {1024, plan.at.local() ? 0666 : 0, server::spare_descriptors}, executors_.main);
    if (!opened) return std::unexpected(listen_failure(plan.at, opened.error(), config_key(plan)));
    listener = std::move(*opened);
  }
  auto acceptor = std::make_unique<server::Acceptor>(*server_services_, *registry_, executors_.io, std::move(listener),
                                                     std::move(*state));
  asio::co_spawn(executors_.main, acceptor->run(), asio::detached);
  acceptors_.emplace_back(plan, std::move(acceptor));
  return {};
}

env::Awaitable<std::expected<void, StartFailure>> App::listen_control() {
  if (config_.control_socket.empty()) co_return std::expected<void, StartFailure>{};
  const env::Endpoint at{config_.control_socket, 0};
  auto opened = ports_.network.listen(at, {16, 0660, 0}, executors_.main);
  if (!opened) {
    auto failure = listen_failure(at, opened.error(), "control.socket");
    if (opened.error().error == env::NetError::address_in_use) {
      // Whoever it is tells its name, if it is one of us.
      control::json::object request{{"call", "status"}};
      const auto answer =
          co_await control::call(ports_.network, ports_.clock, at.address, std::move(request), seconds(2));
      const auto* host = answer ? answer->if_contains("host") : nullptr;
      if (host && host->is_string()) {
        failure.text_key = "serve.control_in_use";
        failure.args.emplace_back("host", printable(host->as_string(), 255));
      }
    }
    co_return std::unexpected(std::move(failure));
  }
  control_listener_ = std::move(*opened);
  admin_ = std::make_unique<Admin>(*this);
  asio::co_spawn(executors_.main, control::serve(*control_listener_, *admin_, ports_.clock, ports_.timers),
                 asio::detached);
  co_return std::expected<void, StartFailure>{};
}

env::Awaitable<std::expected<void, StartFailure>> App::open_store() {
  if (!config_.takes_mail()) {
    store_ = std::make_unique<NoStore>();
    co_return std::expected<void, StartFailure>{};
  }
  spool::Options spool_options;
  spool_options.segment_octets = config_.spool.segment_octets;
  spool_options.watermark_octets = config_.spool.watermark_octets;
  spool_options.folder = config_.spool.folder;
  auto log = co_await spool::Log::open(spool_options, ports_.spool_disk, executors_.flusher, executors_.readers,
                                       ports_.clock, ports_.entropy, ports_.events);
  if (!log) {
    const bool in_use = log.error().error == spool::OpenError::in_use;
    co_return std::unexpected(StartFailure{in_use ? "serve.spool_in_use" : "serve.spool",
                                           {{"folder", config_.spool.folder}, {"detail", log.error().sentence}},
                                           75,
                                           "spool.folder"});
  }
  log_ = log->get();
  store_ = std::move(*log);
  co_return std::expected<void, StartFailure>{};
}

env::Awaitable<std::expected<void, StartFailure>> App::open_suppressions() {
  if (!config_.takes_mail()) co_return std::expected<void, StartFailure>{};
  suppressions_ = std::make_unique<history::Suppressions>(ports_.spool_disk, executors_.flusher);
  auto open = [this] { return suppressions_->open(ports_.clock.wall()); };
  const auto opened = co_await env::on(executors_.flusher, open);
  if (!opened) {
    co_return std::unexpected(
        StartFailure{"serve.spool", {{"folder", config_.spool.folder}, {"detail", opened.error().detail}}, 75});
  }
  co_return std::expected<void, StartFailure>{};
}

// Addresses to which no mail is sent because we listen there ourselves, on the port that mail goes to.
std::vector<std::string> App::looping_addresses() const {
  for (const auto& plan : listeners(config_)) {
    if (!plan.at.local() && plan.at.port == config_.deliver.port) return extras_.own_addresses;
  }
  return {};
}

std::shared_ptr<const delivery::Settings> App::settings_for_delivery() const {
  return delivery_settings(config_, extras_.smarthost_password, looping_addresses(), extras_.dkim);
}

env::Awaitable<std::expected<void, StartFailure>> App::start() {
  started_at_ = ports_.clock.now();
  const auto certificate = load_certificate();
  if (!certificate) co_return std::unexpected(certificate.error());

  history::Options history_options{config_.history_octets, config_.history_age};
  // The oldest of it goes by whole segments: a small history needs small ones.
  history_options.segment_octets = std::min(history_options.segment_octets, config_.history_octets / 8);
  history_ = std::make_unique<history::History>(history_options, ports_.history_disk, executors_.history, ports_.clock,
                                                &ports_.timers);
  auto open_history = [this] {
    history_->open();
    return true;
  };
  co_await env::on(executors_.history, open_history);

  const auto opened = co_await open_store();
  if (!opened) co_return std::unexpected(opened.error());

  const auto suppressions = co_await open_suppressions();
  if (!suppressions) co_return std::unexpected(suppressions.error());

  auto* io = &executors_.io;
  delivery_services_.reset(
      new delivery::Services{ports_.clock, ports_.timers, ports_.entropy, ports_.network, ports_.resolver, *store_,
                             ports_.events, *history_, [this](WallTime now) { return make_id(now); },
                             [io] { return io->pick().executor; }, executors_.pool, ports_.https, &ports_.spool_disk});
  delivery_services_->suppressions = suppressions_.get();
  delivery_services_->no_such_mailbox = mailbox_gone;
  reports_ = std::make_unique<delivery::ReportWriter>(*delivery_services_);
  const auto settings = settings_for_delivery();
  post_office_ = std::make_unique<delivery::PostOffice>(
      *delivery_services_, settings, engine_settings(config_, ports_.entropy.word()), *reports_, executors_.engine);
  tls_reporter_ = std::make_unique<delivery::TlsReporter>(
      *delivery_services_, settings, executors_.main,
      [this](queue::Envelope envelope) { post_office_->arrived(std::move(envelope)); });
  delivery_services_->tls_session = [this](const transport::TlsSession& session) { tls_reporter_->count(session); };
  const auto waiting = co_await post_office_->open();
  if (!waiting) {
    co_return std::unexpected(
        StartFailure{"serve.spool",
                     {{"folder", config_.spool.folder}, {"detail", std::string(env::to_string(waiting.error()))}},
                     75});
  }

  intake_ = std::make_unique<Intake>(*post_office_);
  limits_ = std::make_unique<RateLimits>(config_.limits, ports_.entropy.word());
  registry_ = std::make_unique<server::Registry>(session_limits(config_));
  server_services_.reset(new server::Services{
      ports_.clock, ports_.timers, ports_.entropy, ports_.resolver, *store_, ports_.events, *history_, *limits_,
      *intake_, extras_.accounts, executors_.pool, &pool_waiting_, 64, [this](WallTime now) { return make_id(now); }});
  server_services_->suppressions = suppressions_.get();
  for (const auto& plan : listeners(config_)) {
    const auto listening = listen(plan);
    if (!listening) co_return std::unexpected(listening.error());
  }
  const auto control = co_await listen_control();
  if (!control) co_return std::unexpected(control.error());
  if (config_.takes_mail()) co_await tls_reporter_->open();
  started_ = true;
  ports_.events.emit(
      {event::Name::server_started, {{"host", config_.host_name}, {"waiting", static_cast<std::int64_t>(*waiting)}}});
  co_return std::expected<void, StartFailure>{};
}

env::Awaitable<void> App::stop(Duration grace) {
  ports_.events.emit({event::Name::server_stopping, {}});
  for (auto& [plan, acceptor] : acceptors_) acceptor->stop();
  if (control_listener_) control_listener_->close();
  const MonoTime end = ports_.clock.now() + grace;
  if (registry_) {
    registry_->stop();
    auto pause = ports_.timers.make(executors_.main);
    while (registry_->sessions() > 0 && ports_.clock.now() < end)
      co_await pause->wait_until(ports_.clock.now() + milliseconds(20));
  }
  const Duration left = std::max(Duration(0), end - ports_.clock.now());
  if (post_office_) co_await post_office_->stop(left);
  if (tls_reporter_) co_await tls_reporter_->stop(Duration(0));
  if (log_) co_await log_->stop();
  if (history_) co_await history_->flush();
  ports_.events.emit({event::Name::server_stopped, {}});
}

env::Awaitable<std::expected<std::vector<std::string>, StartFailure>> App::reload(
    config::Config config, std::string smarthost_password, std::shared_ptr<const mailauth::DkimKeys> dkim) {
  const auto shown = shown_for_restart(config);
  std::vector<std::string> later;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (shown[i] != shown_at_start_[i]) later.emplace_back(keys_for_restart[i]);
  }

  auto fresh = ports_.network.load_tls({config.tls.certificate, config.tls.key, config.tls.client_ca});
  if (!config.tls.certificate.empty() && !fresh) {
    co_return std::unexpected(StartFailure{"serve.certificate", {{"detail", fresh.error()}}, 78});
  }
  if (!config.tls.certificate.empty()) {
    certificate_ = std::move(*fresh);
    ports_.events.emit({event::Name::tls_reloaded, {}});
  }
  config.jobs = config_.jobs;
  config_ = std::move(config);
  extras_.smarthost_password = std::move(smarthost_password);
  extras_.dkim = std::move(dkim);
  for (auto& [plan, acceptor] : acceptors_) {
    auto state = listener_state(plan);
    if (state) acceptor->set_state(std::move(*state));
  }
  registry_->set_limits(session_limits(config_));
  limits_->set(config_.limits);
  if (log_) log_->set_watermark(config_.spool.watermark_octets);
  const auto settings = settings_for_delivery();
  post_office_->set_settings(settings, engine_settings(config_, ports_.entropy.word()));
  tls_reporter_->set_settings(settings);
  ports_.events.emit({event::Name::config_reloaded, {{"after_restart", fmt::format("{}", fmt::join(later, " "))}}});
  co_return later;
}

std::vector<std::pair<ListenerPlan, env::Endpoint>> App::listening() const {
  std::vector<std::pair<ListenerPlan, env::Endpoint>> all;
  for (const auto& [plan, acceptor] : acceptors_) all.emplace_back(plan, acceptor->local());
  return all;
}

}  // namespace postil::app
