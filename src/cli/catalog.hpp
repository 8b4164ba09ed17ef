#pragma once

#include "cli/command.hpp"

namespace postil::cli {

void add_catalog(CLI::App& app, Command& chosen);

}  // namespace postil::cli
