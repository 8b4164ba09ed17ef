#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil send
void add_send(CLI::App& app, Command& chosen);
}  // namespace postil::cli
