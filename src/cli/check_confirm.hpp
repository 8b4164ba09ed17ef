// `postil explain --check`: runs the checks that would confirm a report, and says what they showed.
#pragma once

#include <boost/json.hpp>

#include "cli/command.hpp"
#include "diagnose/diagnosis.hpp"

namespace postil::cli {

struct ConfirmOptions {
  std::string resolver;  // "" = the system's
};

// For each recipient whose check names no secret, at most ten in all; each command is run once.
void write_confirmations(const Context& context, const diagnose::Report& report, const ConfirmOptions& options);
// [{"command", "check", "verdict", "findings", "text"}]
boost::json::array confirmations_json(const Context& context, const diagnose::Report& report,
                                      const ConfirmOptions& options);

}  // namespace postil::cli
