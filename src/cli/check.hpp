#pragma once

#include <optional>
#include <string>

#include "check/observer.hpp"
#include "cli/command.hpp"

namespace postil::cli {
// postil check
void add_check(CLI::App& app, Command& chosen);

// A domain, host name, address or IP address as it was typed; nothing when it is none of them. host: a name is a host.
std::optional<diagnose::Subject> check_subject(const std::string& given, bool host);
// What a check has that was told nothing: this machine's name, the usual ports and times.
check::Options usual_check();
}  // namespace postil::cli
