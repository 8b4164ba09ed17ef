// Where a demo keeps its things, so that `send --demo` and others find the one that runs.
#pragma once

#include <string>

namespace postil::cli {

// POSTIL_DEMO_FOLDER, else a folder of this user in XDG_RUNTIME_DIR, else in /tmp.
std::string demo_folder();

}  // namespace postil::cli
