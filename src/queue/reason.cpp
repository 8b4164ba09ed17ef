#include "queue/reason.hpp"

#include <array>

#include "base/assert.hpp"

namespace postil::queue {
namespace {

constexpr std::array names = {
#define REASON(identifier, text) std::string_view(#identifier),
#include "queue/reason.def"
#undef REASON
};

constexpr std::array descriptions = {
#define REASON(identifier, text) std::string_view(text),
#include "queue/reason.def"
#undef REASON
};

}  // namespace

std::string_view describe(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  POSTIL_ASSERT(index < descriptions.size());
  return descriptions[index];
}

std::string_view to_string(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  POSTIL_ASSERT(index < names.size());
  return names[index];
}

std::optional<Reason> parse_reason(std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Reason>(i);
  }
  return {};
}

}  // namespace postil::queue
