#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil status
void add_status(CLI::App& app, Command& chosen);
}  // namespace postil::cli
