#pragma once

#include <cstdint>
#include <vector>

#include "cli/command.hpp"
#include "config/config.hpp"

namespace postil::cli {
// What became of the tests in a configuration, [[expect]].
struct ExpectationsRun {
  std::vector<config::Problem> problems;  // those that do not hold; as warnings those that were left out
  std::uint64_t held = 0, left_out = 0;
};
// postil config check|show|explain|example
void add_config(CLI::App& app, Command& chosen);
}  // namespace postil::cli
