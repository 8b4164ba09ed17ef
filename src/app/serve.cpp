// `postil serve`: the server as a process. Signals, systemd, threads; the server itself is app.hpp.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "app/app.hpp"
#include "app/commands.hpp"
#include "app/event_log.hpp"
#include "app/file_accounts.hpp"
#include "app/handed_over.hpp"
#include "app/help.hpp"
#include "app/machine.hpp"
#include "app/metrics.hpp"
#include "app/no_store.hpp"
#include "app/reference.hpp"
#include "cli/config_files.hpp"
#include "cli/config_system.hpp"
#include "cli/running_server.hpp"
#include "env_asio/resolver.hpp"
#include "env_asio/tls.hpp"
#include "message/date.hpp"

namespace postil::app {
namespace {

namespace asio = boost::asio;

// Sessions and deliveries 20 s, results 10 s, and the spool's end; less than the unit's TimeoutStopSec.
constexpr Duration stop_patience = seconds(50);
constexpr std::size_t errors_logged_max = 20;  // of a refused configuration, besides the first

event::Level level_of(const std::string& word) {
  if (word == "debug") return event::Level::debug;
  if (word == "notice") return event::Level::notice;
  if (word == "warning") return event::Level::warning;
  if (word == "error") return event::Level::error;
  return event::Level::info;
}

env_asio::ResolverOptions resolver_options(const config::Config& config) {
  env_asio::ResolverOptions options;
  options.forwarders = config.dns.resolver;
  options.validate = config.dns.validate;
  if (config.dns.trust_anchor.empty()) {
    options.root_key_file = env_asio::system_root_key_file();
  } else {
    options.root_key_file = config.dns.trust_anchor;
  }
  return options;
}

struct Options {
  std::string config = "/etc/postil/postil.toml";
  bool json = false;
};

class Process {
 public:
  Process(const Options& options, const cli::Context& context) : options_(options), context_(context) {}
  int run();

 private:
  std::optional<int> load(config::Config& config, Extras& extras);
  int fail(const StartFailure& failure);
  void tell_problems(const config::Loaded& loaded);
  config::Problem folder_problem(const config::Config& config, std::string_view key, const std::string& folder,
                                 const env::DiskFailure& failure) const;
  int open_log(const config::Config& config);
  void tell_users_file(const std::string& path, const std::string& detail);
  std::vector<config::Problem> open_folders(const config::Config& config);
  std::expected<void, StartFailure> listen_beside();
  env::Awaitable<void> live();
  env::Awaitable<void> watch_signals();
  env::Awaitable<void> stop();
  env::Awaitable<void> watch_stop();
  [[noreturn]] void leave();
  void look_at_certificate();
  env::Awaitable<void> watch_certificate();
  env::Awaitable<void> watch_clock();
  env::Awaitable<void> watch_dnssec();
  env::Awaitable<boost::json::object> reload();

  const Options& options_;
  const cli::Context& context_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<env_asio::UnboundResolver> resolver_;
  std::unique_ptr<env::Disk> spool_, history_;
  std::unique_ptr<FileAccounts> accounts_;
  std::unique_ptr<HandedOver> handed_over_;
  std::unique_ptr<App> app_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<ReferenceServer> reference_;
  std::optional<asio::signal_set> signals_;
  int exit_code_ = 0;
  bool started_ = false;
  bool reload_wanted_ = false;  // by a SIGHUP while it started
  bool stopping_ = false;
};

int Process::fail(const StartFailure& failure) {
  const std::string word = failure.text_key.substr(failure.text_key.rfind('.') + 1);
  std::string said = context_.tr.text(failure.text_key, failure.args);
  if (app_ && !failure.config_key.empty()) {
    const auto problem = cli::problem_at(app_->config(), failure.config_key, failure.text_key, failure.args);
    said = config::to_string(problem, context_.tr);
  }
  const int code = cli::tell_failure(context_, {word, said, failure.exit_code}, options_.json, "serve");
  context_.out.flush();
  context_.err.flush();
  return code;
}

// As people read them, or as one object; where there is an error, that is the answer of the command.
void Process::tell_problems(const config::Loaded& loaded) {
  if (loaded.problems.empty()) return;
  if (!options_.json) {
    for (const auto& problem : loaded.problems) context_.err << config::to_string(problem, context_.tr) << '\n';
    context_.err.flush();
    return;
  }
  boost::json::array problems;
  std::string first;
  for (const auto& problem : loaded.problems) {
    if (first.empty() && !problem.warning) first = config::to_string(problem, context_.tr);
    problems.push_back(cli::problem_json(problem, context_.tr));
  }
  boost::json::object out{{"schema", "postil.serve/1"}, {"ok", loaded.ok()}, {"problems", std::move(problems)}};
  if (!loaded.ok()) {
    out["error"] = {{"id", "config"}, {"message", first}};
    out["exit"] = cli::exit_of(loaded.problems);
  }
  context_.out << out << std::endl;
}

// The exit code when there is an error; all of them were told.
std::optional<int> Process::load(config::Config& config, Extras& extras) {
  auto loaded = cli::load_config(options_.config);
  const bool whole = loaded.ok();
  auto files = cli::look_at_files(loaded);
  extras.dkim = std::move(files.dkim);
  extras.smarthost_password = std::move(files.smarthost_password);
  if (whole) {
    for (auto& problem : open_folders(loaded.config)) loaded.problems.push_back(std::move(problem));
  }
  tell_problems(loaded);
  if (!loaded.ok()) return cli::exit_of(loaded.problems);
  config = std::move(loaded.config);
  return {};
}

// The server runs all the same: the file is looked for at each login.
void Process::tell_users_file(const std::string& path, const std::string& detail) {
  struct stat info{};
  const bool there = ::stat(path.c_str(), &info) == 0 || errno != ENOENT;
  const bool readable = ::access(path.c_str(), R_OK) == 0;
  const std::string key = !there ? "users_file" : readable ? "users_file_wrong" : "users_file_unreadable";
  const std::string said =
      context_.tr.text("serve." + key, {{"path", path}, {"user", cli::account_of(::geteuid())}, {"detail", detail}});
  if (options_.json) {
    log_->emit({event::Name::resource_trouble, {{"what", std::string("users file")}, {"why", said}}});
  } else {
    context_.err << said << std::endl;
  }
}

int Process::open_log(const config::Config& config) {
  if (config.events == "off") return -1;
  if (config.events == "stderr") return STDERR_FILENO;
  return ::open(config.events.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

config::Problem Process::folder_problem(const config::Config& config, std::string_view key, const std::string& folder,
                                        const env::DiskFailure& failure) const {
  i18n::Args args{{"folder", folder}, {"user", cli::account_of(::geteuid())}, {"detail", failure.detail}};
  const bool right = failure.error == env::DiskError::permission;
  std::error_code hidden;
  const bool there = std::filesystem::exists(folder, hidden) && !hidden;
  const auto* text = !right ? "serve.folder" : there ? "serve.folder_permission" : "serve.folder_missing";
  auto problem = cli::problem_at(config, key, text, std::move(args));
  problem.no_right = right;
  return problem;
}

// Spool and history, and the folders of the sockets where nobody (systemd) has made them. A null host keeps nothing.
std::vector<config::Problem> Process::open_folders(const config::Config& config) {
  for (const auto& socket : {config.control_socket, config.submit_socket}) {
    std::error_code ignored;  // the listener says it better
    if (!socket.empty()) std::filesystem::create_directories(std::filesystem::path(socket).parent_path(), ignored);
  }
  std::vector<config::Problem> problems;
  const auto open = [&](std::string_view key, const std::string& folder) -> std::unique_ptr<env::Disk> {
    if (!config.takes_mail()) return std::make_unique<NoDisk>();
    auto disk = Machine::folder(folder);
    if (disk) return std::move(*disk);
    problems.push_back(folder_problem(config, key, folder, disk.error()));
    return nullptr;
  };
  spool_ = open("spool.folder", config.spool.folder);
  history_ = open("history.folder", config.history_folder);
  return problems;
}

int Process::run() {
  config::Config config;
  Extras extras;
  if (const auto wrong = load(config, extras)) return *wrong;
  machine_ = std::make_unique<Machine>(config.threads);
  // From here on: whoever hears READY may send a signal at once.
  signals_.emplace(machine_->main(), SIGTERM, SIGINT, SIGHUP);
  const int log_fd = open_log(config);
  if (log_fd < 0 && config.events != "off") {
    const int code = errno == EACCES || errno == EPERM ? cli::exit_no_permission : cli::exit_config;
    return fail({"serve.log_file", {{"path", config.events}, {"detail", std::strerror(errno)}}, code});
  }
  log_ = std::make_unique<EventLog>(log_fd, level_of(config.event_level), machine_->clock);
  auto resolver = env_asio::UnboundResolver::make(resolver_options(config), *log_);
  if (!resolver) return fail({"serve.resolver", {{"detail", resolver.error()}}, cli::exit_config});
  resolver_ = std::move(*resolver);

  if (config.has_job("submission")) {
    accounts_ = std::make_unique<FileAccounts>(config.submission.users, *log_);
    const auto readable = accounts_->refresh();
    if (!readable) tell_users_file(config.submission.users, readable.error());
    extras.accounts = accounts_.get();
  }
  extras.local_login = [](std::uint32_t uid) { return cli::account_of(uid); };
  extras.help = help_lines;
  extras.own_addresses = own_addresses();
  handed_over_ = std::make_unique<HandedOver>(machine_->network);
  extras.adopt = [this](const env::Endpoint& at, env::Executor executor) { return handed_over_->take(at, executor); };
  extras.reload = [this] { return reload(); };

  const Ports ports{machine_->clock,   machine_->timers, machine_->entropy, machine_->network,
                    *resolver_,        *spool_,          *history_,         *log_,
                    &machine_->https()};
  app_ = std::make_unique<App>(ports, machine_->executors(), std::move(config), std::move(extras));
  asio::co_spawn(machine_->main(), live(), asio::detached);
  asio::co_spawn(machine_->main(), watch_signals(), asio::detached);
  machine_->main().run();
  leave();
}

// What still runs or waits in the threads points into the server and is not worth an order of destruction: everything
// that must be on disk is there.
void Process::leave() {
  log_->finish(seconds(2));  // what was told last is written
  context_.out.flush();
  std::_Exit(exit_code_);
}

// What is no mail: metrics and pages. Before mail is taken, so that a port in use is told while nothing has happened.
std::expected<void, StartFailure> Process::listen_beside() {
  const auto& config = app_->config();
  if (!config.metrics_listen.empty()) {
    metrics_ = std::make_unique<MetricsServer>(*app_, *log_, *machine_);
    if (auto listening = metrics_->start(config.metrics_listen); !listening) return listening;
  }
  if (!config.web_listen.empty()) {
    reference_ = std::make_unique<ReferenceServer>(*machine_, config.web_url);
    if (const auto listening = reference_->start(config.web_listen); !listening) {
      return std::unexpected(listening.error());
    }
  }
  return {};
}

env::Awaitable<void> Process::live() {
  auto started = listen_beside();
  if (started) started = co_await app_->start();
  if (!started) {
    exit_code_ = fail(started.error());
    co_await app_->stop(Duration(0));
    machine_->main().stop();
    co_return;
  }
  started_ = true;
  for (auto& why : handed_over_->close_rest()) {
    log_->emit({event::Name::resource_trouble, {{"what", std::string("socket activation")}, {"why", std::move(why)}}});
  }
  if (reload_wanted_) co_await reload();
  notify_service_manager("READY=1");
  const auto here = machine_->main().get_executor();
  asio::co_spawn(here, watch_clock(), asio::detached);
  asio::co_spawn(here, watch_certificate(), asio::detached);
  asio::co_spawn(here, watch_dnssec(), asio::detached);
}

// SIGHUP reads the configuration again; SIGTERM and SIGINT end the server.
env::Awaitable<void> Process::watch_signals() {
  for (;;) {
    const int signal = co_await signals_->async_wait(asio::use_awaitable);
    if (signal != SIGHUP) break;
    if (started_) {
      co_await reload();
    } else {
      reload_wanted_ = true;
    }
  }
  notify_service_manager("STOPPING=1");
  if (!started_) {
    // The spool may take its time to be read. Nothing has been promised yet, and what is on disk is as after a crash.
    log_->emit({event::Name::server_stopped, {}});
    leave();
  }
  co_await stop();
}

env::Awaitable<void> Process::stop() {
  stopping_ = true;
  asio::co_spawn(machine_->main(), watch_stop(), asio::detached);
  co_await app_->stop(seconds(20));
  machine_->main().stop();
}

// A disk that answers no more does not keep the process: what it has not confirmed was not promised to anybody.
env::Awaitable<void> Process::watch_stop() {
  auto timer = machine_->timers.make(machine_->main().get_executor());
  co_await timer->wait_until(machine_->clock.now() + stop_patience);
  log_->emit({event::Name::resource_trouble,
              {{"what", std::string("stop")}, {"why", std::string("not all was written in time")}}});
  leave();
}

env::Awaitable<boost::json::object> Process::reload() {
  notify_service_manager(
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}", machine_->clock.now().time_since_epoch().count()));
  auto loaded = cli::load_config(options_.config);
  auto files = cli::look_at_files(loaded);
  boost::json::array problems;
  std::string refused;               // the first error and its place
  std::vector<std::string> further;  // the other ones, for the log
  for (const auto& problem : loaded.problems) {
    const i18n::Translator english;
    if (!problem.warning && refused.empty()) {
      refused = config::to_string(problem, english);
    } else if (!problem.warning && further.size() < errors_logged_max) {
      further.push_back(config::to_string(problem, english));
    }
    problems.push_back(cli::problem_json(problem, english));
  }
  boost::json::object answer{{"ok", true}};
  if (refused.empty()) {
    log_->set_level(level_of(loaded.config.event_level));
    const auto taken =
        co_await app_->reload(std::move(loaded.config), std::move(files.smarthost_password), std::move(files.dkim));
    if (taken) {
      boost::json::array later;
      for (const auto& key : *taken) later.push_back(boost::json::string(key));
      answer["after_restart"] = std::move(later);
      look_at_certificate();
    } else {
      refused = i18n::Translator().text(taken.error().text_key, taken.error().args);
    }
  }
  if (!refused.empty()) {
    log_->emit({event::Name::config_refused, {{"why", refused}}});
    for (const auto& why : further) log_->emit({event::Name::config_refused, {{"why", why}}});
    answer = control::failure("config", refused);
  }
  answer["problems"] = std::move(problems);
  notify_service_manager("READY=1");
  co_return answer;
}

// Told at the start, at each reload and once a day, while there is time to renew it.
void Process::look_at_certificate() {
  const auto& tls = app_->config().tls;
  if (tls.certificate.empty()) return;
  const auto facts = env_asio::certificate_facts({tls.certificate, tls.key, tls.client_ca});
  if (!facts) return;  // told by those who wanted to use it
  const auto left = facts->not_after - machine_->clock.wall();
  if (left >= env_asio::certificate_warning) return;
  log_->emit({event::Name::tls_expires,
              {{"certificate", tls.certificate},
               {"until", message::rfc3339_date(facts->not_after)},
               {"days", static_cast<std::int64_t>(std::chrono::floor<days>(left).count())}}});
}

env::Awaitable<void> Process::watch_certificate() {
  auto timer = machine_->timers.make(machine_->main().get_executor());
  while (!stopping_) {
    look_at_certificate();
    co_await timer->wait_until(machine_->clock.now() + days(1));
  }
}

// A jump of the wall clock is told; it causes neither returns nor retries.
env::Awaitable<void> Process::watch_clock() {
  auto timer = machine_->timers.make(machine_->main().get_executor());
  auto difference = machine_->clock.wall().time_since_epoch() - machine_->clock.now().time_since_epoch();
  while (!stopping_) {
    co_await timer->wait_until(machine_->clock.now() + seconds(10));
    const auto now = machine_->clock.wall().time_since_epoch() - machine_->clock.now().time_since_epoch();
    const auto jump = now - difference;
    if (jump > seconds(5) || jump < -seconds(5)) {
      log_->emit(
          {event::Name::clock_jumped,
           {{"seconds", static_cast<std::int64_t>(std::chrono::duration_cast<seconds>(jump).count())},
            {"why", std::string("The clock of this host was set. No message is returned or tried early for it; look "
                                "at the host's time service (timedatectl).")}}});
      difference = now;
    }
  }
}

env::Awaitable<void> Process::watch_dnssec() {
  auto timer = machine_->timers.make(machine_->main().get_executor());
  while (!stopping_) {
    co_await resolver_->probe_dnssec(machine_->clock.now() + seconds(10));
    co_await timer->wait_until(machine_->clock.now() + minutes(5));
  }
}

}  // namespace

void add_serve(CLI::App& app, cli::Command& chosen) {
  auto* command = app.add_subcommand("serve", chosen.tr->text("serve.about"));
  auto options = std::make_shared<Options>();
  command->add_option("-c,--config", options->config, chosen.tr->text("serve.option.config"));
  command->add_flag("--json", options->json, chosen.tr->text("cli.option.json"));
  command->callback([options, &chosen] {
    chosen.run = [options](const cli::Context& context) { return Process(*options, context).run(); };
  });
}

}  // namespace postil::app
