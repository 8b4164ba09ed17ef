#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil records
void add_records(CLI::App& app, Command& chosen);
}  // namespace postil::cli
