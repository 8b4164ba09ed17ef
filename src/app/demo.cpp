// `postil demo`: a complete server on loopback with a world of its own, for the first minutes and for trying mail
// programs. Nothing leaves the machine.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "accounts/users_text.hpp"
#include "app/app.hpp"
#include "app/commands.hpp"
#include "app/demo_world.hpp"
#include "app/event_log.hpp"
#include "app/file_accounts.hpp"
#include "app/help.hpp"
#include "app/machine.hpp"
#include "app/reference.hpp"
#include "base/assert.hpp"
#include "cli/answer_text.hpp"
#include "cli/config_files.hpp"
#include "cli/demo_folder.hpp"
#include "cli/running_server.hpp"
#include "env_asio/self_signed.hpp"
#include "i18n/columns.hpp"
#include "i18n/list.hpp"

namespace postil::app {
namespace {

namespace asio = boost::asio;

struct Options {
  std::string folder;
  std::uint16_t port = 2587;       // STARTTLS
  std::uint16_t port_tls = 2465;   // implicit TLS
  std::uint16_t port_web = 2580;   // the reference as web pages
  std::uint16_t host_port = 2525;  // of the demo's hosts, on addresses 127.0.x.y
  bool keep = false;
  bool json = false;
  std::uint32_t seconds = 0;  // ends by itself; 0 = until it is stopped
};

constexpr std::string_view user = "demo@demo.test";

class Demo {
 public:
  Demo(const Options& options, const cli::Context& context)
      : options_(options), context_(context), machine_(2), log_(-1, event::Level::info, machine_.clock) {}
  int run();

 private:
  std::optional<StartFailure> take_folder();
  std::optional<StartFailure> prepare();
  std::expected<void, std::string> write_file(const std::string& name, std::string_view text);
  config::Config configuration();
  boost::json::object facts();
  env::Awaitable<void> live();
  bool open_hosts();
  void took(const std::string& message);
  void show_pages();
  void greet();
  int fail(const StartFailure& failure);

  const Options& options_;
  const cli::Context& context_;
  Machine machine_;
  EventLog log_;
  std::string folder_;
  std::string password_;
  DemoResolver resolver_;
  std::unique_ptr<env::Disk> spool_, history_;
  std::unique_ptr<FileAccounts> accounts_;
  std::unique_ptr<App> app_;
  std::unique_ptr<ReferenceServer> reference_;
  std::string pages_;  // where the reference is shown; "" when its port is in use
  std::uint32_t inbox_count_ = 0;
  int exit_code_ = 0;
};

int Demo::fail(const StartFailure& failure) {
  const std::string said = context_.tr.text(failure.text_key, failure.args);
  const std::string word = failure.text_key.substr(failure.text_key.find('.') + 1);
  return cli::tell_failure(context_, {word, said, failure.exit_code}, options_.json, "demo");
}

std::expected<void, std::string> Demo::write_file(const std::string& name, std::string_view text) {
  const std::string path = folder_ + "/" + name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
  ::chmod(path.c_str(), 0600);
  return {};
}

// The folder is this user's alone, and no other demo's.
std::optional<StartFailure> Demo::take_folder() {
  using cli::FolderTrust;
  std::error_code error;
  if (cli::trust_of(folder_) == FolderTrust::absent) {
    std::filesystem::create_directories(std::filesystem::absolute(folder_).parent_path(), error);
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
      return StartFailure{
          "demo.folder_failed", {{"path", folder_}, {"detail", std::strerror(errno)}}, cli::exit_no_permission};
    }
  }
  const auto trust = cli::trust_of(folder_);
  if (trust == FolderTrust::link) return StartFailure{"demo.folder_link", {{"path", folder_}}, cli::exit_no_permission};
  if (trust != FolderTrust::mine)
    return StartFailure{"demo.folder_foreign", {{"path", folder_}}, cli::exit_no_permission};
  ::chmod(folder_.c_str(), 0700);
  const int held = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);  // until the process ends
  if (held < 0 || ::flock(held, LOCK_EX | LOCK_NB) != 0) {
    return StartFailure{
        "demo.runs_already", {{"path", folder_}, {"program", context_.program_name}}, cli::exit_unavailable};
  }
  return {};
}

// Folder, certificate, account.
std::optional<StartFailure> Demo::prepare() {
  folder_ = options_.folder.empty() ? cli::demo_folder() : options_.folder;
  if (auto failure = take_folder()) return failure;
  std::error_code error;
  if (!options_.keep) {
    for (const char* part : {"spool", "history", "inbox"}) std::filesystem::remove_all(folder_ + "/" + part, error);
  }
  std::filesystem::create_directories(folder_ + "/inbox", error);
  if (error)
    return StartFailure{
        "demo.folder_failed", {{"path", folder_}, {"detail", error.message()}}, cli::exit_no_permission};

  const auto certificate = env_asio::make_self_signed({"localhost", "127.0.0.1", "::1"});
  if (!certificate) return StartFailure{"serve.certificate", {{"detail", certificate.error()}}, cli::exit_software};
  password_ = fmt::format("{:08x}-{:08x}", machine_.entropy.word() & 0xffffffff, machine_.entropy.word() & 0xffffffff);
  accounts::UserRecord record;
  record.name = user;
  record.addresses = {"*@demo.test"};
  std::string random(accounts::password_random_octets + accounts::server_key_octets, '\0');
  machine_.entropy.fill({reinterpret_cast<std::uint8_t*>(random.data()), random.size()});
  const auto set =
      accounts::set_password(record, password_, std::string_view(random).substr(0, accounts::password_random_octets));
  const auto text = accounts::add_user(
      accounts::with_head("", std::string_view(random).substr(accounts::password_random_octets)), record);
  POSTIL_ASSERT(set && text);
  for (const auto& [name, content] : {std::pair<std::string, std::string>{"certificate.pem", certificate->certificate},
                                      {"key.pem", certificate->key},
                                      {"users", *text}}) {
    const auto written = write_file(name, content);
    if (!written) {
      return StartFailure{
          "demo.folder_failed", {{"path", folder_}, {"detail", written.error()}}, cli::exit_no_permission};
    }
  }
  return {};
}

config::Config Demo::configuration() {
  const std::string text =
      fmt::format(R"(job = "submission"
hostname = "mail.demo.test"
language = "{0}"
[tls]
certificate = "{1}/certificate.pem"
key = "{1}/key.pem"
[submission]
listen = ["127.0.0.1:{2}"]
listen_tls = ["127.0.0.1:{3}"]
users = "{1}/users"
[aliases]
postmaster = "you@250.demo.test"
[deliver]
port = {4}
retry_first = "2s"
retry_max = "4s"
lifetime = "1m"
delay_notice = "0"
refused_lifetime = "5s"
tls = "opportunistic"
[spool]
folder = "{1}/spool"
segment_size = "4M"
watermark = "16M"
[control]
socket = "{1}/control"
submit_socket = "{1}/submit"
[history]
folder = "{1}/history"
size = "16M"
[limits]
sessions = 500
)",
                  context_.tr.language(), folder_, options_.port, options_.port_tls, options_.host_port);
  const config::SourceFile source{"demo", text};
  auto loaded = config::parse({&source, 1});
  for (const auto& problem : loaded.problems) context_.err << config::to_string(problem, context_.tr) << '\n';
  POSTIL_ASSERT(loaded.ok());
  config::Config config = std::move(loaded.config);
  // Short, so that a deferral is followed to its end while somebody looks on.
  config.deliver.lifetime = seconds(8);
  for (const auto& domain : demo_domains()) {
    config.aliases[fmt::format("{}@demo.test", domain.code)] = {"you@" + demo_domain_name(domain)};
  }
  return config;
}

boost::json::object Demo::facts() {
  boost::json::array domains;
  for (const auto& domain : demo_domains()) {
    domains.push_back(boost::json::object{{"domain", demo_domain_name(domain)}, {"code", domain.code}});
  }
  return {{"user", user},
          {"password", password_},
          {"submission", boost::json::object{{"address", "127.0.0.1"}, {"port", options_.port}}},
          {"submissions", boost::json::object{{"address", "127.0.0.1"}, {"port", options_.port_tls}}},
          {"certificate", folder_ + "/certificate.pem"},
          {"inbox", folder_ + "/inbox"},
          {"domains", std::move(domains)}};
}

void Demo::took(const std::string& message) {
  const std::string name = fmt::format("inbox/{:04}.eml", ++inbox_count_);
  if (write_file(name, message) && !options_.json) {
    context_.out << context_.tr.text("demo.bounce_arrived", {{"path", folder_ + "/" + name}}) << std::endl;
  }
}

bool Demo::open_hosts() {
  const auto open = [&](const std::string& address, const DemoDomain& domain, DemoInbox inbox) {
    auto listener = machine_.network.listen({address, options_.host_port}, {}, machine_.main().get_executor());
    if (!listener) {
      exit_code_ =
          fail({"demo.port_in_use",
                {{"address", fmt::format("{}:{}", address, options_.host_port)}, {"detail", listener.error().detail}},
                cli::exit_unavailable});
      return false;
    }
    asio::co_spawn(
        machine_.main(),
        serve_demo_host(std::shared_ptr<env::Listener>(std::move(*listener)), domain, machine_.clock, std::move(inbox)),
        asio::detached);
    return true;
  };
  for (const auto& domain : demo_domains()) {
    if (domain.stage != "dns" && !open(demo_address(domain), domain, {})) return false;
  }
  return open("127.0.0.1", demo_inbox(), [this](const std::string& message) { took(message); });
}

// How to log in, and what to try next, so that it can be pasted.
// A second demo goes without: its pages would be the same.
void Demo::show_pages() {
  reference_ = std::make_unique<ReferenceServer>(machine_, "");
  const auto at = reference_->start({{"127.0.0.1", options_.port_web}});
  if (at && !at->empty()) pages_ = "http://" + env::to_string(at->front()) + "/";
}

void Demo::greet() {
  auto& out = context_.out;
  if (options_.json) {
    auto ready = facts();
    ready["schema"] = "postil.demo/1";
    ready["ok"] = true;
    out << ready << std::endl;
    return;
  }
  const auto text = [&](std::string_view key, const i18n::Args& args = {}) {
    return context_.tr.text("demo." + std::string(key), args);
  };
  const std::string certificate = folder_ + "/certificate.pem";
  out << text("ready") << "\n\n";
  cli::Rows login;
  login.add(text("label.server"),
            text("server", {{"port", fmt::to_string(options_.port)}, {"port_tls", fmt::to_string(options_.port_tls)}}));
  login.add(text("label.user"), std::string(user));
  login.add(text("label.password"), password_);
  login.add(text("label.certificate"), certificate);
  if (!pages_.empty()) login.add(text("label.pages"), pages_);
  login.write(out);
  out << '\n' << text("try") << '\n';
  // In another terminal the folder is not known otherwise.
  const std::string where =
      folder_ == cli::default_demo_folder()
          ? ""
          : fmt::format("{}={} ", cli::demo_folder_variable, std::filesystem::absolute(folder_).string());
  for (const int code : {250, 556, 521, 550, 451, 421}) {
    out << fmt::format("  {}{} send --demo --to {}@demo.test   # {}\n", where, context_.program_name, code,
                       text(fmt::format("code.{}", code)));
  }
  std::vector<std::string> codes;
  for (const auto& domain : demo_domains()) codes.push_back(fmt::to_string(domain.code));
  for (const auto& line : i18n::wrap(text("codes", {{"codes", i18n::list(codes, context_.tr)}}), cli::line_cells))
    out << line << '\n';
  out << '\n' << text("any_program") << '\n';
  out << fmt::format(
      "  swaks --server 127.0.0.1:{} --tls --auth-user {} --auth-password {} --from {} --to 550@demo.test\n",
      options_.port, user, password_, user);
  out << fmt::format(
      "  printf 'Subject: hello\\n\\nhello\\n' | curl -sS --crlf --cacert {} --user {}:{} --mail-from {} "
      "--mail-rcpt 550@demo.test --upload-file - smtps://127.0.0.1:{}\n",
      certificate, user, password_, user, options_.port_tls);
  out << '\n' << text("stop") << '\n' << std::flush;
}

env::Awaitable<void> Demo::live() {
  const auto started = co_await app_->start();
  if (!started || !open_hosts()) {
    if (!started) {
      StartFailure failure = started.error();
      if (failure.text_key == "serve.port_in_use") failure.text_key = "demo.port_in_use";
      exit_code_ = fail(failure);
    }
    co_await app_->stop(Duration(0));
    machine_.main().stop();
    co_return;
  }
  show_pages();
  greet();
  if (options_.seconds > 0) {
    auto timer = machine_.timers.make(machine_.main().get_executor());
    co_await timer->wait_until(machine_.clock.now() + seconds(options_.seconds));
  } else {
    asio::signal_set signals(machine_.main(), SIGTERM, SIGINT);
    co_await signals.async_wait(asio::use_awaitable);
  }
  co_await app_->stop(seconds(2));
  machine_.main().stop();
}

int Demo::run() {
  if (const auto failure = prepare()) return fail(*failure);
  const auto failed = [this](const env::DiskFailure& why) {
    return fail({"demo.folder_failed", {{"path", folder_}, {"detail", why.detail}}, cli::exit_no_permission});
  };
  auto spool = Machine::folder(folder_ + "/spool");
  if (!spool) return failed(spool.error());
  auto history = Machine::folder(folder_ + "/history");
  if (!history) return failed(history.error());
  spool_ = std::move(*spool);
  history_ = std::move(*history);
  accounts_ = std::make_unique<FileAccounts>(folder_ + "/users", log_);
  Extras extras;
  extras.accounts = accounts_.get();
  extras.local_login = [](std::uint32_t uid) { return cli::account_of(uid); };
  extras.help = help_lines;
  extras.demo = facts();
  const Ports ports{machine_.clock, machine_.timers, machine_.entropy, machine_.network,
                    resolver_,      *spool_,         *history_,        log_};
  app_ = std::make_unique<App>(ports, machine_.executors(), configuration(), std::move(extras));
  asio::co_spawn(machine_.main(), live(), asio::detached);
  machine_.main().run();
  machine_.stop_threads();
  context_.out.flush();
  // What still waits in the threads' queues points into the server and is not worth an order of destruction:
  // everything that must be on disk is there.
  std::_Exit(exit_code_);
}

}  // namespace

void add_demo(CLI::App& app, cli::Command& chosen) {
  auto* command = app.add_subcommand("demo", chosen.tr->text("demo.about"));
  auto options = std::make_shared<Options>();
  command->add_option("--folder", options->folder, chosen.tr->text("demo.option.folder"));
  command->add_option("--port", options->port, chosen.tr->text("demo.option.port"))->check(CLI::Range(1, 65535));
  command->add_option("--port-tls", options->port_tls, chosen.tr->text("demo.option.port_tls"))
      ->check(CLI::Range(1, 65535));
  command->add_option("--port-web", options->port_web, chosen.tr->text("demo.option.port_web"))
      ->check(CLI::Range(1, 65535));
  command->add_option("--host-port", options->host_port, chosen.tr->text("demo.option.host_port"))
      ->check(CLI::Range(1, 65535));
  command->add_option("--seconds", options->seconds, chosen.tr->text("demo.option.seconds"))
      ->check(CLI::Range(0, 31'536'000));
  command->add_flag("--json", options->json, chosen.tr->text("demo.option.json"));
  command->add_flag("--keep", options->keep, chosen.tr->text("demo.option.keep"));
  command->callback([options, &chosen] {
    chosen.run = [options](const cli::Context& context) { return Demo(*options, context).run(); };
  });
}

}  // namespace postil::app
