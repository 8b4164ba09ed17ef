// A message from the pieces that the command line gives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace postil::cli {

struct Letter {
  std::string from;
  std::vector<std::string> to;
  std::string subject;
  std::string body;                  // any line ends
  std::vector<std::string> headers;  // "Name: value"
  WallTime date{};
  std::string id;  // of Message-ID, without <>
};

// With CRLF. What is not ASCII gets the fields of MIME that it needs; a field of `headers` replaces ours of that name.
std::string compose(const Letter& letter);

struct MessageFacts {
  bool body_8bit = false;
  bool header_utf8 = false;
};
MessageFacts facts_of(std::string_view message_crlf);

// Any line ends to CRLF.
std::string with_crlf(std::string_view text);
// The header block with its last CRLF, without the empty line; "" when the first line is no field.
std::string_view header_of(std::string_view message_crlf);
bool has_field(std::string_view header, std::string_view name);

}  // namespace postil::cli
