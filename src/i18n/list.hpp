// Words, names or sentences one after the other, as the reader's language writes them.
#pragma once

#include <string>
#include <string_view>

#include "i18n/translator.hpp"

namespace postil::i18n {

// What stands between two items: ", ", in Arabic "، ", in Japanese and Chinese "、". Never empty.
std::string_view list_separator(std::string_view language);

// "a, b, c"; empty for no items. Range: of anything that std::string can append.
template <class Range>
std::string list(const Range& items, const Translator& tr) {
  std::string out;
  for (const auto& item : items) {
    if (!out.empty()) out += list_separator(tr.language());
    out += item;
  }
  return out;
}

// Two whole sentences, the one behind the other; Japanese and Chinese put no space between. Either may be empty.
std::string sentences(std::string_view first, std::string_view second, const Translator& tr);

}  // namespace postil::i18n
