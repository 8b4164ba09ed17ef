#include "cli/cli.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/bytes.hpp"
#include "cli/command.hpp"
#include "cli/compare.hpp"
#include "cli/config.hpp"
#include "cli/explain.hpp"
#include "cli/queue.hpp"
#include "cli/send.hpp"
#include "cli/sendmail.hpp"
#include "cli/spool.hpp"
#include "cli/status.hpp"
#include "cli/trace.hpp"
#include "cli/user.hpp"

namespace postil::cli {
namespace {

// Shown in this order.
// clang-format off
constexpr AddCommand commands[] = {
    add_explain,
    add_compare,
    add_send,
    add_queue,
    add_trace,
    add_status,
    add_config,
    add_user,
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

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (auto word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t distance = 3;
  for (const auto& name : names) {
    const auto d = edit_distance(word, name);
    if (d < distance && d < name.size()) {
      best = name;
      distance = d;
    }
  }
  return best;
}

void label(CLI::App& app, const i18n::Translator& tr) {
  auto formatter = app.get_formatter();
  formatter->column_width(28);
  dynamic_cast<CLI::FormatterBase&>(*formatter).label("Usage", tr.text("cli.usage_heading"));
  formatter->label("Positionals", tr.text("cli.arguments_heading"));
  formatter->label("Options", tr.text("cli.options_heading"));
  formatter->label("Subcommands", tr.text("cli.commands_heading"));
  formatter->label("SUBCOMMAND", "COMMAND");
  formatter->label("SUBCOMMANDS", "COMMAND");
  formatter->label("OPTIONS", "--OPTION");
  formatter->label("REQUIRED", "");
}

// Headings in the reader's language, here and in the commands below.
void dress(CLI::App& command, const i18n::Translator& tr, const std::string& inherited_footer) {
  command.fallthrough();  // --lang may stand anywhere
  if (command.get_footer() == inherited_footer) command.footer("");
  command.group(tr.text("cli.commands_heading"));
  for (auto* option : command.get_options()) {
    option->type_name("");
    option->group(tr.text("cli.options_heading"));
  }
  for (auto* sub : command.get_subcommands({})) dress(*sub, tr, inherited_footer);
}

// What is wrong, how it is written, and what may have been meant.
int usage_error(const Process& process, const i18n::Translator& tr, const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& at = chosen.empty() ? app : *chosen.front();
  std::string what = tr.text("cli.error.incomplete");
  std::string meant;
  const auto rest = app.remaining(true);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !rest.empty()) {
    const std::string shown = printable(rest.front(), 60);
    std::vector<std::string> names;
    if (shown.starts_with("-")) {
      what = tr.text("cli.error.option_unknown", {{"option", shown}});
      for (const CLI::App* from : {&at, &app}) {
        for (const auto* option : from->get_options()) {
          for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        }
      }
    } else if (chosen.empty()) {
      what = tr.text("cli.error.command_unknown", {{"command", shown}});
      for (const auto* sub : app.get_subcommands({})) names.push_back(sub->get_name());
    } else {
      what = tr.text("cli.error.argument_unknown", {{"argument", shown}});
    }
    meant = nearest(shown, names);
  }
  process.err << what << '\n';
  if (!meant.empty()) process.err << tr.text("cli.error.did_you_mean", {{"name", meant}}) << '\n';
  process.err << '\n' << at.help(chosen.empty() ? "" : process.program_name);
  return exit_usage;
}

}  // namespace

int run(const Process& process) {
  const std::string asked = language_option(process.arguments);
  const auto language = asked.empty() ? language_of_environment(process) : i18n::match_language(asked);
  const i18n::Translator tr(language.empty() ? language_of_environment(process) : language);
  if (language.empty()) {
    process.err << tr.text("cli.error.language_unknown",
                           {{"language", printable(asked, 40)}, {"languages", joined(i18n::known_languages())}})
                << '\n';
    return exit_usage;
  }

  const Context context{process.out,          process.err,       process.in, tr, process.out_is_terminal,
                        process.program_name, process.explain_id};
  // Its options are not of our making; CLI11 shows it in the help only.
  const bool as_sendmail =
      process.program_name == "sendmail" || process.program_name == "mailq" || process.program_name == "newaliases";
  if (as_sendmail) return run_sendmail(context, process.program_name, process.arguments);
  if (process.arguments.size() > 0 && process.arguments[0] == "sendmail" &&
      !(process.arguments.size() == 2 && process.arguments[1] == "--help")) {
    return run_sendmail(context, "sendmail", {process.arguments.begin() + 1, process.arguments.end()});
  }

  CLI::App app(tr.text("cli.about"), process.program_name);
  label(app, tr);
  app.set_help_flag("-h,--help", tr.text("cli.option.help"));
  app.set_version_flag("--version", "postil " POSTIL_VERSION, tr.text("cli.option.version"));
  std::string ignored;
  app.add_option("--lang", ignored, tr.text("cli.option.lang"))->type_name("");
  app.footer(tr.text("cli.more_help", {{"program", process.program_name}}));
  Command chosen{.tr = &tr, .run = {}};
  for (auto add : process.more) add(app, chosen);
  for (auto add : commands) add(app, chosen);
  for (auto* option : app.get_options()) option->group(tr.text("cli.options_heading"));
  for (auto* sub : app.get_subcommands({})) dress(*sub, tr, app.get_footer());

  try {
    auto reversed = std::vector<std::string>(process.arguments.rbegin(), process.arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    process.out << app.help();
    return exit_ok;
  } catch (const CLI::CallForVersion& version) {
    process.out << version.what() << '\n';
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    return usage_error(process, tr, app, error);
  }
  if (!chosen.run) {
    process.err << tr.text("cli.error.no_command") << "\n\n" << app.help();
    return exit_usage;
  }
  return chosen.run(context);
}

int run(int argc, char** argv, std::vector<AddCommand> more) {
  Process process{.arguments = {}, .environment = {}, .in = std::cin, .out = std::cout, .err = std::cerr};
  process.more = std::move(more);
  if (argc > 1) process.arguments.assign(argv + 1, argv + argc);
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const char* value = std::getenv(name)) process.environment[name] = value;
  }
  process.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  process.explain_id = explain_running;
  if (argc > 0) {
    const std::string_view called = argv[0];
    const auto name = called.substr(called.rfind('/') + 1);
    if (name == "sendmail" || name == "mailq" || name == "newaliases") process.program_name = name;
  }
  std::ios::sync_with_stdio(false);
  const int code = run(process);
  std::cout.flush();
  return code;
}

}  // namespace postil::cli
