// xtext [rfc3461 4]: the encoding of ENVID, ORCPT and AUTH= values, and the address encodings of ORCPT=utf-8;...
// [rfc6533 3]. Decoders refuse what decodes to a control character: such octets must not reach queue files, headers or
// replies.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace postil::address {

enum class XtextError : std::uint8_t {
  syntax,     // a letter that must be encoded, or bad hexadecimal digits
  control,    // decodes to a control character (CR, LF, NUL, DEL and so on)
  not_ascii,  // decodes to an octet over 127 [rfc3461 4.1: printable US-ASCII]
};

std::string encode_xtext(std::string_view text);
std::expected<std::string, XtextError> decode_xtext(std::string_view xtext);

// utf-8-addr-xtext (\x{NNNN}, ASCII only) and utf-8-addr-unitext (UTF-8 as it is, \x{} for what must not stand
// there) [rfc6533 3], after xtext decoding; gives the UTF-8 address.
std::expected<std::string, XtextError> decode_utf8_address(std::string_view text);
// The other way: to utf-8-addr-xtext, for peers and reports without SMTPUTF8.
std::string encode_utf8_addr_xtext(std::string_view address);
// To utf-8-addr-unitext: UTF-8 stays.
std::string encode_utf8_addr_unitext(std::string_view address);

// An original recipient: ORCPT=type;address.
struct OriginalRecipient {
  std::string type;     // as typed: "rfc822", "utf-8", ...
  std::string address;  // decoded; UTF-8 for utf-8, printable ASCII for every other type
};
// The value of ORCPT as it stands in RCPT, at most 500 octets [rfc3461 4.2]. smtputf8: raw UTF-8 is allowed.
std::expected<OriginalRecipient, XtextError> parse_orcpt(std::string_view value, bool smtputf8);
// For RCPT. utf-8 addresses as utf-8-addr-unitext when smtputf8, otherwise as utf-8-addr-xtext.
std::string format_orcpt(const OriginalRecipient& original, bool smtputf8);

}  // namespace postil::address
