#include "app/commands.hpp"
#include "cli/cli.hpp"

int main(int argc, char** argv) {
  return postil::cli::run(argc, argv, {postil::app::add_serve, postil::app::add_demo});
}
