#include "message/line_ends.hpp"

namespace postil::message {

void LineEnds::feed(std::string_view in, std::string& out) {
  if (in.empty()) return;
  if (after_cr_ && in.front() == '\n') in.remove_prefix(1);
  after_cr_ = false;
  while (!in.empty()) {
    const auto end = in.find_first_of("\r\n");
    out.append(in.substr(0, end));
    if (end == std::string_view::npos) {
      at_line_start_ = false;
      return;
    }
    out.append("\r\n");
    at_line_start_ = true;
    const bool cr = in[end] == '\r';
    in.remove_prefix(end + 1);
    if (!cr) continue;
    after_cr_ = in.empty();
    if (in.starts_with('\n')) in.remove_prefix(1);
  }
}

void LineEnds::finish(std::string& out) {
  if (!at_line_start_) out.append("\r\n");
  at_line_start_ = true;
  after_cr_ = false;
}

}  // namespace postil::message
