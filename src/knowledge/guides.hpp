// The guides (data/guides: what to do, step by step) and the glossary (data/glossary). Prose: guide.NAME.title, .intro,
// .step.N.title, .step.N.text (data/text/en/guide.toml); glossary.TERM.name, .text (data/text/en/glossary.toml).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/codes.hpp"

namespace postil::knowledge {

struct GuideStep {
  // Literals in no language: commands, records, lines of a session; one per line; may be empty.
  std::vector<std::string> shown;
};

struct Guide {
  std::string name;                // "null_mx"
  std::vector<GuideStep> steps;    // numbered from 1
  std::vector<std::string> codes;  // "556", "5.1.10"
  std::vector<std::string> terms;  // of the glossary
  std::vector<Definition> defined;

  std::string text(std::string_view part) const;                         // key of "title" or "intro"
  std::string step_text(std::size_t step, std::string_view part) const;  // step from 1; part: title or text
};

std::span<const Guide> guides();  // in the order in which they are shown
const Guide* find_guide(std::string_view name);

struct Term {
  std::string key;                 // "null_mx"
  std::vector<std::string> see;    // other terms
  std::vector<std::string> codes;  // "556", "x.1.10"
  std::vector<Definition> defined;

  std::string text(std::string_view part) const;  // key of "name" or "text"
};

std::span<const Term> glossary();  // by key; a page sorts by the name in its language
const Term* find_term(std::string_view key);

}  // namespace postil::knowledge
