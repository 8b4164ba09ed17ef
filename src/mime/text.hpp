// Text of unknown origin made readable: any charset, any line ends.
#pragma once

#include <string>
#include <string_view>

namespace postil::mime {

// octets in the charset as it was declared ("" or an unknown one: UTF-8 when it is well-formed, otherwise Windows-1252)
// to well-formed UTF-8; what cannot be converted becomes U+FFFD. Control characters other than tab and line feed are
// left out. Pure; may be called from any thread.
std::string to_utf8(std::string_view octets, std::string_view charset = {});

// A file as people have it: a byte order mark (UTF-8, UTF-16) is obeyed, CRLF and lone CR become LF, NULs are left out.
// The octets stay in their charset otherwise.
std::string unify_lines(std::string_view octets);

}  // namespace postil::mime
