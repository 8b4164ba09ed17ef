#include "cli/demo_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace postil::cli {

std::string demo_folder() {
  if (const char* folder = std::getenv(demo_folder_variable); folder && *folder) return folder;
  return default_demo_folder();
}

std::string default_demo_folder() {
  if (const char* folder = std::getenv("XDG_RUNTIME_DIR"); folder && *folder)
    return std::string(folder) + "/postil-demo";
  return "/tmp/postil-demo-" + std::to_string(::getuid());
}

FolderTrust trust_of(const std::string& folder) {
  struct stat found{};
  if (::lstat(folder.c_str(), &found) != 0) return errno == ENOENT ? FolderTrust::absent : FolderTrust::foreign;
  if (!S_ISDIR(found.st_mode)) return FolderTrust::link;
  return found.st_uid == ::geteuid() && (found.st_mode & 022) == 0 ? FolderTrust::mine : FolderTrust::foreign;
}

}  // namespace postil::cli
