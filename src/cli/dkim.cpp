#include "cli/dkim.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/bytes.hpp"
#include "cli/config_files.hpp"
#include "cli/dkim_keys.hpp"
#include "cli/running_server.hpp"
#include "crypto/digest.hpp"
#include "env_asio/clock.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view schema = "postil.dkim/1";
constexpr std::string_view default_folder = "/var/lib/postil/dkim";

struct Options {
  std::string domain, selector;
  std::string type = "rsa";
  std::string folder{default_folder};
  std::string config{default_config_file};
  bool json = false;
};

struct Made {
  std::string domain, selector, file;
  crypto::PrivateKey key;
  bool fresh = true;
};

std::string path_of(const Options& options, const std::string& domain, std::string_view selector) {
  return fmt::format("{}/{}.{}.pem", options.folder, domain, selector);
}

class Run {
 public:
  Run(const Context& context, const Options& options) : context_(context), options_(options) {}
  int make();
  int show();

 private:
  int stop(std::string_view error, int code, i18n::Args args = {}) const {
    args.emplace_back("program", context_.program_name);
    const std::string said = context_.tr.text(fmt::format("dkim.error.{}", error), args);
    return tell_failure(context_, {std::string(error), said, code}, options_.json, "dkim");
  }
  std::string free_selector(const std::string& domain) const;
  int write(const Made& made) const;
  void print(const std::vector<Made>& all) const;
  void print_one(const Made& made) const;

  const Context& context_;
  const Options& options_;
};

// "s2026", or where that is taken "s2026b": two selectors live side by side while a key is changed.
std::string Run::free_selector(const std::string& domain) const {
  const auto today = std::chrono::floor<days>(env_asio::SystemClock().wall().time_since_epoch());
  const std::chrono::year_month_day date{std::chrono::sys_days(today)};
  std::string year = fmt::format("s{}", static_cast<int>(date.year()));
  std::error_code ignored;
  const auto taken = [&](const std::string& selector) {
    return std::filesystem::exists(path_of(options_, domain, selector), ignored) ||
           std::filesystem::exists(path_of(options_, domain, selector + "-ed25519"), ignored);
  };
  if (!taken(year)) return year;
  for (char letter = 'b'; letter <= 'z'; ++letter) {
    if (!taken(year + letter)) return year + letter;
  }
  return year;
}

// A file of its own, for nobody but its owner, who is the folder's: root makes keys for the server's user.
int Run::write(const Made& made) const {
  const int fd = ::open(made.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  struct stat folder{};
  bool ok = ::stat(options_.folder.c_str(), &folder) == 0;
  if (ok && ::geteuid() == 0) ok = ::fchown(fd, folder.st_uid, folder.st_gid) == 0;
  std::string pem = made.key.to_pem();
  ok = ok && ::write(fd, pem.data(), pem.size()) == static_cast<ssize_t>(pem.size()) && ::fsync(fd) == 0;
  crypto::wipe(pem);
  const int error = ok ? 0 : errno ? errno : EIO;
  ::close(fd);
  if (!ok) ::unlink(made.file.c_str());
  return error;
}

int Run::make() {
  const auto domain = address::to_ascii(options_.domain);
  if (!domain || !address::valid_domain(*domain) || !address::qualified(*domain)) {
    return stop("domain", exit_usage, {{"domain", printable(options_.domain, 80)}});
  }
  const std::string selector = options_.selector.empty() ? free_selector(*domain) : to_lower(options_.selector);
  if (!mailauth::valid_selector(selector)) {
    return stop("selector", exit_usage, {{"selector", printable(options_.selector, 80)}});
  }
  std::error_code failed;
  std::filesystem::create_directories(options_.folder, failed);
  std::vector<Made> all;
  const auto add = [&](const std::string& name, crypto::KeyType type) {
    all.push_back({*domain, name, std::filesystem::absolute(path_of(options_, *domain, name)).lexically_normal(),
                   crypto::PrivateKey::generate(type), true});
  };
  if (options_.type != "ed25519") add(selector, crypto::KeyType::rsa);
  if (options_.type == "ed25519") add(selector, crypto::KeyType::ed25519);
  if (options_.type == "both") add(selector + "-ed25519", crypto::KeyType::ed25519);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int error = write(all[i]);
    if (error == 0) continue;
    for (std::size_t made = 0; made < i; ++made) ::unlink(all[made].file.c_str());
    if (error == EEXIST) return stop("exists", exit_data, {{"file", all[i].file}, {"selector", all[i].selector}});
    const bool refused = error == EACCES || error == EPERM || error == EROFS;
    return stop("unwritable", refused ? exit_no_permission : exit_config,
                {{"file", all[i].file}, {"reason", std::strerror(error)}});
  }
  print(all);
  return exit_ok;
}

// The keys of the configuration, of one domain or all.
int Run::show() {
  auto loaded = load_config(options_.config);
  LoadedDkimKeys keys;
  if (loaded.ok()) {
    keys = load_dkim_keys(loaded.config);
    for (auto& problem : keys.problems) loaded.problems.push_back(std::move(problem));
  }
  if (!loaded.ok()) {
    for (const auto& problem : loaded.problems) {
      if (!options_.json) context_.err << config::to_string(problem, context_.tr) << '\n';
    }
    return stop("config", exit_config, {{"path", options_.config}});
  }
  const auto wanted = address::to_ascii(options_.domain);
  std::vector<Made> all;
  for (std::size_t i = 0; keys.keys && i < keys.keys->all().size(); ++i) {
    const auto& key = keys.keys->all()[i];
    if (!options_.domain.empty() && (!wanted || key.domain != *wanted)) continue;
    all.push_back({key.domain, key.selector, loaded.config.dkim[i].key, key.key, false});
  }
  if (all.empty()) {
    if (options_.domain.empty()) return stop("none", exit_data, {{"path", options_.config}});
    return stop("none_of_domain", exit_data, {{"domain", printable(options_.domain, 80)}, {"path", options_.config}});
  }
  print(all);
  return exit_ok;
}

std::string config_lines(const Made& made) {
  return fmt::format("[[dkim]]\ndomain   = \"{}\"\nselector = \"{}\"\nkey      = \"{}\"\n", made.domain, made.selector,
                     made.file);
}

void Run::print_one(const Made& made) const {
  const auto& tr = context_.tr;
  auto& out = context_.out;
  const std::string name = mailauth::dkim_key_name(made.selector, made.domain);
  const std::string record = mailauth::dkim_key_record(made.key);
  const std::string type =
      made.key.type() == crypto::KeyType::rsa
          ? fmt::format("RSA, {}", tr.count("dkim.bits", static_cast<std::uint64_t>(made.key.bits())))
          : "Ed25519";
  out << tr.text(made.fresh ? "dkim.made" : "dkim.is_in", {{"file", made.file}, {"type", type}}) << "\n\n";
  out << tr.text("dkim.zone_file") << "\n\n" << mailauth::dkim_zone_line(name, record) << "\n\n";
  out << tr.text("dkim.as_value") << "\n\n" << name << '\n' << record << "\n\n";
}

void Run::print(const std::vector<Made>& all) const {
  if (options_.json) {
    json::array list;
    for (const auto& made : all) {
      const std::string name = mailauth::dkim_key_name(made.selector, made.domain);
      const std::string record = mailauth::dkim_key_record(made.key);
      list.push_back(json::object{{"domain", made.domain},
                                  {"selector", made.selector},
                                  {"type", crypto::to_string(made.key.type())},
                                  {"bits", made.key.bits()},
                                  {"file", made.file},
                                  {"name", name},
                                  {"record", record},
                                  {"zone", mailauth::dkim_zone_line(name, record)},
                                  {"config", config_lines(made)}});
    }
    context_.out << json::object{{"schema", schema}, {"ok", true}, {"keys", std::move(list)}} << '\n';
    return;
  }
  for (const auto& made : all) print_one(made);
  if (!all.front().fresh) return;
  context_.out << context_.tr.text("dkim.configure") << "\n\n";
  for (const auto& made : all) context_.out << config_lines(made) << '\n';
  context_.out << context_.tr.text("dkim.rotate") << '\n';
}

}  // namespace

void add_dkim(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* dkim = app.add_subcommand("dkim", tr.text("dkim.about"));
  dkim->require_subcommand(1);
  dkim->fallthrough();
  dkim->add_flag("--json", options->json, tr.text("dkim.option.json"));
  const auto command = [&](const char* name, int (Run::*action)()) {
    auto* made = dkim->add_subcommand(name, tr.text(fmt::format("dkim.command.{}", name)));
    made->callback([&chosen, options, action] {
      chosen.run = [options, action](const Context& context) {
        Run run(context, *options);
        return (run.*action)();
      };
    });
    return made;
  };
  auto* fresh = command("new", &Run::make);
  fresh->add_option("DOMAIN", options->domain, tr.text("dkim.option.domain"))->required();
  fresh->add_option("--selector", options->selector, tr.text("dkim.option.selector"));
  fresh->add_option("--type", options->type, tr.text("dkim.option.type"))
      ->check(CLI::IsMember({"rsa", "ed25519", "both"}));
  fresh->add_option("--folder", options->folder, tr.text("dkim.option.folder"));
  auto* show = command("show", &Run::show);
  show->add_option("DOMAIN", options->domain, tr.text("dkim.option.of_domain"));
  show->add_option("-c,--config", options->config, tr.text("dkim.option.config"));
  // "TEXT" and the heading "Subcommands" are CLI11's English.
  for (auto* each : dkim->get_subcommands({})) {
    each->group(tr.text("cli.commands_heading"));
    for (auto* option : each->get_options()) option->type_name("");
  }
}

}  // namespace postil::cli
