// Runs every dialogue of a folder on a bare session: as it stands, with the input cut small, with everything
// that may be pipelined in one piece, and with the client gone after each of its steps.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/bare_runs.hpp"

using namespace postil::test;

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "dialogue_bare FOLDER [NAME...]\n");
    return 64;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.path().extension() != ".smtp") continue;
    const auto named = [&](const char* name) { return entry.path().stem() == name; };
    if (count == 2 || std::any_of(arguments + 2, arguments + count, named)) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::size_t failed = 0;
  for (const auto& file : files) {
    const auto dialogue = parse_dialogue(file.filename().string(), read_file(file));
    const auto fault = dialogue ? run_all_ways(*dialogue) : file.filename().string() + ": " + dialogue.error();
    if (fault.empty()) continue;
    ++failed;
    fmt::print("FAILED {}\n", fault);
  }
  fmt::print("{} dialogues, {} failed\n", files.size(), failed);
  return files.empty() || failed > 0 ? 1 : 0;
}
