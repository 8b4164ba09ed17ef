#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil check
void add_check(CLI::App& app, Command& chosen);
}  // namespace postil::cli
