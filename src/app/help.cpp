#include "app/help.hpp"

#include <algorithm>
#include <variant>

#include "diagnose/compare.hpp"
#include "diagnose/finding_help.hpp"
#include "diagnose/recognise.hpp"
#include "i18n/translator.hpp"

namespace postil::app {
namespace {

constexpr std::size_t topic_octets_max = 40;
constexpr std::size_t line_octets_max = 400;

using Lines = std::vector<std::string>;

struct Help {
  const i18n::Translator& english;

  Lines operator()(const diagnose::Answer& answer) const {
    if (answer.title.empty()) return {};  // an id
    Lines lines = {english.text(answer.title)};
    for (const auto& key : answer.what) lines.push_back(english.text(key));
    for (const auto& step : answer.steps) {
      const auto role = english.text("explain.role." + std::string(knowledge::to_string(step.who)));
      const auto text = english.text(step.text);
      lines.push_back(step.who == knowledge::Role::nobody ? text : role + ": " + text);
    }
    return lines;
  }
  Lines operator()(const diagnose::FindingEntry* finding) const {
    return {diagnose::example_text(*finding, english), diagnose::more_text(*finding, english)};
  }
  Lines operator()(const diagnose::CodeList& list) const {
    if (list.codes.size() > diagnose::compared_max) return {};
    const auto comparison = diagnose::compare(list.codes);
    if (!comparison) return {};
    Lines lines;
    for (const auto& pair : comparison->pairs) {
      for (const auto* sentence : {&pair.verdict, &pair.session, &pair.delivery})
        lines.push_back(english.text(sentence->text, sentence->args));
    }
    return lines;
  }
  Lines operator()(const diagnose::Report&) const { return {}; }  // words of a report
};

}  // namespace

std::vector<std::string> help_lines(std::string_view topic) {
  if (topic.size() > topic_octets_max) return {};
  const auto understood = diagnose::understand(topic);
  if (!understood) return {};
  const i18n::Translator english;
  auto lines = std::visit(Help{english}, *understood);
  for (auto& line : lines) {
    std::ranges::replace(line, '\n', ' ');
    line.resize(std::min(line.size(), line_octets_max));
  }
  return lines;
}

}  // namespace postil::app
