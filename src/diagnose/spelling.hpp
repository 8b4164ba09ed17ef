// Codes as people write them: "SMTP 550-5.7.1", "error 5.1.1 (550)", "451:", digits of other scripts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postil::diagnose {

// "550", "5.1.1" or "550 5.1.1", where the text is one basic code, one enhanced code or both, with nothing around them
// but labels ("error", "status") and signs; nothing otherwise. text: one line, UTF-8. Pure.
std::optional<std::string> spelled_code(std::string_view text);

}  // namespace postil::diagnose
