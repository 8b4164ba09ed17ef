// Files that the build put into the program (cmake/embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace postil {
struct EmbeddedFile {
  std::string_view name;  // relative to the folder that the build named
  std::string_view content;
};
}  // namespace postil
