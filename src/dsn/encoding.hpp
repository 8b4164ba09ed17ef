// The little of MIME that writing a report needs: folding, encoded words, quoted-printable, base64 lines; and making
// text of others safe.
#pragma once

#include <string>
#include <string_view>

namespace postil::dsn {

// Text of others for one line: control characters (also U+0080 to U+009F), line separators, marks that turn the
// direction of text, and what is no UTF-8 become '?'; at most max octets.
std::string safe_text(std::string_view text, std::size_t max = 1000);
// As above, with '?' for all that is not ASCII.
std::string safe_ascii(std::string_view text, std::size_t max = 1000);

// "Name: value<CRLF>", folded at spaces under 78 columns; a word that no line can hold is cut. The value must be safe.
std::string field(std::string_view name, std::string_view value);

// Text as encoded words [rfc2047], itself when it is ASCII; for field().
std::string encoded_words(std::string_view utf8);

// CRLF between lines, each at most 76 octets [rfc2045 6.7]; text has LF.
std::string quoted_printable(std::string_view text);

// Lines of 76 with CRLF.
std::string base64_lines(std::string_view octets);
inline constexpr std::size_t base64_line_octets = 57;  // of input, for one line

}  // namespace postil::dsn
