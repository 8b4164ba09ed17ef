// `postil suppress`: the addresses to which this server sends nothing more.
#pragma once

#include "cli/command.hpp"

namespace postil::cli {

void add_suppress(CLI::App& app, Command& chosen);

}  // namespace postil::cli
