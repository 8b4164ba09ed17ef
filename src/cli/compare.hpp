#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil compare
void add_compare(CLI::App& app, Command& chosen);
}  // namespace postil::cli
