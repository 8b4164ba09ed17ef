// The files of web/ that are built into the program.
#pragma once

#include "base/embedded.hpp"

namespace postil {
std::span<const EmbeddedFile> web_files();  // "templates/frame.html", "assets/site.css", "openapi.json"
}  // namespace postil

namespace postil::console {

// Null when there is none.
const EmbeddedFile* find_web_file(std::string_view name);

}  // namespace postil::console
