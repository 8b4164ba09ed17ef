// Runs every dialogue of a folder on a bare session: as it stands, with the input cut small, with everything
// that may be pipelined in one piece, and with the client gone after each of its steps.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/bare_server.hpp"

using namespace postil::test;

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string run_once(const Dialogue& dialogue, std::size_t cut, Sending sending, std::string* transcript) {
  BareServer server(dialogue.settings, cut);
  auto fault = run_dialogue(dialogue, server, sending);
  server.hang_up();
  if (fault.empty() && !server.fault().empty()) fault = fmt::format("{}: {}", dialogue.name, server.fault());
  if (transcript) *transcript = server.transcript();
  return fault;
}

std::string run_and_leave(const Dialogue& dialogue, std::size_t steps) {
  BareServer server(dialogue.settings);
  auto fault = run_dialogue(dialogue, server, Sending::lockstep, steps);
  server.hang_up();
  if (fault.empty()) fault = server.fault();
  if (!fault.empty()) fault = fmt::format("{}, client gone after step {}: {}", dialogue.name, steps, fault);
  return fault;
}

// All the ways; "" or the first fault.
std::string run_all_ways(const Dialogue& dialogue) {
  std::string whole;
  if (auto fault = run_once(dialogue, 0, Sending::lockstep, &whole); !fault.empty()) return fault;
  for (const std::size_t cut : {1, 2, 3, 7}) {
    std::string cut_small;
    auto fault = run_once(dialogue, cut, Sending::lockstep, &cut_small);
    if (fault.empty() && cut_small != whole) fault = dialogue.name + ": other replies";
    if (!fault.empty()) return fmt::format("{} (input cut to {})", fault, cut);
  }
  if (dialogue.settings.contains("early")) return {};
  std::string pipelined;
  auto fault = run_once(dialogue, 0, Sending::pipelined, &pipelined);
  if (fault.empty() && pipelined != whole) fault = dialogue.name + ": other replies";
  if (!fault.empty()) return fault + " (pipelined)";
  for (std::size_t steps = 0; steps < dialogue.steps.size(); ++steps) {
    fault = run_and_leave(dialogue, steps);
    if (!fault.empty()) return fault;
  }
  return {};
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
