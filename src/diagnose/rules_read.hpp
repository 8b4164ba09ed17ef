// The rules' files (docs/knowledge.md) as tables.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "diagnose/rules.hpp"

namespace postil::diagnose {

struct Token {
  std::size_t vendor = 0;  // in RulesRead::vendors
  std::string pattern;
};

struct RulesRead {
  std::vector<Rule> rules;            // in order
  std::vector<std::string> patterns;  // one a rule; empty: none
  std::vector<std::string> excepts;   // one a rule: what must not match; empty: none
  std::vector<Vendor> vendors;        // by id
  std::vector<Token> tokens;
};

// Throws std::logic_error.
RulesRead read_rules(std::span<const EmbeddedFile> files);

}  // namespace postil::diagnose
