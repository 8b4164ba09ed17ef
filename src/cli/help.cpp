#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "cli/answer_text.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

constexpr std::size_t name_cells = 26;
constexpr const char* option_of_summary = "by";  // "queue --by": of no command below

struct Value {
  std::string_view option;
  std::string_view name;
};

// What stands behind an option.
constexpr Value values[] = {
    {"--lang", "LANGUAGE"},
    {"--stage", "STAGE"},
    {"--to", "ADDRESS"},
    {"--from", "ADDRESS"},
    {"--tls", "HOW"},
    {"--server", "HOST[:PORT]"},
    {"--auth", "USER"},
    {"--password-file", "FILE"},
    {"--mechanism", "NAME"},
    {"--subject", "TEXT"},
    {"--body", "TEXT"},
    {"--header", "FIELD"},
    {"--file", "FILE"},
    {"--helo", "NAME"},
    {"--size", "OCTETS"},
    {"--stop-after", "STEP"},
    {"--ca", "FILE"},
    {"--timeout", "SECONDS"},
    {"--config", "FILE"},
    {"--socket", "PATH"},
    {"--why", "TEXT"},
    {"--by", "WHAT"},
    {"--id", "ID"},
    {"--to-domain", "DOMAIN"},
    {"--reason", "WORD"},
    {"--older", "TIME"},
    {"--count", "NUMBER"},
    {"--address", "ADDRESS"},
    {"--language", "LANGUAGE"},
    {"--mechanism-off", "NAME"},
    {"--scheme", "NAME"},
    {"--folder", "FOLDER"},
    {"--port", "PORT"},
    {"--port-tls", "PORT"},
    {"--host-port", "PORT"},
    {"--port-web", "PORT"},
    {"--format", "FORMAT"},
    {"--url", "URL"},
    {"--resolver", "ADDRESS"},
    {"--seconds", "SECONDS"},
    {"--only", "WHAT"},
    {"--rcpt", "ADDRESS"},
    {"--login", "USER"},
    {"--from-ip", "ADDRESS"},
    {"--selector", "NAME"},
    {"--message", "FILE"},
    {"--list", "ZONE"},
    {"--trust-anchor", "RECORD"},
    {"--port-submission", "PORT"},
    {"--port-submissions", "PORT"},
    {"--save", "FILE"},
    {"--replay", "FILE"},
    {"--mail-from", "ADDRESS"},
    {"--job", "JOB"},
    {"--mx", "HOST"},
    {"--ip", "ADDRESS"},
    {"--reports", "ADDRESS"},
};

std::string value_of(const CLI::Option* option) {
  for (const auto& value : values) {
    if (option->check_lname(std::string(value.option.substr(2)))) return std::string(value.name);
  }
  return "VALUE";
}

struct ExitCode {
  int code;
  std::string_view text;  // help.exit.*
};

// What a command shows behind its options. A command without an entry has that of the one above it.
struct Entry {
  std::string_view command;
  std::vector<std::string_view> examples;  // "{}": the program
  std::vector<ExitCode> exits;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = {
      {"", {"{} demo", "{} explain 556", "{} send --to you@example.net", "{} config example submission"}, {}},
      {"serve",
       {"{} serve", "{} serve --config ./postil.toml"},
       {{0, "stopped"}, {64, "usage"}, {69, "port"}, {75, "spool_in_use"}, {77, "files_right"}, {78, "config"}}},
      {"demo",
       {"{} demo", "{} demo --port 3587 --port-tls 3465 --host-port 3525"},
       {{0, "stopped"}, {64, "usage"}, {69, "port"}, {77, "files"}}},
      {"explain",
       {"{} explain 521", "{} explain 5.7.26 --long", "{} explain 5xx",
        "{} explain \"550 5.1.1 <bob@example.net>: no such user\"", "{} explain bounce.eml",
        "journalctl -u postfix -n 1 | {} explain -", "{} explain --json - < /var/log/mail.log"},
       {{0, "done"},
        {1, "unknown_id"},
        {64, "usage"},
        {65, "not_understood"},
        {66, "no_input"},
        {69, "unreachable"},
        {75, "no_answer"},
        {77, "no_permission"}}},
      {"compare", {"{} compare 521 556", "{} compare 550 551 554"}, {{0, "done"}, {64, "usage"}}},
      {"check",
       {"{} check example.org", "{} check ann@example.org --rcpt", "{} check mail.example.org --login ann",
        "{} check 192.0.2.9 --block-lists", "{} check example.org --only mx,tls --json", "{} check - < domains"},
       {{0, "no_fail"},
        {1, "fail"},
        {64, "usage"},
        {65, "not_understood"},
        {66, "no_input"},
        {75, "untested"},
        {77, "not_saved"}}},
      {"catalog",
       {"{} catalog export ./site", "{} catalog export --url https://example.org/mail/ ./site",
        "{} catalog export --format json ./data"},
       {{0, "done"}, {64, "usage"}, {77, "files"}}},
      {"send",
       {"{} send --demo --to 556@demo.test", "{} send --to bob@example.net",
        "{} send --to bob@example.net --stop-after rcpt",
        "{} send --server mail.example.org --auth alice@example.org --from alice@example.org --to bob@example.net",
        "{} send --server mail.example.org:465 --file message.eml --to bob@example.net -v"},
       {{0, "taken"},
        {2, "refused"},
        {64, "usage"},
        {65, "file"},
        {69, "unreachable"},
        {75, "later"},
        {77, "no_permission"}}},
      {"queue",
       {"{} queue", "{} queue --by age", "{} queue list --to-domain example.net", "{} queue show 7Q3K-9F2M-4T8XB",
        "{} queue retry --reason greylisted --yes", "{} queue return --older 2d"},
       {{0, "done"}, {1, "unknown_id"}, {64, "usage"}, {69, "unreachable"}, {75, "no_answer"}, {77, "no_permission"}}},
      {"trace",
       {"{} trace 7Q3K-9F2M-4T8XB", "{} trace BHGD-794S-QEVZJ --json"},
       {{0, "done"}, {1, "unknown_id"}, {64, "usage"}, {69, "unreachable"}, {75, "no_answer"}, {77, "no_permission"}}},
      {"status",
       {"{} status", "{} status --demo", "{} status --json"},
       {{0, "done"}, {64, "usage"}, {69, "unreachable"}, {75, "no_answer"}, {77, "no_permission"}}},
      {"suppress",
       {"{} suppress list", "{} suppress add ann@example.net --why \"asked for it\"",
        "{} suppress remove ann@example.net"},
       {{0, "done"}, {64, "usage"}, {69, "unreachable"}, {75, "no_answer"}, {77, "no_permission"}}},
      {"config",
       {"{} config example submission", "{} config check ./postil.toml", "{} config show", "{} config show --defaults",
        "{} config explain deliver.via"},
       {{0, "done"}, {64, "usage"}, {77, "files_right"}, {78, "config"}}},
      {"simulate",
       {"{} simulate --from-ip 192.0.2.9 --mail-from a@example.net --rcpt bob@example.org",
        "{} simulate --auth alice@example.org --mail-from alice@example.org --rcpt bob@example.net",
        "{} simulate --port 25 --no-dns --json"},
       {{0, "accepted"}, {2, "would_refuse"}, {64, "usage"}, {78, "config"}}},
      {"records",
       {"{} records example.org", "{} records example.org --mx mx.example.org --ip 192.0.2.1 --no-dns",
        "{} records parked.example --null"},
       {{0, "done"}, {64, "usage"}, {78, "config"}}},
      {"user",
       {"{} user add alice@example.org", "{} user add printer --address scan@example.org --generate",
        "{} user password alice@example.org", "{} user list"},
       {{0, "done"}, {1, "findings"}, {64, "usage"}, {65, "user"}, {77, "files"}, {78, "users_file"}}},
      {"dkim",
       {"{} dkim new example.org", "{} dkim new example.org --type ed25519 --selector s2026b",
        "{} dkim show example.org"},
       {{0, "done"}, {64, "usage"}, {65, "dkim"}, {77, "no_permission"}, {78, "config"}}},
      {"spool",
       {"{} spool check", "{} spool check --folder /var/spool/postil"},
       {{0, "sound"}, {1, "damaged"}, {64, "usage"}, {65, "spool"}, {77, "files"}}},
      {"sendmail",
       {"{} sendmail -t < message.eml", "{} sendmail -f alice@example.org bob@example.net < message.eml",
        "{} sendmail -bs"},
       {{0, "taken_here"},
        {64, "usage"},
        {65, "sendmail_data"},
        {67, "no_user"},
        {69, "refused_here"},
        {75, "sendmail_later"},
        {77, "no_permission"},
        {78, "config"}}},
  };
  return all;
}

const Entry* entry_of(std::string path) {
  for (;;) {
    for (const auto& entry : entries()) {
      if (entry.command == path) return &entry;
    }
    const auto space = path.rfind(' ');
    if (space == std::string::npos) return nullptr;
    path.resize(space);
  }
}

std::string wrapped(const std::string& text, std::size_t cells) {
  std::string out;
  for (const auto& line : i18n::wrap(text, cells)) out += line + '\n';
  return out;
}

}  // namespace

std::string command_path(const CLI::App& app) {
  std::string out;
  for (const CLI::App* at = &app; at->get_parent() != nullptr; at = at->get_parent()) {
    out = out.empty() ? at->get_name() : at->get_name() + ' ' + out;
  }
  return out;
}

HelpFormatter::HelpFormatter(const i18n::Translator& tr, std::string program, std::size_t cells)
    : tr_(tr), program_(std::move(program)), cells_(cells) {
  label("Positionals", tr.text("cli.arguments_heading"));
  label("Options", tr.text("cli.options_heading"));
  label("Subcommands", tr.text("cli.commands_heading"));
}

std::string HelpFormatter::row(const std::string& name, const std::string& text) const {
  std::string out = "  " + name;
  const auto lines = i18n::wrap(text, cells_ - name_cells);
  std::size_t used = i18n::width_cells(out);
  for (const auto& line : lines) {
    if (used + 2 > name_cells) {
      out += '\n';
      used = 0;
    }
    out += std::string(name_cells - used, ' ') + line + '\n';
    used = 0;
  }
  return out;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  if (is_positional) {
    const bool several = option->get_expected_max() > 1;
    return row(option->get_name(true, false) + (several ? "..." : ""), option->get_description());
  }
  std::string names;
  for (const auto& name : option->get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const auto& name : option->get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  std::string text = option->get_description();
  if (option->get_expected_max() > 0) {
    names += ' ' + value_of(option);
    if (const auto standard = option->get_default_str(); !standard.empty()) {
      text += ' ' + tr_.text("help.default", {{"value", standard}});
    }
  }
  return row(names, text);
}

// Those of the command above count here as well, and nothing else tells of them.
std::string HelpFormatter::options(const CLI::App* app, CLI::AppFormatMode mode) const {
  std::string out = make_groups(app, mode);
  while (out.ends_with("\n\n")) out.pop_back();
  for (const CLI::App* above = app->get_parent(); above != nullptr && above->get_parent() != nullptr;
       above = above->get_parent()) {
    for (const auto* option : above->get_options()) {
      const bool shown = option->nonpositional() && !option->get_group().empty() && option != above->get_help_ptr();
      if (shown && !option->check_lname(option_of_summary)) out += make_option(option, false);
    }
  }
  const CLI::App* program = app;
  while (program->get_parent() != nullptr) program = program->get_parent();
  const auto* language = program == app ? nullptr : program->get_option_no_throw("--lang");
  if (language != nullptr) out += make_option(language, false);
  return out;
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
  return row(sub->get_name(), sub->get_description());
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const {
  std::string out = tr_.text("cli.usage_heading") + ": " + program_;
  if (const auto path = command_path(*app); !path.empty()) out += ' ' + path;
  if (!app->get_options([](const CLI::Option* option) { return option->nonpositional(); }).empty()) {
    out += " [--OPTION...]";
  }
  for (const auto* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string name = option->get_name(true, false) + (option->get_expected_max() > 1 ? "..." : "");
    out += option->get_required() ? ' ' + name : " [" + name + ']';
  }
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    out += app->get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
  }
  return out + '\n';
}

std::string HelpFormatter::examples(const std::string& path) const {
  const auto* entry = entry_of(path);
  if (entry == nullptr) return {};
  // Of a command below another only its own.
  const std::string word = path.substr(path.rfind(' ') + 1);
  const bool below = path.find(' ') != std::string::npos;
  std::string out;
  for (const auto example : entry->examples) {
    if (below && example.find(' ' + path) == std::string_view::npos) continue;
    out += "  " + fmt::format(fmt::runtime(example), program_) + '\n';
  }
  if (out.empty()) return {};
  return '\n' + tr_.text("help.examples") + ":\n" + out;
}

std::string HelpFormatter::exit_codes(const std::string& path) const {
  const auto* entry = entry_of(path);
  if (entry == nullptr || entry->exits.empty()) return {};
  std::string out = '\n' + tr_.text("help.exit_codes") + ":\n";
  for (const auto& exit : entry->exits) {
    const auto lines = i18n::wrap(tr_.text(fmt::format("help.exit.{}", exit.text)), cells_ - 6);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      out += fmt::format("  {:<4}{}\n", i == 0 ? fmt::to_string(exit.code) : std::string(), lines[i]);
    }
  }
  return out;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  const std::string path = command_path(*app);
  std::string out = wrapped(app->get_description(), cells_);
  out += '\n' + make_usage(app, std::move(name));
  out += make_positionals(app);
  out += options(app, mode);
  out += make_subcommands(app, mode);
  if (const auto& footer = app->get_footer(); !footer.empty()) out += '\n' + wrapped(footer, cells_);
  out += examples(path) + exit_codes(path);
  return out;
}

}  // namespace postil::cli
