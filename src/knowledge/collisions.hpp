// One code, two meanings: what the standard means by it, what else it is used for, and what decides (data/collisions).
// Prose: collision.KEY.standard, .elsewhere, .decides (data/text/en/collision.toml).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "knowledge/codes.hpp"

namespace postil::knowledge {

struct Collision {
  std::string key;                       // "5.1.10"
  std::vector<std::string> codes;        // "521", "5.1.10", "552 5.1.1": what it is about
  std::optional<Reason> reason;          // of the standard's meaning
  std::vector<Reason> elsewhere;         // of the others
  std::vector<std::string> live_checks;  // keys of checks that decide; may be empty

  std::string text(std::string_view part) const;  // key of a sentence: part is standard, elsewhere or decides
};

std::span<const Collision> collisions();
// Those that say something about a code: its basic code, its enhanced code, or both as a pair. code 0 and class 0: not
// given. A collision of a pair ("552 5.1.1") is told for that pair only.
std::vector<const Collision*> collisions_of(Code code, EnhancedCode enhanced);

}  // namespace postil::knowledge
