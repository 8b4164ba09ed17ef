#include "i18n/list.hpp"

namespace postil::i18n {

std::string_view list_separator(std::string_view language) {
  if (language.starts_with("ja") || language.starts_with("zh")) return "、";
  if (language.starts_with("ar")) return "، ";
  return ", ";
}

}  // namespace postil::i18n
