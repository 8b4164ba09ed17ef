// The commands that run a server, or its rules: `postil serve`, `postil demo` and `postil simulate`.
#pragma once

#include "cli/command.hpp"

namespace postil::app {

void add_serve(CLI::App& app, cli::Command& chosen);
void add_demo(CLI::App& app, cli::Command& chosen);
void add_simulate(CLI::App& app, cli::Command& chosen);

}  // namespace postil::app
