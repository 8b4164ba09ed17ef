#pragma once

#include "cli/command.hpp"
#include "diagnose/compare.hpp"

namespace postil::cli {

enum class Form { text, quiet, json };
void write_comparison(const Context& context, const diagnose::Comparison& comparison, Form form);

// postil compare
void add_compare(CLI::App& app, Command& chosen);
}  // namespace postil::cli
