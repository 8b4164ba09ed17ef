#include "app/commands.hpp"
#include "app/expectations.hpp"
#include "cli/cli.hpp"

int main(int argc, char** argv) {
  return postil::cli::run(argc, argv, {postil::app::add_serve, postil::app::add_demo, postil::app::add_simulate},
                          postil::app::run_expectations);
}
