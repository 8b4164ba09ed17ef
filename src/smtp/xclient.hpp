// XCLIENT (Postfix, XCLIENT_README): an authorised client says whose connection it passes on. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace postil::smtp {

// The names that are understood, as EHLO announces them.
inline constexpr std::string_view xclient_attributes = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

// What was said; "" = [UNAVAILABLE] or [TEMPUNAVAIL]. Not set: was not said, and stays as it was.
struct Xclient {
  std::optional<std::string> name;     // of the client's host
  std::optional<std::string> address;  // canonical
  std::optional<std::string> helo;
  std::optional<std::string> login;
  std::optional<std::string> local_address;  // canonical; where the client connected to
  std::optional<bool> esmtp;
};

// argument: "NAME=... ADDR=...", values in xtext. Ports are checked and not kept, since nothing depends on them.
// Error: the attribute that cannot be read, printable ASCII.
std::expected<Xclient, std::string> parse_xclient(std::string_view argument);

}  // namespace postil::smtp
