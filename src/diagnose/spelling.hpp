// Codes as people write them: "SMTP 550-5.7.1", "error 5.1.1 (550)", "451:", digits of other scripts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postil::diagnose {

// "550", "5.1.1" or "550 5.1.1", where the text is one basic code, one enhanced code or both, with nothing around them
// but labels ("error", "status") and signs; nothing otherwise. text: one line, UTF-8. Pure.
std::optional<std::string> spelled_code(std::string_view text);

struct CodeList {
  std::vector<std::string> codes;  // in lower case
  bool versus = false;             // "235 vs 521": they are to be compared
};

// The two codes or more of "550 554", "550/554", "235 vs 521" or "5.1.1 and 5.1.10". Empty for everything else, also
// for "550 5.1.1", which is one reply. Whether each is a code, the caller has to see. Pure.
CodeList listed_codes(std::string_view text);

}  // namespace postil::diagnose
