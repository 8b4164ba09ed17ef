#include "cli/nearest.hpp"

#include "base/bytes.hpp"

namespace postil::cli {

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t distance = 3;
  for (const auto& name : names) {
    const auto d = edit_distance(word, name);
    if (d < distance && d < name.size()) {
      best = name;
      distance = d;
    }
  }
  return best;
}

}  // namespace postil::cli
