#include "cli/suppress.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "address/path.hpp"
#include "base/bytes.hpp"
#include "cli/running_server.hpp"
#include "cli/story.hpp"
#include "cli/table.hpp"

namespace postil::cli {
namespace {

struct Options {
  ServerAt at;
  bool json = false;
  std::vector<std::string> addresses;
  std::string why;
};

const json::array& array_in(const json::object& object, std::string_view key) {
  static const json::array none;
  const auto* value = object.if_contains(key);
  return value && value->is_array() ? value->as_array() : none;
}

// All pages of the list.
std::expected<json::array, CallFailure> whole_list(const Context& context, const ServerAt& at) {
  json::array all;
  std::string after;
  for (;;) {
    auto answer = call_server(context, at, {{"call", "suppress.list"}, {"after", after}});
    if (!answer) return std::unexpected(answer.error());
    const auto& page = array_in(*answer, "addresses");
    for (const auto& one : page) all.push_back(one);
    const auto* more = answer->if_contains("more");
    if (page.empty() || !more || !more->is_bool() || !more->as_bool() || !page.back().is_object()) return all;
    after = string_of(page.back().as_object(), "address");
  }
}

int run_list(const Context& context, const Options& options) {
  auto all = whole_list(context, options.at);
  if (!all) return tell_failure(context, all.error(), options.json, "suppress");
  if (options.json) {
    context.out << json::object{{"schema", "postil.suppress/1"}, {"ok", true}, {"addresses", std::move(*all)}} << '\n';
    return exit_ok;
  }
  const auto& tr = context.tr;
  if (all->empty()) {
    context.out << tr.text("suppress.empty") << '\n';
    return exit_ok;
  }
  Table table({{tr.text("suppress.column.address"), false},
               {tr.text("suppress.column.since"), false},
               {tr.text("suppress.column.until"), false},
               {tr.text("suppress.column.why"), false}});
  for (const auto& item : *all) {
    if (!item.is_object()) continue;
    const auto& one = item.as_object();
    table.add({printable(string_of(one, "address"), 200), string_of(one, "since").substr(0, 10),
               string_of(one, "until").substr(0, 10), printable(string_of(one, "why"), 300)});
  }
  table.write(context.out, context.out_is_terminal ? terminal_cells() : 0);
  return exit_ok;
}

int run_change(const Context& context, const Options& options, bool add) {
  json::array addresses;
  for (const auto& address : options.addresses) {
    if (!address::parse_address(address, true)) {
      const auto said = context.tr.text("send.error.address", {{"value", printable(address, 200)}});
      return tell_failure(context, {"usage", said, exit_usage}, options.json, "suppress");
    }
    addresses.push_back(json::string(address));
  }
  auto answer = call_server(
      context, options.at,
      {{"call", add ? "suppress.add" : "suppress.remove"}, {"addresses", std::move(addresses)}, {"why", options.why}});
  if (!answer) return tell_failure(context, answer.error(), options.json, "suppress");
  if (options.json) {
    (*answer)["schema"] = "postil.suppress/1";
    context.out << *answer << '\n';
    return exit_ok;
  }
  for (const auto& item : array_in(*answer, "changed")) {
    if (!item.is_string()) continue;
    context.out << context.tr.text(add ? "suppress.added" : "suppress.removed",
                                   {{"address", printable(item.as_string(), 200)}})
                << '\n';
  }
  for (const auto& item : array_in(*answer, "unchanged")) {
    if (!item.is_string()) continue;
    context.out << context.tr.text(add ? "suppress.there" : "suppress.not_there",
                                   {{"address", printable(item.as_string(), 200)}})
                << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_suppress(CLI::App& app, Command& chosen) {
  const auto& tr = *chosen.tr;
  auto options = std::make_shared<Options>();
  auto* sub = app.add_subcommand("suppress", tr.text("suppress.about"));
  sub->require_subcommand(1);
  sub->fallthrough();
  add_server_options(*sub, options->at, tr);
  sub->add_flag("--json", options->json, tr.text("cli.option.json"));
  auto* list = sub->add_subcommand("list", tr.text("suppress.list"));
  list->callback(
      [options, &chosen] { chosen.run = [options](const Context& context) { return run_list(context, *options); }; });
  for (const bool add : {true, false}) {
    auto* one = sub->add_subcommand(add ? "add" : "remove", tr.text(add ? "suppress.add" : "suppress.remove"));
    one->add_option("ADDRESS", options->addresses, tr.text("suppress.option.address"))->required();
    if (add) one->add_option("--why", options->why, tr.text("suppress.option.why"));
    one->callback([options, add, &chosen] {
      chosen.run = [options, add](const Context& context) { return run_change(context, *options, add); };
    });
  }
}

}  // namespace postil::cli
