#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil explain WHAT...
void add_explain(CLI::App& app, Command& chosen);
}  // namespace postil::cli
