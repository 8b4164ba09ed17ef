// The whole catalogue as JSON, for programs: docs/schema/catalogue.json.
#pragma once

#include <string>
#include <string_view>

#include "console/site.hpp"

namespace postil::console {

// {"schema": "postil.catalogue/1", "language", "codes", "enhanced_codes", "comparisons", "reasons", "guides",
// "glossary"}; one line with an end. language: one of site.languages().
std::string catalogue_json(const Site& site, std::string_view language);
// {"schema": "postil.codes/1", "language", "codes": [{"code", "title", "outcome"}]}: what there is.
std::string code_list_json(const Site& site, std::string_view language);

}  // namespace postil::console
