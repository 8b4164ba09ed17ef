// Takes secrets out of what people paste: passwords of AUTH, in base64 or not, and those in addresses of the web.
#pragma once

#include <string>
#include <string_view>

namespace postil::diagnose {

inline constexpr std::string_view redaction = "[redacted]";

// The text with each secret that is known as one replaced: the initial response of AUTH, the client's lines behind a
// challenge (334) in whatever log, words in base64 that decode to a login (PLAIN, OAuth, SCRAM, CRAM-MD5, NTLM),
// "user:password@" in URLs, settings whose names end in password, pass, secret, token and the like, options of swaks
// and curl, Authorization, and lines of files of passwords. Linear; pure.
std::string redacted(std::string_view text);

}  // namespace postil::diagnose
