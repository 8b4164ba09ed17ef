// A command line to its verb and argument, and the esmtp-params behind a path. Pure; views into the line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "reply/catalogue.hpp"

namespace postil::smtp {

enum class Verb : std::uint8_t {
  ehlo,
  helo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  vrfy,
  expn,
  help,
  starttls,
  auth,
  xclient,
  obsolete,  // known to RFCs, never implemented here: TURN, ETRN, ATRN, SEND, SOML, SAML, BURL
  unknown,
};

struct Command {
  Verb verb = Verb::unknown;
  std::string_view name;      // as typed
  std::string_view argument;  // without the spaces around it; "" = none
};

// line: without its CRLF. White space at its end is tolerated [rfc5321 4.1.1].
Command parse_command(std::string_view line);

// What is wrong with the octets of a line, before anything is read into it: control characters, bare CR and LF, and
// octets over 127 where the command takes none. Nothing when it is fit to be read.
std::optional<reply::TextId> line_fault(std::string_view line, const Command& command);

// The first line of an HTTP request, or a TLS record where SMTP was expected: not a client of ours.
bool looks_like_http(std::string_view line);

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};
// " KEY=VALUE KEY" [rfc5321 4.1.1.11]; `bad` is the text that could not be read.
struct Parameters {
  std::vector<Parameter> list;
  std::optional<std::string_view> bad;
};
Parameters parse_parameters(std::string_view text);

}  // namespace postil::smtp
