#include "support/bare_runs.hpp"

#include <fmt/format.h>

namespace postil::test {
namespace {

using Check = std::function<std::string(BareServer&)>;

std::string run_once(const Dialogue& dialogue, std::size_t cut, Sending sending, std::string* transcript,
                     const Check& check) {
  BareServer server(dialogue.settings, cut);
  auto fault = run_dialogue(dialogue, server, sending);
  server.hang_up();
  if (fault.empty() && !server.fault().empty()) fault = fmt::format("{}: {}", dialogue.name, server.fault());
  if (fault.empty() && check) fault = check(server);
  *transcript = server.transcript();
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

}  // namespace

std::string run_all_ways(const Dialogue& dialogue, const Check& check) {
  std::string whole;
  if (auto fault = run_once(dialogue, 0, Sending::lockstep, &whole, check); !fault.empty()) return fault;
  for (const std::size_t cut : {1, 2, 3, 7}) {
    std::string cut_small;
    auto fault = run_once(dialogue, cut, Sending::lockstep, &cut_small, check);
    if (fault.empty() && cut_small != whole) fault = dialogue.name + ": other replies";
    if (!fault.empty()) return fmt::format("{} (input cut to {})", fault, cut);
  }
  if (dialogue.settings.contains("early")) return {};
  std::string pipelined;
  auto fault = run_once(dialogue, 0, Sending::pipelined, &pipelined, check);
  if (fault.empty() && pipelined != whole) fault = dialogue.name + ": other replies";
  if (!fault.empty()) return fault + " (pipelined)";
  for (std::size_t steps = 0; steps < dialogue.steps.size(); ++steps) {
    fault = run_and_leave(dialogue, steps);
    if (!fault.empty()) return fault;
  }
  return {};
}

}  // namespace postil::test
