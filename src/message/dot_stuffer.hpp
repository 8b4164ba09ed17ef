// Transparency for the sending side [rfc5321 4.5.2]: lines that begin with a dot get another one, and the message ends
// with a CRLF. Bare CR and LF are passed as they are (what is in the spool has none: they are refused or repaired on
// entry).
#pragma once

#include <string>
#include <string_view>

namespace postil::message {

class DotStuffer {
 public:
  // Any cuts; appends to out.
  void feed(std::string_view in, std::string& out);
  // The CRLF that the message may lack, then ".<CRLF>".
  void finish(std::string& out);

 private:
  bool line_start_ = true;
  bool after_cr_ = false;
};

}  // namespace postil::message
