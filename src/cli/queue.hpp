#pragma once

#include "cli/command.hpp"

namespace postil::cli {
// postil queue [list|show|retry|hold|release|return|drop]
void add_queue(CLI::App& app, Command& chosen);
// What `mailq` shows: every waiting message in a line.
int show_mail_queue(const Context& context, const ServerAt& at, bool as_json = false);
}  // namespace postil::cli
