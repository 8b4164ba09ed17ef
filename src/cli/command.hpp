// What a command of the program gets and is. One file for each command (src/cli/NAME.cpp) with
//   void add_NAME(CLI::App& app, Command& chosen);
// It adds a subcommand to the app, with help texts from *chosen.tr, and sets chosen.run in the
// subcommand's callback. cli.cpp has the table of them.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "i18n/translator.hpp"

namespace CLI {
class App;
}

namespace postil::config {
struct Config;
}

namespace postil::cli {

// Which running server is asked.
struct ServerAt {
  std::string config;  // the configuration file that names the socket; "" = the usual one
  std::string socket;  // "" = the configuration's
  bool demo = false;   // the demo that runs for this user
};

struct Context;
// Tells about a message or a refusal by its id; asks the running server. Gives the exit code.
using ExplainId = std::function<int(const Context&, const ServerAt&, const std::string& id, bool json)>;

// Tries the [[expect]] of a configuration (cli/config.hpp).
struct ExpectationsRun;
using RunExpectations = std::function<ExpectationsRun(const config::Config&)>;

struct Context {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  const i18n::Translator& tr;
  bool out_is_terminal = false;
  std::string program_name = "postil";
  ExplainId explain_id = {};              // empty where no server can be asked
  RunExpectations run_expectations = {};  // empty where there is no server to try them with
};

struct Command {
  const i18n::Translator* tr = nullptr;    // set before add_NAME is called
  std::function<int(const Context&)> run;  // gives the exit code; empty until a command is chosen
};

using AddCommand = void (*)(CLI::App& app, Command& chosen);

// Exit codes, as in sysexits(3) from 64 on.
enum Exit : int {
  exit_ok = 0,
  exit_finding = 1,       // check: something fails; an id that is not known
  exit_refused = 2,       // send, simulate: refused
  exit_usage = 64,        // the command line is wrong
  exit_data = 65,         // the input is not understood
  exit_no_input = 66,     // a file cannot be read
  exit_no_user = 67,      // sendmail: no such recipient
  exit_unavailable = 69,  // the server cannot be reached
  exit_software = 70,
  exit_output = 74,     // standard output takes no more
  exit_temporary = 75,  // try again
  exit_no_permission = 77,
  exit_config = 78,
};

}  // namespace postil::cli
