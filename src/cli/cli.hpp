// The command line: picks language and command, shows help, and runs the command.
// A new command: its file (cli/command.hpp says how) and a line in the table in cli.cpp.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace postil::cli {

// What the process gives; tests give their own.
struct Process {
  std::vector<std::string> arguments;              // without the program's name
  std::map<std::string, std::string> environment;  // LC_ALL, LC_MESSAGES, LANG are read
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::string program_name = "postil";
  ExplainId explain_id = {};
  RunExpectations run_expectations = {};
  std::vector<AddCommand> more = {};  // commands of higher levels (serve, demo), shown first
};

// Gives the exit code (cli/command.hpp).
int run(const Process& process);
int run(int argc, char** argv, std::vector<AddCommand> more = {}, RunExpectations run_expectations = {});

}  // namespace postil::cli
