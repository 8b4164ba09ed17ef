#include "cli/cli.hpp"

int main(int argc, char** argv) {
  return postil::cli::run(argc, argv);
}
