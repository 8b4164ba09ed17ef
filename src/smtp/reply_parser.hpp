// Replies of a server, read in any cuts [rfc5321 4.2.1]. The code decides; text is kept for people and is bounded,
// whatever the server sends: a reply has at most limits::remote_reply_octets_max octets and
// limits::remote_reply_lines_max lines, and less of it is kept.
//
// Liberal where it does no harm: a bare code, a bare LF as line end, any text. Not a reply: a line that does not begin
// with three digits and '-', ' ' or its end, a first digit other than 2 to 5 [rfc5321 4.2], lines whose first digits
// differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reply/reply.hpp"

namespace postil::smtp {

class ReplyParser {
 public:
  enum class Status : std::uint8_t { more, done, malformed, too_long };
  struct Fed {
    std::size_t consumed;  // octets taken; behind `done` the next reply begins
    Status status;
  };
  // What is kept of a reply's text. EHLO and AUTH need more than a refusal does.
  struct Keep {
    std::size_t lines = 20;
    std::size_t line_octets = 400;
  };

  // Reads to the end of one reply at most. After malformed or too_long the parser is at its end.
  Fed feed(std::string_view octets);
  // After done: the reply; the parser is ready for the next one.
  reply::RemoteReply take();

  void keep(Keep keep) { keep_ = keep; }      // between replies
  bool begun() const { return octets_ > 0; }  // some octets of a reply were read
  // After malformed or too_long: what was wrong, one English sentence, printable.
  const std::string& detail() const { return detail_; }

 private:
  Status end_of_line();
  Status fail(Status status, std::string detail);

  Keep keep_;
  reply::RemoteReply reply_;
  std::string line_;             // the first octets of the line that is being read
  std::size_t line_octets_ = 0;  // how long it is in fact
  std::size_t octets_ = 0;       // of the reply
  std::size_t lines_ = 0;
  std::string detail_;
};

}  // namespace postil::smtp
