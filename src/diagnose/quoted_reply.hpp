// Replies as other programs quote them in reports and logs: "host mx.example [192.0.2.1] said: 550 5.1.1 no such user
// (in reply to RCPT TO command)". Linear; pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "knowledge/codes.hpp"
#include "reply/code.hpp"

namespace postil::diagnose {

struct QuotedReply {
  reply::Code code = 0;          // 0: an enhanced code alone
  reply::EnhancedCode enhanced;  // class 0: none
  std::string text;              // on one line, without its codes and without what the quoting program says behind it
  std::size_t begin = 0;         // where it stands in the input
};

// Three digits count as a code where they stand as one: at the start of a line, behind "said:", "code", "error" and the
// like, or before an enhanced code; a port, a size or a time is none. Of several replies the first complete one. Its
// words end at an empty line.
std::optional<QuotedReply> find_reply(std::string_view text);

// The text on one line, printable, with runs of spaces made one.
std::string squeezed(std::string_view text, std::size_t octets_max);

// Which command was answered, from the words of the program that quotes; any: it does not say.
knowledge::Stage stage_named_in(std::string_view text);
// The stage of an SMTP command: "RCPT TO:<a@b>".
knowledge::Stage stage_of_command(std::string_view command);
// The host that the text says it was; empty: none.
std::string host_named_in(std::string_view text);

// The first mail address in the text, without <>; empty: none. from: where to begin; end, when not null: behind it.
std::string find_address(std::string_view text, std::size_t from = 0, std::size_t* begin = nullptr,
                         std::size_t* end = nullptr);

}  // namespace postil::diagnose
