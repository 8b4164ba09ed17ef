// Text for people as markup: codes become links to their pages, commands and literals become <code>. Everything else is
// escaped, so that a text can hold whatever it wants.
#pragma once

#include <string>
#include <string_view>

#include "console/place.hpp"
#include "console/render.hpp"

namespace postil::console {

std::string escaped(std::string_view text);  // for HTML text and quoted attributes

// A command of a shell: its options are not cut at their hyphens.
Markup command_line(std::string_view command);

// own: the code that the page is about; it is not linked. language: of the pages that are linked to.
Markup prose(std::string_view text, const Links& links, std::string_view language, std::string_view own = {});

}  // namespace postil::console
