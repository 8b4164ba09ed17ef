// Where a demo keeps its things, so that `send --demo` and others find the one that runs.
#pragma once

#include <cstdint>
#include <string>

namespace postil::cli {

inline constexpr auto* demo_folder_variable = "POSTIL_DEMO_FOLDER";
// The variable's, else the default one.
std::string demo_folder();
// A folder of this user in XDG_RUNTIME_DIR, else in /tmp.
std::string default_demo_folder();

enum class FolderTrust : std::uint8_t {
  absent,
  mine,
  foreign,  // another user's, or one that others may write to
  link,     // a symbolic link, or no folder at all
};
// The place in /tmp can be guessed: somebody else may have been there first.
FolderTrust trust_of(const std::string& folder);

}  // namespace postil::cli
