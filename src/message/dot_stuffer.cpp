#include "message/dot_stuffer.hpp"

namespace postil::message {

void DotStuffer::feed(std::string_view in, std::string& out) {
  std::size_t run = 0;
  std::size_t pos = 0;
  while (pos < in.size()) {
    if (after_cr_) {
      after_cr_ = false;
      if (in[pos] == '\n') {
        line_start_ = true;
        ++pos;
        continue;
      }
    }
    if (line_start_ && in[pos] == '.') {
      out.append(in.substr(run, pos - run));
      out += '.';
      run = pos;
    }
    line_start_ = false;
    const auto lf = in.find('\n', pos);
    if (lf == std::string_view::npos) {
      after_cr_ = in.back() == '\r';
      break;
    }
    line_start_ = lf > pos && in[lf - 1] == '\r';
    pos = lf + 1;
  }
  out.append(in.substr(run));
}

void DotStuffer::finish(std::string& out) {
  if (!line_start_) out.append("\r\n");
  out.append(".\r\n");
}

}  // namespace postil::message
