// What was meant by a word with a typing error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postil::cli {

// The name that is nearest to the word, within two typing errors; empty when none is.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

}  // namespace postil::cli
