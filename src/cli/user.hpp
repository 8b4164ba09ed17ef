#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil user add|remove|list|password|disable|enable|check
void add_user(CLI::App& app, Command& chosen);
}  // namespace postil::cli
