// toml++ as this module uses it: the packaged library has the throwing parser only; this wants errors as values.
#pragma once

#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// Its assertions speak of input: "[" at the end of a line would end the program. Without them it gives an error.
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>
