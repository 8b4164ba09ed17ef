#include "reply/catalogue.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::reply {

std::span<const Entry> catalogue() {
  static const std::vector<Entry> entries = [] {
    std::vector<Entry> all;
#define REPLY(identifier, code, enhanced, scope, receipt, text)                                                 \
  all.push_back({TextId::identifier, #identifier, code, parse_enhanced_code(enhanced).value_or(EnhancedCode{}), \
                 Scope::scope, receipt, text});
#include "reply/catalogue.def"
#undef REPLY
    return all;
  }();
  return entries;
}

const Entry& entry(TextId id) {
  const auto all = catalogue();
  const auto index = static_cast<std::size_t>(id);
  POSTIL_ASSERT(index < all.size());
  return all[index];
}

const Entry* find_entry(std::string_view key) {
  const auto all = catalogue();
  const auto found = std::ranges::find(all, key, &Entry::key);
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> argument_names(std::string_view text) {
  std::vector<std::string_view> names;
  for (;;) {
    const auto open = text.find('{');
    if (open == std::string_view::npos) return names;
    const auto close = text.find('}', open);
    POSTIL_ASSERT(close != std::string_view::npos);
    names.push_back(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
}

}  // namespace postil::reply
