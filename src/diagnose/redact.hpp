// Takes secrets out of what people paste: passwords of AUTH, in base64 or not, and those in addresses of the web.
#pragma once

#include <string>
#include <string_view>

namespace postil::diagnose {

inline constexpr std::string_view redaction = "[redacted]";

// The text with each secret that is known as one replaced: the initial response of AUTH, the client's lines behind a
// challenge (334), words in base64 that decode to a login as SASL PLAIN writes it, "user:password@" in URLs, values of
// password=, Authorization: and the like. Linear; pure.
std::string redacted(std::string_view text);

}  // namespace postil::diagnose
