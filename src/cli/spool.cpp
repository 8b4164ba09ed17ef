#include "cli/spool.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <memory>
#include <ostream>

#include "cli/config_files.hpp"
#include "cli/running_server.hpp"
#include "env_asio/disk.hpp"
#include "i18n/list.hpp"
#include "spool/check.hpp"

namespace postil::cli {
namespace {

namespace json = boost::json;
using spool::CheckReport;
using spool::OpenError;
using spool::Problem;
using spool::ProblemKind;

struct Options {
  std::string config;
  std::string folder;  // "" = the configuration's
  bool json = false;
};

std::string_view key_of(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::bad_header:
      return "bad_header";
    case ProblemKind::bad_record:
      return "bad_record";
    case ProblemKind::missing_piece:
      return "missing_piece";
    case ProblemKind::unreadable:
      return "unreadable";
    case ProblemKind::disk:
      return "disk";
  }
  return "disk";
}

std::string ids_of(const Problem& problem, const i18n::Translator& tr) {
  std::vector<std::string> ids;
  for (const auto id : problem.messages) ids.push_back(to_string(id));
  return i18n::list(ids, tr);
}

std::string key_of(OpenError error) {
  switch (error) {
    case OpenError::in_use:
      return "in_use";
    case OpenError::newer:
      return "newer";
    case OpenError::disk:
      return "disk";
  }
  return "disk";
}

int fail(const Context& context, const Options& options, const spool::OpenFailure& failure) {
  const auto text =
      context.tr.text("spool.error." + key_of(failure.error), {{"folder", options.folder}, {"detail", failure.detail}});
  struct stat info{};
  const bool file = ::stat(options.folder.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
  const bool refused = !file && ::access(options.folder.c_str(), R_OK | X_OK) != 0 && errno == EACCES;
  return tell_failure(context, {key_of(failure.error), text, refused ? exit_no_permission : exit_data}, options.json,
                      "spool");
}

// The folder of the configuration where none is named.
std::expected<Options, CallFailure> with_folder(const Context& context, Options options) {
  if (!options.folder.empty()) return options;
  const auto config = places_of(options.config);
  if (!config) {
    const auto said = context.tr.text("spool.error.config", {{"path", options.config}, {"detail", config.error()}});
    return std::unexpected(CallFailure{"config_unreadable", said, exit_config});
  }
  options.folder = config->spool.folder;
  return options;
}

void write_json(const Context& context, const CheckReport& report) {
  json::array problems;
  for (const auto& problem : report.problems) {
    json::array ids;
    for (const auto id : problem.messages) ids.emplace_back(to_string(id));
    problems.push_back(json::object{{"kind", key_of(problem.kind)},
                                    {"file", problem.file},
                                    {"offset", problem.offset},
                                    {"detail", problem.detail},
                                    {"messages", std::move(ids)}});
  }
  json::array torn;
  for (const auto& name : report.torn) torn.emplace_back(name);
  const json::object answer{{"schema", "postil.spool/1"},        {"ok", report.problems.empty()},
                            {"segments", report.segments},       {"reserve", report.reserve},
                            {"records", report.records},         {"messages", report.messages},
                            {"file_octets", report.file_octets}, {"live_octets", report.live_octets},
                            {"torn", std::move(torn)},           {"problems", std::move(problems)}};
  context.out << json::serialize(answer) << '\n';
}

void write_text(const Context& context, const Options& options, const CheckReport& report) {
  const auto& tr = context.tr;
  context.out << (report.problems.empty() ? tr.text("spool.sound", {{"folder", options.folder}})
                                          : tr.text("spool.damaged", {{"folder", options.folder}}))
              << '\n';
  context.out << tr.count("spool.messages", report.messages) << ' ' << tr.count("spool.segments", report.segments)
              << ' '
              << tr.text("spool.octets",
                         {{"live", std::to_string(report.live_octets)}, {"all", std::to_string(report.file_octets)}})
              << '\n';
  for (const auto& name : report.torn) context.out << tr.text("spool.torn", {{"file", name}}) << '\n';
  for (const auto& problem : report.problems) {
    context.out << '\n'
                << tr.text(fmt::format("spool.problem.{}", key_of(problem.kind)),
                           {{"file", problem.file},
                            {"offset", std::to_string(problem.offset)},
                            {"detail", problem.detail},
                            {"messages", ids_of(problem, context.tr)}})
                << '\n';
    const bool of_many = problem.kind == ProblemKind::bad_record || problem.kind == ProblemKind::bad_header;
    if (of_many && !problem.messages.empty()) {
      context.out << tr.text("spool.concerns", {{"messages", ids_of(problem, context.tr)}}) << '\n';
    }
  }
  if (!report.problems.empty()) context.out << '\n' << tr.text("spool.what_to_do") << '\n';
}

int check(const Context& context, const Options& given) {
  const auto whole = with_folder(context, given);
  if (!whole) return tell_failure(context, whole.error(), given.json, "spool");
  const Options& options = *whole;
  auto disk = env_asio::FolderDisk::open_folder(options.folder);
  if (!disk) return fail(context, options, {{}, OpenError::disk, disk.error().detail});
  const auto report = spool::check(**disk, options.folder);
  if (!report) return fail(context, options, report.error());
  if (options.json) {
    write_json(context, *report);
  } else {
    write_text(context, options, *report);
  }
  return report->problems.empty() ? exit_ok : exit_finding;
}

}  // namespace

void add_spool(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* all = app.add_subcommand("spool", tr.text("spool.about"));
  all->require_subcommand(1);
  all->fallthrough();
  all->add_option("-c,--config", options->config, tr.text("spool.option.config"));
  all->add_option("--folder", options->folder, tr.text("spool.option.folder"));
  all->add_flag("--json", options->json, tr.text("spool.option.json"));
  auto* made = all->add_subcommand("check", tr.text("spool.command.check"));
  made->callback(
      [&chosen, options] { chosen.run = [options](const Context& context) { return check(context, *options); }; });
  made->group(tr.text("cli.commands_heading"));
}

}  // namespace postil::cli
