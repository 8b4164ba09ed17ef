// SMTP paths: the <...> of MAIL and RCPT, and plain addresses. Pure parsers; the text is a peer's and may be anything.
// What they do not do: look at DNS, decide whether the address is ours, or fold the case of a local part
// (only its own host may do that [rfc5321 2.4]).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace postil::address {

enum class PathKind : std::uint8_t { reverse, forward };  // of MAIL, of RCPT

enum class PathError : std::uint8_t {
  syntax,
  too_long,        // local part over 64 octets, domain over 255, label over 63, path over 256 [rfc5321 4.5.3.1]
  needs_smtputf8,  // well-formed UTF-8 in a transaction without SMTPUTF8 [rfc6531 3.5]
  bad_utf8,
};

struct Path {
  // "local@domain" in its shortest form: quotes only where they are needed ("a"@d is a@d [rfc5321 4.1.2]),
  // the domain with ASCII letters in lower case. "" for <>; "Postmaster", as typed, for <Postmaster>.
  std::string address;
  std::string local;       // without quotes and backslashes
  std::string domain;      // lower case; a literal with its brackets "[192.0.2.1]"; "" for <> and <Postmaster>
  bool literal = false;    // the domain is an address literal
  bool utf8 = false;       // some octet is not ASCII
  std::size_t length = 0;  // octets of the text that were read, with < and >; parameters begin there

  bool null() const { return address.empty(); }
};

// Reads the path at the start of text, from '<' (the caller has taken off "MAIL FROM:" and any space).
// What follows the '>' is the caller's. A source route is read and dropped [rfc5321 4.1.2 A-d-l, 3.3]. Quoted local
// parts may hold any printable ASCII, also '>' and '@'. <> is a reverse path only, <Postmaster> a forward one.
// smtputf8: whether the transaction asked for it; on needs_smtputf8 the path is right but for that.
std::expected<Path, PathError> parse_path(std::string_view text, PathKind kind, bool smtputf8);

// As parse_path, for MAIL, which names SMTPUTF8 only behind the path: UTF-8 is allowed, and Path::utf8 tells.
inline std::expected<Path, PathError> parse_path(std::string_view text, PathKind kind) {
  return parse_path(text, kind, true);
}

// "user@domain" without <>, the whole text; Path::length is its size. Neither "" nor "Postmaster" is one.
std::expected<Path, PathError> parse_address(std::string_view bare, bool smtputf8);

// A domain of EHLO, MAIL or RCPT [rfc5321 4.1.2]: labels of letters, digits, inner hyphens (underscores too,
// which hosts do have) and UTF-8; labels to 63 octets, all to 255; no dot at the end.
bool valid_domain(std::string_view domain);
// "[192.0.2.1]", "[IPv6:2001:db8::1]" or a general literal "[tag:content]", with its brackets [rfc5321 4.1.3].
bool valid_address_literal(std::string_view bracketed);
// The canonical address (address/ip.hpp) of an IPv4 or IPv6 literal; nothing for others.
std::optional<std::string> literal_ip(std::string_view bracketed);

// The local part as it has to stand before '@': itself when it is a dot-string, otherwise quoted.
std::string quote_local(std::string_view local);
// "<local@domain>", "<>" or "<Postmaster>", for MAIL and RCPT.
std::string to_path(const Path& path);

}  // namespace postil::address
