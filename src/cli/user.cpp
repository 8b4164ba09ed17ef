#include "cli/user.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <ostream>

#include "accounts/users.hpp"
#include "accounts/users_text.hpp"
#include "base/bytes.hpp"
#include "cli/config_files.hpp"
#include "cli/password_source.hpp"
#include "cli/running_server.hpp"
#include "cli/users_file.hpp"
#include "crypto/digest.hpp"
#include "env_asio/entropy.hpp"
#include "i18n/columns.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

namespace json = boost::json;
using accounts::EditError;
using accounts::UserRecord;
using accounts::Users;

struct Options {
  std::string name;
  std::string config;
  std::string file;  // "" = the configuration's
  std::vector<std::string> addresses;
  std::vector<std::string> mechanisms_off;
  std::string language;
  std::string scheme = "yescrypt";
  bool no_password = false;
  bool json = false;
  PasswordOptions password;
};

constexpr std::string_view schema = "postil.user/1";

std::string random_octets(std::size_t count) {
  std::string octets(count, '\0');
  env_asio::SystemEntropy().fill({reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()});
  return octets;
}

// The users file of the configuration where none is named.
std::expected<Options, CallFailure> with_file(const Context& context, Options options) {
  if (!options.file.empty()) return options;
  const auto config = places_of(options.config);
  if (!config) {
    const std::string said =
        context.tr.text("user.error.config", {{"path", options.config}, {"detail", config.error()}});
    return std::unexpected(CallFailure{"config_unreadable", said, exit_config});
  }
  options.file = config->submission.users;
  return options;
}

// One run of a subcommand: says what came of it, in the form that was asked for, and gives the exit code.
class Run {
 public:
  Run(const Context& context, const Options& options) : context_(context), options_(options), file_(options.file) {}

  int add();
  int remove();
  int list();
  int password();
  int set_disabled(bool disabled);
  int check();

 private:
  struct Stop {  // an error was told already
    int code;
  };
  template <class T>
  using Result = std::expected<T, Stop>;

  std::string text(std::string_view key, i18n::Args args = {}) const {
    args.emplace_back("name", printable(options_.name));
    args.emplace_back("file", options_.file);
    args.emplace_back("program", context_.program_name);
    return context_.tr.text(key, args);
  }
  Stop stop(int code, std::string_view error, i18n::Args args = {}) const {
    const std::string said = text(fmt::format("user.error.{}", error), std::move(args));
    return Stop{tell_failure(context_, {std::string(error), said, code}, options_.json, "user")};
  }
  Stop stop_errno(std::string_view error, int number) const {
    if (number == no_regular_file) error = "file_irregular";
    const bool refused = number == EACCES || number == EPERM || number == EROFS;
    return stop(refused ? exit_no_permission : exit_config, error, {{"reason", std::strerror(number)}});
  }
  int done(std::string_view what, const std::string* made_password = nullptr) const;
  Stop tell_problems(const std::vector<accounts::Problem>& problems) const;
  json::array to_json(const std::vector<accounts::Problem>& problems) const;
  std::string problem_line(const accounts::Problem& problem) const;

  Result<std::string> read();
  Result<Users> read_users();
  Result<void> edit(std::expected<std::string, EditError> text);
  Result<UserRecord> existing(const std::string& text);
  Result<UserRecord> described() const;
  Result<GivenPassword> take_password(UserRecord& record) const;

  const Context& context_;
  const Options& options_;
  UsersFile file_;
};

int Run::done(std::string_view what, const std::string* made_password) const {
  if (options_.json) {
    json::object said{{"schema", schema}, {"ok", true}, {"done", what}, {"name", options_.name}};
    if (made_password) said["password"] = *made_password;
    context_.out << said << '\n';
    return exit_ok;
  }
  context_.out << text(fmt::format("user.done.{}", what)) << '\n';
  if (made_password) context_.out << text("user.done.generated", {{"password", *made_password}}) << '\n';
  return exit_ok;
}

std::string Run::problem_line(const accounts::Problem& problem) const {
  const std::string what = context_.tr.text(fmt::format("user.problem.{}", accounts::to_string(problem.kind)),
                                            {{"detail", problem.detail}, {"program", context_.program_name}});
  return fmt::format("{}:{}:{}: {}", options_.file, problem.line, problem.column, what);
}

json::array Run::to_json(const std::vector<accounts::Problem>& problems) const {
  json::array all;
  for (const auto& problem : problems) {
    all.push_back(json::object{{"line", problem.line},
                               {"column", problem.column},
                               {"problem", accounts::to_string(problem.kind)},
                               {"detail", problem.detail},
                               {"text", problem_line(problem)}});
  }
  return all;
}

Run::Stop Run::tell_problems(const std::vector<accounts::Problem>& problems) const {
  const std::string said = text("user.error.file_problems");
  if (options_.json) {
    context_.out << json::object{{"schema", schema},
                                 {"ok", false},
                                 {"error", json::object{{"id", "file_problems"}, {"message", said}}},
                                 {"problems", to_json(problems)},
                                 {"exit", int(exit_config)}}
                 << '\n';
  } else {
    context_.err << said << '\n';
    for (const auto& problem : problems) context_.err << "  " << problem_line(problem) << '\n';
  }
  return Stop{exit_config};
}

Run::Result<std::string> Run::read() {
  auto content = file_.read();
  if (content) return std::move(*content);
  if (content.error() == ENOENT) return std::unexpected(stop(exit_config, "file_missing"));
  return std::unexpected(stop_errno("file_unreadable", content.error()));
}

Run::Result<Users> Run::read_users() {
  auto content = read();
  if (!content) return std::unexpected(content.error());
  auto users = Users::parse(*content);
  if (!users) return std::unexpected(tell_problems(users.error()));
  return std::move(*users);
}

Run::Result<void> Run::edit(std::expected<std::string, EditError> edited) {
  if (!edited) {
    if (edited.error() == EditError::exists) return std::unexpected(stop(exit_data, "exists"));
    if (edited.error() == EditError::missing) return std::unexpected(stop(exit_data, "missing"));
    if (edited.error() == EditError::too_long) return std::unexpected(stop(exit_data, "too_long"));
    const auto content = file_.read();
    const auto users = Users::parse(content ? *content : std::string());
    return std::unexpected(tell_problems(users ? std::vector<accounts::Problem>{} : users.error()));
  }
  if (const auto replaced = file_.replace(*edited); !replaced)
    return std::unexpected(stop_errno("file_unwritable", replaced.error()));
  return {};
}

Run::Result<UserRecord> Run::existing(const std::string& content) {
  const auto users = Users::parse(content);
  if (!users) return std::unexpected(tell_problems(users.error()));
  const auto* record = users->record(options_.name);
  if (record == nullptr) return std::unexpected(stop(exit_data, "missing"));
  return *record;
}

// The new user as the options tell, read by the same rules as the file.
Run::Result<UserRecord> Run::described() const {
  UserRecord record{.name = options_.name,
                    .addresses = options_.addresses,
                    .language = options_.language,
                    .mechanisms_off = options_.mechanisms_off};
  auto read = accounts::parse_user(accounts::format_user(record), 1);
  // The file can hold them, but mail programs and their settings trip over them.
  if (read && read->name.find_first_of(" \"\\") != std::string::npos)
    return std::unexpected(stop(exit_usage, "name_characters"));
  if (read) return std::move(*read);
  const auto& problem = read.error().front();
  using enum accounts::ProblemKind;
  switch (problem.kind) {
    case address_pattern:
      return std::unexpected(stop(exit_usage, "address", {{"address", problem.detail}}));
    case mechanism:
      return std::unexpected(stop(exit_usage, "mechanism", {{"mechanism", problem.detail}}));
    case language:
      return std::unexpected(stop(exit_usage, "language", {{"language", printable(options_.language)}}));
    case line_too_long:
      return std::unexpected(stop(exit_usage, "too_long"));
    default:
      return std::unexpected(stop(exit_usage, "name"));
  }
}

Run::Result<GivenPassword> Run::take_password(UserRecord& record) const {
  auto given =
      get_password(options_.password, context_.in, text("user.prompt.password") + " ", text("user.prompt.again") + " ");
  if (!given) {
    switch (given.error()) {
      case PasswordFailure::none_given:
        return std::unexpected(stop(exit_usage, "password_none"));
      case PasswordFailure::several_sources:
        return std::unexpected(stop(exit_usage, "password_several"));
      case PasswordFailure::not_the_same:
        return std::unexpected(stop(exit_data, "password_different"));
      case PasswordFailure::cancelled:
        return std::unexpected(stop(exit_data, "password_cancelled"));
      case PasswordFailure::file_unreadable:
        return std::unexpected(stop(exit_data, "password_file", {{"path", options_.password.file}}));
    }
  }
  const auto scheme = options_.scheme == "argon2id" ? crypto::Scheme::argon2id : crypto::Scheme::yescrypt;
  std::string random = random_octets(accounts::password_random_octets);
  const auto set = accounts::set_password(record, given->password, random, scheme);
  if (set) return std::move(*given);
  switch (set.error()) {
    case accounts::PasswordError::empty:
      return std::unexpected(stop(exit_data, "password_empty"));
    case accounts::PasswordError::too_long:
      return std::unexpected(stop(exit_data, "password_long"));
    case accounts::PasswordError::prohibited:
      break;
  }
  return std::unexpected(stop(exit_data, "password_prohibited"));
}

int Run::add() {
  auto record = described();
  if (!record) return record.error().code;
  // What would fail is told before a password is asked for; it is looked at again under the lock.
  auto content = file_.read();
  if (!content && content.error() != ENOENT) return stop_errno("file_unreadable", content.error()).code;
  if (content) {
    const auto known =
        accounts::add_user(accounts::with_head(*content, random_octets(accounts::server_key_octets)), *record);
    if (!known) return edit(known).error().code;
  }
  GivenPassword given;
  if (!options_.no_password) {
    auto taken = take_password(*record);
    if (!taken) return taken.error().code;
    given = std::move(*taken);
  }
  if (const auto locked = file_.lock(); !locked) return stop_errno("file_unwritable", locked.error()).code;
  content = file_.read();
  if (!content && content.error() != ENOENT) return stop_errno("file_unreadable", content.error()).code;
  const std::string before =
      accounts::with_head(content ? *content : std::string(), random_octets(accounts::server_key_octets));
  if (const auto edited = edit(accounts::add_user(before, *record)); !edited) return edited.error().code;
  const int code = done("added", given.made ? &given.password : nullptr);
  crypto::wipe(given.password);
  return code;
}

int Run::remove() {
  if (const auto locked = file_.lock(); !locked) return stop_errno("file_unwritable", locked.error()).code;
  const auto content = read();
  if (!content) return content.error().code;
  if (const auto edited = edit(accounts::remove_user(*content, options_.name)); !edited) return edited.error().code;
  return done("removed");
}

int Run::password() {
  auto content = read();
  if (!content) return content.error().code;
  auto record = existing(*content);
  if (!record) return record.error().code;
  auto given = take_password(*record);
  if (!given) return given.error().code;
  if (const auto locked = file_.lock(); !locked) return stop_errno("file_unwritable", locked.error()).code;
  content = read();  // it may have changed while the password was typed
  if (!content) return content.error().code;
  auto now = existing(*content);
  if (!now) return now.error().code;
  now->password_hash = record->password_hash;
  now->scram_sha1 = record->scram_sha1;
  now->scram_sha256 = record->scram_sha256;
  if (const auto edited = edit(accounts::change_user(*content, *now)); !edited) return edited.error().code;
  const int code = done("password", given->made ? &given->password : nullptr);
  crypto::wipe(given->password);
  return code;
}

int Run::set_disabled(bool disabled) {
  if (const auto locked = file_.lock(); !locked) return stop_errno("file_unwritable", locked.error()).code;
  const auto content = read();
  if (!content) return content.error().code;
  auto record = existing(*content);
  if (!record) return record.error().code;
  if (record->disabled != disabled) {
    record->disabled = disabled;
    if (const auto edited = edit(accounts::change_user(*content, *record)); !edited) return edited.error().code;
  }
  return done(disabled ? "disabled" : "enabled");
}

int Run::list() {
  const auto users = read_users();
  if (!users) return users.error().code;
  if (options_.json) {
    json::array all;
    for (const auto& user : users->all()) {
      all.push_back(json::object{{"name", user.name},
                                 {"addresses", json::value_from(user.addresses)},
                                 {"language", user.language},
                                 {"disabled", user.disabled},
                                 {"password", !user.password_hash.empty()},
                                 {"scram_sha_256", user.scram_sha256.has_value()},
                                 {"scram_sha_1", user.scram_sha1.has_value()},
                                 {"mechanisms_off", json::value_from(user.mechanisms_off)}});
    }
    context_.out << json::object{{"schema", schema}, {"ok", true}, {"users", std::move(all)}} << '\n';
    return exit_ok;
  }
  const auto& tr = context_.tr;
  std::vector<std::array<std::string, 4>> rows = {{tr.text("user.list.name"), tr.text("user.list.addresses"),
                                                   tr.text("user.list.login"), tr.text("user.list.state")}};
  for (const auto& user : users->all()) {
    const std::string_view login = user.password_hash.empty() ? "user.list.certificate"
                                   : user.scram_sha256        ? "user.list.password_and_scram"
                                                              : "user.list.password_only";
    rows.push_back({user.name,
                    user.addresses.empty() ? tr.text("user.list.own_address") : i18n::list(user.addresses, tr),
                    tr.text(login), tr.text(user.disabled ? "user.list.disabled" : "user.list.enabled")});
  }
  std::array<std::size_t, 4> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < 4; ++i) widths[i] = std::max(widths[i], i18n::width_cells(row[i]));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < 3; ++i) context_.out << i18n::pad(row[i], widths[i] + 2);
    context_.out << row[3] << '\n';
  }
  return exit_ok;
}

int Run::check() {
  const auto content = read();
  if (!content) return content.error().code;
  const auto users = Users::parse(*content);
  if (options_.json) {
    json::object said{{"schema", schema}, {"ok", users.has_value()}, {"file", options_.file}};
    if (users) said["users"] = users->all().size();
    if (!users) said["problems"] = to_json(users.error());
    context_.out << said << '\n';
    return users ? exit_ok : exit_finding;
  }
  if (users) {
    context_.out << context_.tr.count("user.check.good", users->all().size(), {{"file", options_.file}}) << '\n';
    return exit_ok;
  }
  for (const auto& problem : users.error()) context_.out << problem_line(problem) << '\n';
  context_.out << context_.tr.count("user.check.bad", users.error().size(), {{"file", options_.file}}) << '\n';
  return exit_finding;
}

void add_password_options(CLI::App& command, Options& options, const i18n::Translator& tr) {
  command.add_option("--password-file", options.password.file, tr.text("user.option.password_file"));
  command.add_flag("--password-stdin", options.password.input, tr.text("user.option.password_stdin"));
  command.add_flag("--generate", options.password.made, tr.text("user.option.generate"));
  command.add_option("--scheme", options.scheme, tr.text("user.option.scheme"))
      ->check(CLI::IsMember({"yescrypt", "argon2id"}));
  command.footer(tr.text("user.password_help"));
}

}  // namespace

void add_user(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* user = app.add_subcommand("user", tr.text("user.about"));
  user->require_subcommand(1);
  user->fallthrough();
  user->add_option("-c,--config", options->config, tr.text("user.option.config"));
  user->add_option("--file", options->file, tr.text("user.option.file"));
  user->add_flag("--json", options->json, tr.text("user.option.json"));

  using Action = int (*)(Run&);
  const auto command = [&](const char* name, bool named, Action action) {
    auto* made = user->add_subcommand(name, tr.text(fmt::format("user.command.{}", name)));
    if (named) made->add_option("NAME", options->name, tr.text("user.option.name"))->required();
    made->callback([&chosen, options, action] {
      chosen.run = [options, action](const Context& context) {
        const auto whole = with_file(context, *options);
        if (!whole) return tell_failure(context, whole.error(), options->json, "user");
        Run run(context, *whole);
        return action(run);
      };
    });
    return made;
  };
  auto* add = command("add", true, [](Run& run) { return run.add(); });
  add->add_option("--address", options->addresses, tr.text("user.option.address"))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  add->add_option("--language", options->language, tr.text("user.option.language"));
  add->add_option("--mechanism-off", options->mechanisms_off, tr.text("user.option.mechanism_off"))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  add->add_flag("--no-password", options->no_password, tr.text("user.option.no_password"));
  add_password_options(*add, *options, tr);
  command("remove", true, [](Run& run) { return run.remove(); });
  command("list", false, [](Run& run) { return run.list(); });
  add_password_options(*command("password", true, [](Run& run) { return run.password(); }), *options, tr);
  command("disable", true, [](Run& run) { return run.set_disabled(true); });
  command("enable", true, [](Run& run) { return run.set_disabled(false); });
  command("check", false, [](Run& run) { return run.check(); });
  // "TEXT" and the heading "Subcommands" are CLI11's English.
  for (auto* each : user->get_subcommands({})) {
    each->group(tr.text("cli.commands_heading"));
    for (auto* option : each->get_options()) option->type_name("");
  }
}

}  // namespace postil::cli
