#include "cli/demo_folder.hpp"

#include <unistd.h>

#include <cstdlib>

namespace postil::cli {

std::string demo_folder() {
  if (const char* folder = std::getenv("POSTIL_DEMO_FOLDER"); folder && *folder) return folder;
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder && *folder)
    return std::string(folder) + "/postil-demo";
  return "/tmp/postil-demo-" + std::to_string(::getuid());
}

}  // namespace postil::cli
