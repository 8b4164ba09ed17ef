#include "app/help.hpp"

#include "diagnose/explain.hpp"
#include "i18n/translator.hpp"

namespace postil::app {

std::vector<std::string> help_lines(std::string_view topic) {
  if (topic.size() > 20) return {};
  const auto answer = diagnose::explain(topic);
  if (!answer || answer->title.empty()) return {};
  const i18n::Translator english;
  std::vector<std::string> lines = {english.text(answer->title)};
  for (const auto& key : answer->what) lines.push_back(english.text(key));
  for (const auto& step : answer->steps) {
    const auto role = english.text("explain.role." + std::string(knowledge::to_string(step.who)));
    const auto text = english.text(step.text);
    lines.push_back(step.who == knowledge::Role::nobody ? text : role + ": " + text);
  }
  for (auto& line : lines) {
    for (char& c : line) {
      if (c == '\n') c = ' ';
    }
    line.resize(std::min<std::size_t>(line.size(), 400));
  }
  return lines;
}

}  // namespace postil::app
