#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil spool check
void add_spool(CLI::App& app, Command& chosen);
}  // namespace postil::cli
