#include "console/assets.hpp"

namespace postil::console {

const EmbeddedFile* find_web_file(std::string_view name) {
  for (const auto& file : web_files()) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

}  // namespace postil::console
