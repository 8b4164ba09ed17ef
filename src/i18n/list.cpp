#include "i18n/list.hpp"

namespace postil::i18n {

namespace {

bool writes_without_spaces(std::string_view language) {
  return language.starts_with("ja") || language.starts_with("zh");
}

}  // namespace

std::string_view list_separator(std::string_view language) {
  if (writes_without_spaces(language)) return "、";
  if (language.starts_with("ar")) return "، ";
  return ", ";
}

std::string sentences(std::string_view first, std::string_view second, const Translator& tr) {
  std::string out(first);
  if (!first.empty() && !second.empty() && !writes_without_spaces(tr.language())) out += ' ';
  return out.append(second);
}

}  // namespace postil::i18n
