#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil config check|show|explain|example
void add_config(CLI::App& app, Command& chosen);
}  // namespace postil::cli
