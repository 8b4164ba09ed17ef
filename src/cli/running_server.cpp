#include "cli/running_server.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/config_files.hpp"
#include "cli/demo_folder.hpp"
#include "cli/story.hpp"
#include "control/api.hpp"
#include "env_asio/clock.hpp"
#include "env_asio/network.hpp"

namespace postil::cli {
namespace {

using Answer = std::expected<json::object, control::CallError>;

Answer ask(const std::string& socket, json::object request, Duration patience) {
  env_asio::SystemClock clock;
  env_asio::AsioNetwork network;
  boost::asio::io_context io(1);
  std::optional<Answer> answer;
  const auto run = [&]() -> env::Awaitable<void> {
    Answer got = co_await control::call(network, clock, socket, std::move(request), patience);
    answer = std::move(got);
  };
  boost::asio::co_spawn(io, run(), boost::asio::detached);
  io.run();
  return answer ? std::move(*answer) : std::unexpected(control::CallError::broken);
}

CallFailure not_reached(const Context& context, const ServerAt& at, const std::string& socket,
                        control::CallError error) {
  const i18n::Args args{{"path", socket}, {"program", context.program_name}};
  switch (error) {
    case control::CallError::not_running:
      return {"not_running", context.tr.text(at.demo ? "server.demo_not_running" : "server.not_running", args),
              exit_unavailable};
    case control::CallError::no_permission:
      return {"no_permission", context.tr.text("server.no_permission", args), exit_no_permission};
    case control::CallError::timed_out:
      return {"timed_out", context.tr.text("server.timed_out", args), exit_temporary};
    case control::CallError::broken:
      break;
  }
  return {"broken", context.tr.text("server.broken", args), exit_unavailable};
}

CallFailure refused(const Context& context, const json::object& answer) {
  const std::string word = string_of(answer, "error");
  const std::string detail = string_of(answer, "text");
  const int code = word == "not_found"        ? exit_finding
                   : word == "bad_request"    ? exit_usage
                   : word == "unknown_call"   ? exit_unavailable
                   : word == "stopping"       ? exit_temporary
                   : word == "no_descriptors" ? exit_temporary
                   : word == "config"         ? exit_config
                                              : exit_software;
  const bool known = word == "not_found" || word == "stopping" || word == "unknown_call" || word == "no_descriptors";
  return {word.empty() ? "internal" : word,
          context.tr.text(known ? "server.error_" + word : "server.error", {{"detail", detail}}), code};
}

// "socket = ..." of the table [control], or "control.socket = ...", in a file that is no TOML any more.
std::optional<std::string> socket_in_text(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return {};
  std::string_view table;
  for (const auto line : split(*text, '\n')) {
    const auto words = trim(line);
    if (words.starts_with('[')) table = words.substr(0, words.find(']') + 1);
    const auto equals = words.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = trim(words.substr(0, equals));
    if (!(key == "socket" && table == "[control]") && !(key == "control.socket" && table.empty())) continue;
    const auto value = trim(words.substr(equals + 1));
    if (value.size() < 2 || (value[0] != '"' && value[0] != '\'')) continue;
    const auto end = value.find(value[0], 1);
    const auto socket = end == std::string_view::npos ? std::string_view() : value.substr(1, end - 1);
    if (socket.starts_with('/') && socket.find('\\') == std::string_view::npos) return std::string(socket);
  }
  return {};
}

}  // namespace

void add_server_options(CLI::App& command, ServerAt& at, const i18n::Translator& tr) {
  command.add_option("-c,--config", at.config, tr.text("server.option.config"))->type_name("");
  command.add_option("--socket", at.socket, tr.text("server.option.socket"))->type_name("");
  command.add_flag("--demo", at.demo, tr.text("server.option.demo"));
}

std::string control_socket(const ServerAt& at) {
  if (!at.socket.empty()) return at.socket;
  if (at.demo) return demo_folder() + "/control";
  const auto loaded = load_config(at.config.empty() ? std::string(default_config_file) : at.config);
  if (!loaded.ok()) {
    // It cannot be read as a whole, but a server may run that has read it before: what the line says counts.
    if (auto said = socket_in_text(at.config.empty() ? std::string(default_config_file) : at.config)) return *said;
  }
  if (!loaded.config.control_socket.empty()) return loaded.config.control_socket;
  return "/run/postil/control";
}

std::expected<json::object, CallFailure> call_server(const Context& context, const ServerAt& at, json::object request,
                                                     Duration patience) {
  if (at.demo && at.socket.empty() && trust_of(demo_folder()) > FolderTrust::mine) {
    return std::unexpected(CallFailure{
        "demo_foreign", context.tr.text("server.demo_foreign", {{"path", demo_folder()}}), exit_no_permission});
  }
  const std::string socket = control_socket(at);
  auto answer = ask(socket, std::move(request), patience);
  if (!answer) return std::unexpected(not_reached(context, at, socket, answer.error()));
  const auto* ok = answer->if_contains("ok");
  if (!ok || !ok->is_bool() || !ok->as_bool()) return std::unexpected(refused(context, *answer));
  return std::move(*answer);
}

int tell_failure(const Context& context, const CallFailure& failure, bool as_json, std::string_view schema) {
  if (as_json) {
    context.out << json::object{{"schema", "postil." + std::string(schema) + "/1"},
                                {"ok", false},
                                {"error", json::object{{"id", failure.word}, {"message", failure.text}}},
                                {"exit", failure.exit_code}}
                << '\n';
  } else {
    context.err << failure.text << '\n';
  }
  return failure.exit_code;
}

}  // namespace postil::cli
