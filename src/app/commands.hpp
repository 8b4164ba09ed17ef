// The commands that run a server: `postil serve` and `postil demo`.
#pragma once

#include "cli/command.hpp"

namespace postil::app {

void add_serve(CLI::App& app, cli::Command& chosen);
void add_demo(CLI::App& app, cli::Command& chosen);

}  // namespace postil::app
