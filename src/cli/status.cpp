#include "cli/status.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "cli/answer_text.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"
#include "i18n/list.hpp"

namespace postil::cli {
namespace {

struct Options {
  ServerAt at;
  bool json = false;
};

std::uint64_t count_of(const json::object& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(object, key).value_or(0)));
}

std::string listeners(const json::object& answer, const i18n::Translator& tr) {
  std::vector<std::string> out;
  const auto* list = answer.if_contains("listeners");
  if (!list || !list->is_array()) return {};
  for (const auto& item : list->as_array()) {
    if (!item.is_object()) continue;
    const auto& one = item.as_object();
    const auto* tls = one.if_contains("tls");
    const bool implicit = tls && tls->is_bool() && tls->as_bool();
    out.push_back(tr.text(implicit ? "status_command.listener_tls" : "status_command.listener",
                          {{"address", string_of(one, "address")}, {"job", string_of(one, "job")}}));
  }
  return i18n::list(out, tr);
}

bool only_null(const json::object& answer) {
  const auto* jobs = answer.if_contains("jobs");
  if (!jobs || !jobs->is_array() || jobs->as_array().empty()) return false;
  return std::ranges::all_of(jobs->as_array(), [](const json::value& job) { return job == "null"; });
}

void add_tls_reports(Rows& rows, const json::object& answer, const i18n::Translator& tr) {
  const auto* found = answer.if_contains("tls_reports");
  if (!found || !found->is_object()) return;
  const auto& reports = found->get_object();
  const auto* on = reports.if_contains("on");
  if (!on || !on->is_bool() || !on->as_bool()) return;
  const std::string last = string_of(reports, "last_sent");
  rows.add(tr.text("status_command.tls_reports"),
           tr.text("status_command.tls_report_counts", {{"domains", fmt::to_string(count_of(reports, "domains"))},
                                                        {"failed", fmt::to_string(count_of(reports, "failed"))},
                                                        {"sessions", fmt::to_string(count_of(reports, "sessions"))},
                                                        {"waiting", fmt::to_string(count_of(reports, "waiting"))}}));
  rows.add("", last.empty() ? tr.text("status_command.tls_report_none")
                            : tr.text("status_command.tls_report_last", {{"time", last}}));
}

int run_status(const Context& context, const Options& options) {
  auto answer = call_server(context, options.at, {{"call", "status"}});
  if (!answer) return tell_failure(context, answer.error(), options.json, "status");
  if (options.json) {
    (*answer)["schema"] = "postil.status/1";
    context.out << *answer << '\n';
    return exit_ok;
  }
  const auto& tr = context.tr;
  context.out << tr.text("status_command.runs", {{"host", string_of(*answer, "host")},
                                                 {"version", string_of(*answer, "version")},
                                                 {"up", short_duration(count_of(*answer, "uptime"), tr)}})
              << '\n';
  const auto* accepting = answer->if_contains("accepting");
  const bool takes = accepting && accepting->is_bool() && accepting->as_bool();
  const std::string refusing = string_of(*answer, "refusing");
  const bool full = refusing.empty() || refusing == "no_space";
  context.out << tr.text(only_null(*answer) ? "status_command.null_host"
                         : takes            ? "status_command.accepting"
                         : full             ? "status_command.not_accepting"
                                            : "status_command.not_accepting_limit")
              << "\n\n";
  Rows rows;
  rows.add(tr.text("status_command.listens"), listeners(*answer, tr));
  rows.add(tr.text("status_command.contact"), string_of(*answer, "contact"));
  for (const std::string_view key : {"messages", "recipients", "held", "attempts", "sessions"}) {
    rows.add(tr.text(fmt::format("status_command.{}", key)), fmt::to_string(count_of(*answer, key)));
  }
  add_tls_reports(rows, *answer, tr);
  rows.write(context.out);
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("status", tr.text("status_command.about"));
  add_server_options(*sub, options->at, tr);
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  sub->callback(
      [options, &chosen] { chosen.run = [options](const Context& context) { return run_status(context, *options); }; });
}

}  // namespace postil::cli
