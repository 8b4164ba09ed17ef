// Asks a running server over its control socket (docs/control.md).
#pragma once

#include <boost/json.hpp>
#include <expected>
#include <string>

#include "base/time.hpp"
#include "cli/command.hpp"

namespace postil::cli {

namespace json = boost::json;

// --config, --socket and --demo; the socket of the configuration where --socket does not name one.
void add_server_options(CLI::App& command, ServerAt& at, const i18n::Translator& tr);
// The path of the socket. A configuration that cannot be read, as by a user without rights, gives the default path.
std::string control_socket(const ServerAt& at);

struct CallFailure {
  std::string word;  // as in docs/control.md, or not_running, no_permission, broken, timed_out
  std::string text;  // a sentence for people
  int exit_code = exit_software;
};

// One request, waiting for the answer at most `patience`; the answer has "ok": true.
std::expected<json::object, CallFailure> call_server(const Context& context, const ServerAt& at, json::object request,
                                                     Duration patience = seconds(30));

// Tells a failure (as JSON with the schema's name where json is wanted) and gives its exit code.
int tell_failure(const Context& context, const CallFailure& failure, bool as_json, std::string_view schema);

}  // namespace postil::cli
