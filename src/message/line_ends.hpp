// Local line ends (LF, CRLF, a lone CR) to CRLF, for messages that come from programs of this host.
#pragma once

#include <string>
#include <string_view>

namespace postil::message {

class LineEnds {
 public:
  // Any cuts; appends to out. CR LF cut in two is one line end.
  void feed(std::string_view in, std::string& out);
  // Ends a last line that has no end; the empty message stays empty.
  void finish(std::string& out);

 private:
  bool after_cr_ = false;  // a CR was read and its CRLF written
  bool at_line_start_ = true;
};

}  // namespace postil::message
