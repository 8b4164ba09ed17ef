// The octets of one message on their way out: by DATA with transparency, or as BDAT chunks as they are.
// No bare CR or LF gets through, unless the message goes as BINARYMIME [rfc5321 2.3.8] [rfc3030 3].
#pragma once

#include <string>
#include <string_view>

#include "message/dot_stuffer.hpp"

namespace postil::smtp {

class ClientBody {
 public:
  enum class Form { data, chunks, binary_chunks };
  explicit ClientBody(Form form) : form_(form) {}

  // The next octets, any cuts; appends to out what goes on the wire: nothing, when all was held back (a CR at a cut).
  // false: a bare CR or LF; nothing of these octets was appended, and the message must not be finished.
  bool feed(std::string_view octets, bool last, std::string& out);

 private:
  bool clean(std::string_view octets, bool last) const;

  Form form_;
  bool held_cr_ = false;  // a CR at the end of the octets before
  message::DotStuffer stuffer_;
};

}  // namespace postil::smtp
