#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil trace ID
void add_trace(CLI::App& app, Command& chosen);
// What `postil explain ID` tells, asked from the server (the one of `at`, else the demo where that one does not run).
int explain_running(const Context& context, const ServerAt& at, const std::string& id, bool as_json);
}  // namespace postil::cli
