#include "cli/cli.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "cli/answer_text.hpp"
#include "cli/catalog.hpp"
#include "cli/check.hpp"
#include "cli/command.hpp"
#include "cli/compare.hpp"
#include "cli/complete.hpp"
#include "cli/config.hpp"
#include "cli/dkim.hpp"
#include "cli/explain.hpp"
#include "cli/help.hpp"
#include "cli/isolating_buffer.hpp"
#include "cli/nearest.hpp"
#include "cli/queue.hpp"
#include "cli/records.hpp"
#include "cli/send.hpp"
#include "cli/sendmail.hpp"
#include "cli/spool.hpp"
#include "cli/status.hpp"
#include "cli/suppress.hpp"
#include "cli/table.hpp"
#include "cli/trace.hpp"
#include "cli/user.hpp"
#include "diagnose/explain.hpp"
#include "i18n/isolates.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

// Shown in this order.
// clang-format off
constexpr AddCommand commands[] = {
    add_explain,
    add_compare,
    add_check,
    add_catalog,
    add_send,
    add_queue,
    add_trace,
    add_status,
    add_suppress,
    add_config,
    add_user,
    add_dkim,
    add_records,
    add_spool,
    add_sendmail,
};
// clang-format on

std::string lookup(const Process& process, const char* name) {
  const auto at = process.environment.find(name);
  return at == process.environment.end() ? std::string() : at->second;
}

// Options are read by CLI11 later; the help itself must be in the right language already.
std::string language_option(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--") break;
    if (arguments[i].starts_with("--lang=")) return arguments[i].substr(7);
    if (arguments[i] == "--lang" && i + 1 < arguments.size()) return arguments[i + 1];
  }
  return {};
}

std::string_view language_of_environment(const Process& process) {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const auto value = lookup(process, name);
    if (value.empty()) continue;
    const auto match = i18n::match_language(value);
    return match.empty() ? "en" : match;
  }
  return "en";
}

// folder: "" (the shell found the program), or with a slash at its end.
bool on_path(std::string_view folder) {
  if (folder.empty()) return true;
  const char* path = std::getenv("PATH");
  for (const auto part : split(path ? path : "", ':')) {
    if (!part.empty() && (folder == part || (folder.starts_with(part) && folder.size() == part.size() + 1)))
      return true;
  }
  return false;
}

// Headings in the reader's language, here and in the commands below.
void dress(CLI::App& command, const i18n::Translator& tr, const std::string& inherited_footer) {
  command.fallthrough();  // --lang may stand anywhere
  if (command.get_footer() == inherited_footer) command.footer("");
  command.group(tr.text("cli.commands_heading"));
  for (auto* option : command.get_options())
    option->group(option->get_group().empty() ? "" : tr.text("cli.options_heading"));
  for (auto* sub : command.get_subcommands({})) dress(*sub, tr, inherited_footer);
}

// The command that the words led to.
const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

struct UsageError {
  std::string what;
  std::string meant;  // the nearest word that exists; may be empty
};

std::string shown_name(const CLI::Option& option) {
  return option.get_positional() ? option.get_name(true, false) : "--" + option.get_lnames().front();
}

// The option or argument that the error's text speaks of: CLI11 has it nowhere else.
const CLI::Option* option_in(const CLI::App& at, const std::string& error) {
  const CLI::Option* best = nullptr;
  for (const CLI::App* from = &at; from != nullptr; from = from->get_parent()) {
    for (const auto* option : from->get_options()) {
      if (option->get_lnames().empty() && !option->get_positional()) continue;
      const std::string name = shown_name(*option);
      const auto found = error.find(name);
      if (found == std::string::npos) continue;
      if (best == nullptr || name.size() > shown_name(*best).size()) best = option;
    }
  }
  return best;
}

// "1 - 65535", "html, json"; "" where any value will do, or where the description names them all. CLI11 has it in the
// name of the option's type only.
std::string allowed_values(const CLI::Option& option, std::string_view description) {
  const std::string type = option.get_type_name();
  const auto begin = type.find_first_of("[{");
  const auto end = begin == std::string::npos ? begin : type.find(type[begin] == '[' ? ']' : '}', begin);
  if (end == std::string::npos) return {};
  std::string out;
  bool all_named = true;
  for (const auto value : split(std::string_view(type).substr(begin + 1, end - begin - 1), ',')) {
    out += (out.empty() ? "" : ", ") + std::string(value);
    all_named = all_named && description.find(value) != std::string_view::npos;
  }
  return all_named ? std::string() : out;
}

// As CLI11 wants them. "help send" is "send --help".
std::vector<std::string> reversed(std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments.front() == "help") {
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  std::ranges::reverse(arguments);
  return arguments;
}

UsageError unknown_word(const i18n::Translator& tr, const CLI::App& at, const std::string& word) {
  const std::string shown = printable(word, 60);
  std::vector<std::string> names;
  if (shown.starts_with("-")) {
    for (const CLI::App* from = &at; from != nullptr; from = from->get_parent()) {
      for (const auto* option : from->get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
      }
    }
    return {tr.text("cli.error.option_unknown", {{"option", shown}}), nearest(shown, names)};
  }
  for (const auto* sub : at.get_subcommands({})) names.push_back(sub->get_name());
  const bool command = at.get_parent() == nullptr || !names.empty();
  // "postil 550"
  if (at.get_parent() == nullptr && diagnose::explain(word)) {
    return {tr.text("cli.error.command_unknown", {{"command", shown}}), "explain " + shown};
  }
  return {command ? tr.text("cli.error.command_unknown", {{"command", shown}})
                  : tr.text("cli.error.argument_unknown", {{"argument", shown}}),
          nearest(shown, names)};
}

UsageError what_is_wrong(const i18n::Translator& tr, const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& at = deepest(app);
  if (const auto rest = app.remaining(true); !rest.empty()) return unknown_word(tr, at, rest.front());
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const bool has_commands = !at.get_subcommands([](const CLI::App*) { return true; }).empty();
    for (const auto* option : at.get_options()) {
      const bool wanted = option->get_required() || (!has_commands && option->get_positional());
      if (wanted && option->count() == 0) {
        return {tr.text("cli.error.argument_missing", {{"argument", shown_name(*option)}}), {}};
      }
    }
    return {tr.text("cli.error.subcommand_missing", {{"command", command_path(at)}}), {}};
  }
  if (const auto* option = option_in(at, error.what())) {
    const bool missing = dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr;
    const auto what = option->get_description();
    const auto allowed = allowed_values(*option, what);
    return {tr.text(missing ? "cli.error.value_missing" : "cli.error.value_wrong", {{"option", shown_name(*option)}}) +
                "\n  " + shown_name(*option) + ": " + what + (allowed.empty() ? "" : " (" + allowed + ")"),
            {}};
  }
  return {tr.text("cli.error.incomplete"), {}};
}

bool wants_json(const Process& process) {
  return std::ranges::find(process.arguments, "--json") != process.arguments.end();
}

// path: of the command, "queue list"; "" = none was understood.
int usage_json(const Process& process, const std::string& path, const std::string& message) {
  const auto command = path.substr(0, path.find(' '));
  process.out << boost::json::object{{"schema", fmt::format("postil.{}/1", command.empty() ? "postil" : command)},
                                     {"ok", false},
                                     {"error", boost::json::object{{"id", "usage"}, {"message", message}}},
                                     {"exit", int(exit_usage)}}
              << '\n';
  return exit_usage;
}

// How the command is written.
void write_usage(const Process& process, const i18n::Translator& tr, const CLI::App& app) {
  const CLI::App& at = deepest(app);
  process.err << '\n' << dynamic_cast<const HelpFormatter&>(*at.get_formatter()).make_usage(&at, {});
  const auto path = command_path(at);
  process.err << tr.text("cli.error.more_help", {{"program", process.program_name + (path.empty() ? "" : ' ' + path)}})
              << '\n';
}

// What is wrong, what may have been meant, and how the command is written.
int usage_error(const Process& process, const i18n::Translator& tr, const CLI::App& app, const UsageError& wrong) {
  const std::string meant =
      wrong.meant.empty() ? std::string() : tr.text("cli.error.did_you_mean", {{"name", wrong.meant}});
  if (wants_json(process)) {
    return usage_json(process, command_path(deepest(app)), wrong.what + (meant.empty() ? "" : ' ' + meant));
  }
  for (const auto part : split(wrong.what, '\n')) {
    const std::string line(part);
    if (line.starts_with(' ')) {
      write_paragraph(process.err, line);  // what the option is, indented
    } else {
      write_wrapped(process.err, line);
    }
  }
  if (!meant.empty()) process.err << meant << '\n';
  write_usage(process, tr, app);
  return exit_usage;
}

// The arguments behind "--lang de", wherever it stands before the command.
std::vector<std::string> without_language(const std::vector<std::string>& arguments) {
  auto rest = arguments;
  while (!rest.empty() && (rest.front() == "--lang" || rest.front().starts_with("--lang="))) {
    const std::size_t words = rest.front() == "--lang" ? 2 : 1;
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(std::min(words, rest.size())));
  }
  return rest;
}

// COLUMNS is what somebody asks for, also in a pipe.
void fit_terminal(std::ostream& out, int descriptor) {
  const char* asked = std::getenv("COLUMNS");
  const int columns = asked == nullptr ? 0 : std::atoi(asked);
  if (columns > 0) {
    set_terminal_cells(out, static_cast<std::size_t>(columns));
  } else if (isatty(descriptor) != 0) {
    set_terminal_cells(out, terminal_cells(descriptor));
  }
}

// The names under which other programs know it; also "postil mailq".
bool is_sendmail(std::string_view name) {
  return name == "sendmail" || name == "mailq" || name == "newaliases";
}

// "" where --lang asks for one that is not offered.
std::string_view language_of(const Process& process, const std::string& asked) {
  return asked.empty() ? language_of_environment(process) : i18n::match_language(asked);
}

}  // namespace

int run(const Process& process) {
  const std::string asked = language_option(process.arguments);
  const auto language = language_of(process, asked);
  const i18n::Translator tr(language.empty() ? language_of_environment(process) : language);
  if (language.empty()) {
    process.err << tr.text("cli.error.language_unknown",
                           {{"language", printable(asked, 40)}, {"languages", i18n::list(i18n::known_languages(), tr)}})
                << '\n';
    return exit_usage;
  }

  const bool as_sendmail = is_sendmail(process.program_name);
  const Context context{process.out,
                        process.err,
                        process.in,
                        tr,
                        process.out_is_terminal,
                        as_sendmail ? "postil" : process.program_name,  // "postil serve" starts a server
                        process.explain_id,
                        process.run_expectations};
  // Its options are not of our making; CLI11 shows it in the help only.
  if (as_sendmail && process.arguments == std::vector<std::string>{"--help"}) {
    Process help = process;
    help.program_name = "postil";
    help.arguments = {"sendmail", "--help"};
    return run(help);
  }
  if (as_sendmail) return run_sendmail(context, process.program_name, process.arguments);
  const auto words = without_language(process.arguments);
  if (!words.empty() && is_sendmail(words[0])) {
    const std::vector<std::string> rest(words.begin() + 1, words.end());
    if (rest != std::vector<std::string>{"--help"}) return run_sendmail(context, words[0], rest);
    if (words[0] != "sendmail") {
      Process help = process;
      help.arguments = {"--lang", std::string(tr.language()), "sendmail", "--help"};
      return run(help);
    }
  }

  std::optional<IsolatingBuffer> out_isolates, err_isolates;
  if (i18n::is_right_to_left(tr.language()) && !wants_json(process)) {
    if (process.out_is_terminal) out_isolates.emplace(process.out);
    if (process.err_is_terminal) err_isolates.emplace(process.err);
  }
  CLI::App app(tr.text("cli.about"), process.program_name);
  app.formatter(std::make_shared<HelpFormatter>(tr, process.program_name, line_cells_of(process.out)));
  app.set_help_flag("-h,--help", tr.text("cli.option.help"));
  app.set_version_flag("--version", "postil " POSTIL_VERSION, tr.text("cli.option.version"));
  std::string ignored;
  app.add_option("--lang", ignored, tr.text("cli.option.lang"));
  app.footer(tr.text("cli.more_help", {{"program", process.program_name}}));
  Command chosen{.tr = &tr, .run = {}};
  for (auto add : process.more) add(app, chosen);
  for (auto add : commands) add(app, chosen);
  for (auto* option : app.get_options()) option->group(tr.text("cli.options_heading"));
  for (auto* sub : app.get_subcommands({})) dress(*sub, tr, app.get_footer());

  if (!process.arguments.empty() && process.arguments.front() == "--complete") {
    for (const auto& [word, help] : completions(app, {process.arguments.begin() + 1, process.arguments.end()})) {
      process.out << word << '\t' << help << '\n';
    }
    return exit_ok;
  }
  try {
    app.parse(reversed(process.arguments));
  } catch (const CLI::CallForHelp&) {
    // "help qeue", "qeue --help"
    const auto rest = app.remaining(true);
    if (!rest.empty() && &deepest(app) == &app) return usage_error(process, tr, app, unknown_word(tr, app, rest[0]));
    process.out << app.help();
    return exit_ok;
  } catch (const CLI::CallForVersion& version) {
    process.out << version.what() << '\n';
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    return usage_error(process, tr, app, what_is_wrong(tr, app, error));
  }
  if (!chosen.run) {
    process.err << tr.text("cli.error.no_command") << "\n\n" << app.help();
    return exit_usage;
  }
  const int code = chosen.run(context);
  // The command has said what is wrong with a value.
  if (code == exit_usage && !wants_json(process)) write_usage(process, tr, app);
  return code;
}

int run(int argc, char** argv, std::vector<AddCommand> more, RunExpectations run_expectations) {
  Process process{.arguments = {}, .environment = {}, .in = std::cin, .out = std::cout, .err = std::cerr};
  process.more = std::move(more);
  if (argc > 1) process.arguments.assign(argv + 1, argv + argc);
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const char* value = std::getenv(name)) process.environment[name] = value;
  }
  process.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  process.err_is_terminal = isatty(STDERR_FILENO) != 0;
  fit_terminal(std::cout, STDOUT_FILENO);
  fit_terminal(std::cerr, STDERR_FILENO);
  process.explain_id = explain_running;
  process.run_expectations = std::move(run_expectations);
  if (argc > 0) {
    const std::string_view called = argv[0];
    const auto name = called.substr(called.rfind('/') + 1);
    if (is_sendmail(name)) {
      process.program_name = name;
    } else if (called.size() < 100 && !on_path(called.substr(0, called.size() - name.size()))) {
      process.program_name = printable(called, 100);  // "build/postil send", so that it can be typed as it is shown
    }
  }
  std::ios::sync_with_stdio(false);
  const int code = run(process);
  std::cout.flush();
  if (code != exit_ok || std::cout) return code;
  const i18n::Translator tr(language_of(process, language_option(process.arguments)));
  std::cerr << tr.text("catalog.error.write", {{"path", "stdout"}}) << '\n';
  return exit_output;
}

}  // namespace postil::cli
