// The tests that a configuration holds itself, [[expect]]: each is simulated, and what comes is compared.
#pragma once

#include "cli/config.hpp"
#include "config/config.hpp"

namespace postil::app {

// DNS is not asked: where it would decide, the expectation is left out with a warning that says so.
cli::ExpectationsRun run_expectations(const config::Config& config);

}  // namespace postil::app
