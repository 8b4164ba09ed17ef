// `postil dkim`: makes DKIM keys, and shows the records that publish them.
#pragma once

#include "cli/command.hpp"

namespace postil::cli {

void add_dkim(CLI::App& app, Command& chosen);

}  // namespace postil::cli
