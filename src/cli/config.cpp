// `postil config`: looks at the configuration without starting anything.
#include "cli/config.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <ostream>

#include "accounts/users.hpp"
#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/config_files.hpp"
#include "cli/config_system.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"
#include "cli/users_file.hpp"
#include "config/config.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/tls.hpp"
#include "i18n/columns.hpp"
#include "message/date.hpp"

namespace postil::cli {
namespace {

using config::Problem;

struct Options {
  std::string file{default_config_file};
  bool json = false, defaults = false, markdown = false;
  std::string key, job;
};

std::string text_key(std::string_view path) {
  std::string out = "config_key.";
  for (const char c : path) out += c == '.' ? '_' : c;
  return out;
}

// All problems as JSON, with the "error" that every failed command has.
json::object problems_of(const Context& context, const std::vector<Problem>& problems) {
  json::array all;
  for (const auto& problem : problems) all.push_back(problem_json(problem, context.tr));
  const auto errors = static_cast<std::uint64_t>(std::ranges::count(problems, false, &Problem::warning));
  json::object out{{"schema", "postil.config/1"}, {"ok", errors == 0}};
  if (errors > 0) {
    out["error"] = json::object{{"id", "config"}, {"message", context.tr.count("config.errors", errors)}};
  }
  out["problems"] = std::move(all);
  out["exit"] = exit_of(problems);
  return out;
}

class Checker {
 public:
  Checker(const Context& context, const Options& options) : context_(context), options_(options) {}
  int run();

 private:
  void look_at_system(config::Loaded& loaded);
  void certificate(const config::Config& config, const crypto::CertificateFacts& facts);
  void users(const config::Config& config);
  void add(const config::Config& config, std::string_view key, std::string text, i18n::Args args, bool warning = false);
  bool running_server_keeps() const;

  const Context& context_;
  const Options& options_;
  std::vector<Problem> problems_;
};

// At the place of the key that led here.
void Checker::add(const config::Config& config, std::string_view key, std::string text, i18n::Args args, bool warning) {
  problems_.push_back(problem_at(config, key, std::move(text), std::move(args), warning));
}

void Checker::certificate(const config::Config& config, const crypto::CertificateFacts& facts) {
  const auto& tls = config.tls;
  const WallTime now = env_asio::SystemClock().wall();
  const std::string until = message::rfc3339_date(facts.not_after);
  if (facts.not_after <= now) {
    add(config, "tls.certificate", "config.certificate_expired", {{"path", tls.certificate}, {"time", until}});
  } else if (facts.not_after - now < env_asio::certificate_warning) {
    const auto left = std::chrono::ceil<days>(facts.not_after - now).count();
    add(config, "tls.certificate", "config.certificate_expires", {{"path", tls.certificate}, {"time", until}}, true);
    problems_.back().count = static_cast<std::uint64_t>(left);
  }
  if (facts.not_before > now) {
    add(config, "tls.certificate", "config.certificate_early",
        {{"path", tls.certificate}, {"time", message::rfc3339_date(facts.not_before)}});
  }
  const bool named = std::ranges::any_of(facts.names, [&](const std::string& name) {
    if (iequals(name, config.host_name)) return true;
    const auto dot = config.host_name.find('.');
    return name.starts_with("*.") && dot != std::string::npos && iequals(name.substr(1), config.host_name.substr(dot));
  });
  if (!named && !config.host_name.empty()) {
    add(config, "tls.certificate", "config.certificate_name", {{"path", tls.certificate}, {"host", config.host_name}},
        true);
  }
}

void Checker::users(const config::Config& config) {
  if (!config.has_job("submission")) return;
  const auto& path = config.submission.users;
  const auto text = UsersFile(path).read();
  if (!text && text.error() == no_regular_file) {
    return add(config, "submission.users", "user.error.file_irregular", {{"file", path}});
  }
  if (!text) {
    return add(config, "submission.users", "config.users_unreadable",
               {{"path", path}, {"detail", std::strerror(text.error())}}, true);
  }
  const auto parsed = accounts::Users::parse(*text);
  if (parsed) return;
  for (const auto& problem : parsed.error()) {
    problems_.push_back({path,
                         static_cast<std::uint32_t>(problem.line),
                         static_cast<std::uint32_t>(problem.column),
                         false,
                         fmt::format("user.problem.{}", accounts::to_string(problem.kind)),
                         {{"detail", problem.detail}, {"program", context_.program_name}}});
  }
}

void Checker::look_at_system(config::Loaded& loaded) {
  const auto& config = loaded.config;
  const bool whole = loaded.ok();
  const auto files = look_at_files(loaded);
  problems_ = std::move(loaded.problems);
  if (files.certificate) certificate(config, *files.certificate);
  if (whole || config.place("submission.users") != "default") users(config);
}

// A server that runs has not taken the file over: a reload with errors leaves it as it is.
bool Checker::running_server_keeps() const {
  return call_server(context_, {.config = options_.file, .socket = {}, .demo = false}, {{"call", "status"}}, seconds(2))
      .has_value();
}

int Checker::run() {
  auto loaded = load_config(options_.file);
  const bool parsed = loaded.ok();
  look_at_system(loaded);
  ExpectationsRun tried;
  if (parsed) {
    if (context_.run_expectations) tried = context_.run_expectations(loaded.config);
    for (auto& problem : tried.problems) problems_.push_back(std::move(problem));
  }
  const auto errors = static_cast<std::uint64_t>(std::ranges::count(problems_, false, &Problem::warning));
  const int code = exit_of(problems_);
  const bool kept = errors > 0 && running_server_keeps();
  if (options_.json) {
    auto told = problems_of(context_, problems_);
    told["file"] = options_.file;
    told["expectations"] = json::object{{"held", tried.held}, {"left_out", tried.left_out}};
    context_.out << told << '\n';
    return code;
  }
  for (const auto& problem : problems_) context_.err << config::to_string(problem, context_.tr) << '\n';
  if (errors == 0) {
    context_.out << context_.tr.text("config.ok") << '\n';
    if (tried.held > 0) context_.out << context_.tr.count("config.expect_held", tried.held) << '\n';
    return code;
  }
  context_.err << context_.tr.count("config.errors", errors) << '\n';
  if (kept) context_.err << context_.tr.text("config.kept") << '\n';
  return code;
}

// The file, when it has no errors; else they are told and the exit code is given.
std::expected<config::Config, int> load(const Context& context, const Options& options) {
  auto loaded = load_config(options.file);
  if (loaded.ok()) return std::move(loaded.config);
  if (options.json) {
    context.out << problems_of(context, loaded.problems) << '\n';
  } else {
    for (const auto& problem : loaded.problems) context.err << config::to_string(problem, context.tr) << '\n';
  }
  return std::unexpected(exit_of(loaded.problems));
}

config::Config only_defaults() {
  // What an empty file says, whatever it lacks.
  const config::SourceFile empty{"default", ""};
  return config::parse({&empty, 1}).config;
}

// The entries of one array of tables.
template <class Entry>
void show_entries(const Context& context, const config::Config& config, std::string_view table,
                  std::vector<Entry> config::Config::* list) {
  for (std::size_t i = 0; i < (config.*list).size(); ++i) {
    context.out << fmt::format("\n[[{}]]\n", table);
    config::Config alone;  // shown() gives a list of all entries
    (alone.*list).push_back((config.*list)[i]);
    for (const auto& key : config::entry_keys()) {
      const auto dot = key.path.find('.');
      if (key.path.substr(0, dot) != table) continue;
      const auto name = key.path.substr(dot + 1);
      const std::string value = key.shown(alone);
      if (value == "[\"\"]" || value == "[[]]") continue;  // not set
      const std::string place = config.place(fmt::format("{}.{}.{}", table, i, name));
      const std::string line = fmt::format("{} = {}", name, value.substr(1, value.size() - 2));
      context.out << i18n::pad(line, 50) << "  # "
                  << (place == "default" ? context.tr.text("config.from_default") : place) << '\n';
    }
  }
}

int run_show(const Context& context, const Options& options) {
  config::Config config = only_defaults();
  if (!options.defaults) {
    auto loaded = load(context, options);
    if (!loaded) return loaded.error();
    config = std::move(*loaded);
  }
  if (options.json) {
    json::object keys;
    for (const auto& key : config::keys()) {
      keys[std::string_view(key.path)] =
          json::object{{"value", key.shown(config)}, {"place", config.place(key.path)}, {"kind", key.kind}};
    }
    json::object entries;
    for (const auto& key : config::entry_keys()) {
      const std::string shown = key.shown(config);
      if (shown != "[]") entries[std::string_view(key.path)] = shown;
    }
    context.out << json::object{{"schema", "postil.config/1"},
                                {"ok", true},
                                {"keys", std::move(keys)},
                                {"entries", std::move(entries)},
                                {"exit", int(exit_ok)}}
                << '\n';
    return exit_ok;
  }
  std::string table;
  for (const auto& key : config::keys()) {
    const bool jobs = key.path == "job" || key.path == "jobs";
    if (jobs && config.place(key.path) == "default" && !(options.defaults && key.path == "job")) continue;
    const auto dot = key.path.find('.');
    const std::string in(dot == std::string_view::npos ? std::string_view() : key.path.substr(0, dot));
    if (in != table) context.out << fmt::format("\n[{}]\n", in);
    table = in;
    const std::string place = config.place(key.path);
    const std::string said = place == "default" ? context.tr.text("config.from_default") : place;
    const std::string line =
        fmt::format("{} = {}", dot == std::string_view::npos ? key.path : key.path.substr(dot + 1), key.shown(config));
    context.out << i18n::pad(line, 50) << "  # " << said << '\n';
  }
  show_entries(context, config, "dkim", &config::Config::dkim);
  show_entries(context, config, "tls_policy", &config::Config::tls_policies);
  show_entries(context, config, "site", &config::Config::sites);
  show_entries(context, config, "source", &config::Config::sources);
  show_entries(context, config, "expect", &config::Config::expectations);
  if (!config.domain_languages.empty()) context.out << "\n[languages]\n";
  for (const auto& [domain, language] : config.domain_languages) {
    context.out << i18n::pad(fmt::format("\"{}\" = \"{}\"", domain, language), 50) << "  # "
                << config.place("languages." + domain) << '\n';
  }
  if (config.aliases.empty()) return exit_ok;
  context.out << "\n[aliases]\n";
  for (const auto& [name, targets] : config.aliases) {
    std::string list;
    for (const auto& target : targets) list += (list.empty() ? "\"" : ", \"") + target + "\"";
    context.out << i18n::pad(fmt::format("\"{}\" = [{}]", name, list), 50) << "  # " << config.place("aliases." + name)
                << '\n';
  }
  return exit_ok;
}

int run_explain(const Context& context, const Options& options) {
  const auto& tr = context.tr;
  const auto* key = config::find_key(options.key);
  if (key == nullptr) {
    const std::string nearest = config::nearest_key(options.key);
    const std::string shown = printable(options.key, 80);
    const std::string said = nearest.empty()
                                 ? tr.text("config.unknown_key", {{"key", shown}})
                                 : tr.text("config.unknown_key_near", {{"key", shown}, {"nearest", nearest}});
    return tell_failure(context, {"unknown_key", said, exit_usage}, options.json, "config");
  }
  // The value now, where the file can be read.
  const auto loaded = load_config(options.file);
  const bool known = loaded.ok();
  if (options.json) {
    json::object out{{"schema", "postil.config/1"},
                     {"ok", true},
                     {"key", key->path},
                     {"kind", key->kind},
                     {"default", key->default_text},
                     {"choices", key->choices},
                     {"text", tr.text(text_key(key->path))}};
    if (known) {
      out["value"] = key->shown(loaded.config);
      out["place"] = loaded.config.place(key->path);
    }
    context.out << out << '\n';
    return exit_ok;
  }
  context.out << key->path << "\n";
  write_paragraph(context.out, tr.text(text_key(key->path)));
  context.out << '\n';
  Rows rows;
  std::string kind(key->kind);
  std::ranges::replace(kind, ' ', '_');
  rows.add(tr.text("config.label.kind"), tr.text("config.kind." + kind));
  rows.add(tr.text("config.label.choices"), std::string(key->choices));
  rows.add(tr.text("config.label.default"),
           key->default_text.empty() ? tr.text("config.no_default") : std::string(key->default_text));
  if (known) {
    rows.add(tr.text("config.label.value"), key->shown(loaded.config));
    const std::string place = loaded.config.place(key->path);
    rows.add(tr.text("config.label.place"), place == "default" ? tr.text("config.from_default") : place);
  }
  rows.write(context.out);
  return exit_ok;
}

void write_key(std::ostream& out, const config::Key& key, const i18n::Translator& tr) {
  out << fmt::format("\n**`{}`**: {}", key.path, key.kind);
  if (!key.choices.empty()) out << fmt::format(" ({})", key.choices);
  if (!key.default_text.empty()) out << fmt::format("; default `{}`", key.default_text);
  out << "\n\n" << tr.text(text_key(key.path)) << '\n';
}

// docs/configuration.md.
int run_markdown(const Context& context) {
  const auto& tr = context.tr;
  auto& out = context.out;
  out << "# Configuration\n\n"
         "One TOML file, `/etc/postil/postil.toml`, and `conf.d/*.toml` beside it in name order. "
         "`postil config check` looks at it, `postil config show` gives every value and its place, "
         "`postil config explain KEY` what is written here, `postil config example JOB` a file to begin with.\n\n"
         "This page is made from the table of keys: `postil config show --markdown`.\n";
  std::string table = "-";
  for (const auto& key : config::keys()) {
    const auto dot = key.path.find('.');
    const std::string in(dot == std::string_view::npos ? std::string_view() : key.path.substr(0, dot));
    if (in != table) out << (in.empty() ? "\n## At the top\n" : fmt::format("\n## [{}]\n", in));
    table = in;
    write_key(out, key, tr);
  }
  for (const auto& key : config::entry_keys()) {
    const std::string in(key.path.substr(0, key.path.find('.')));
    if (in != table) out << fmt::format("\n## [[{}]]\n", in);
    if (in != table && tr.has("config_key." + in)) out << '\n' << tr.text("config_key." + in) << '\n';
    table = in;
    write_key(out, key, tr);
  }
  out << "\n## [aliases]\n\n" << tr.text("config_key.aliases") << '\n';
  out << "\n## [languages]\n\n" << tr.text("config_key.languages") << '\n';
  return exit_ok;
}

int run_example(const Context& context, const Options& options) {
  const std::string text = config::example(options.job);
  if (options.json) {
    context.out << json::object{{"schema", "postil.config/1"}, {"ok", true}, {"job", options.job}, {"example", text}}
                << '\n';
  } else {
    context.out << text;
  }
  return exit_ok;
}

}  // namespace

void add_config(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("config", tr.text("config.about"));
  sub->require_subcommand(1);
  sub->fallthrough();
  sub->add_option("-c,--config", options->file, tr.text("config.option.config"));
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  const auto command = [&](const char* name, int (*action)(const Context&, const Options&)) {
    auto* made = sub->add_subcommand(name, tr.text(fmt::format("config.command.{}", name)));
    made->callback([&chosen, options, action] {
      chosen.run = [options, action](const Context& context) { return action(context, *options); };
    });
    return made;
  };
  auto* check =
      command("check", [](const Context& context, const Options& given) { return Checker(context, given).run(); });
  check->add_option("FILE", options->file, tr.text("config.option.config"));
  auto* show = command("show", [](const Context& context, const Options& given) {
    return given.markdown ? run_markdown(context) : run_show(context, given);
  });
  show->add_flag("--defaults", options->defaults, tr.text("config.option.defaults"));
  show->add_flag("--markdown", options->markdown)->group("");  // hidden: makes docs/configuration.md
  command("explain", run_explain)->add_option("KEY", options->key, tr.text("config.option.key"))->required();
  command("example", run_example)
      ->add_option("JOB", options->job, tr.text("config.option.job"))
      ->required()
      ->check(CLI::IsMember({"submission", "relay", "null"}));
  for (auto* each : sub->get_subcommands({})) {
    each->group(tr.text("cli.commands_heading"));
    for (auto* option : each->get_options()) option->type_name("");
  }
}

}  // namespace postil::cli
