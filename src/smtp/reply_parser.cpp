#include "smtp/reply_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "base/limits.hpp"

namespace postil::smtp {

ReplyParser::Status ReplyParser::fail(Status status, std::string detail) {
  detail_ = std::move(detail);
  line_.clear();
  return status;
}

ReplyParser::Status ReplyParser::end_of_line() {
  std::string line = std::exchange(line_, {});
  const std::size_t octets = std::exchange(line_octets_, 0);
  if (line.size() == octets && line.ends_with('\r')) line.pop_back();
  const bool digits = line.size() >= 3 && std::all_of(line.begin(), line.begin() + 3, is_digit);
  if (!digits || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
    return fail(Status::malformed, fmt::format("\"{}\" is no line of an SMTP reply.", printable(line, 100)));
  }
  if (line[0] < '2' || line[0] > '5') {
    return fail(Status::malformed,
                fmt::format("The reply has the code {}, which SMTP does not know.", line.substr(0, 3)));
  }
  const auto code = static_cast<reply::Code>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (lines_ > 0 && code != reply_.code) {
    if (code / 100 != reply_.code / 100) {
      return fail(Status::malformed,
                  fmt::format("The lines of one reply have the codes {} and {}.", reply_.code, code));
    }
    reply_.mixed_codes = true;
  }
  reply_.code = code;
  ++lines_;
  const std::string_view text = line.size() > 4 ? std::string_view(line).substr(4) : std::string_view();
  if (const auto enhanced = reply::leading_enhanced_code(text)) reply_.enhanced = *enhanced;
  if (reply_.lines.size() < keep_.lines) reply_.lines.push_back(printable(text, keep_.line_octets));
  if (line.size() > 3 && line[3] == '-') {
    if (lines_ >= limits::remote_reply_lines_max) {
      return fail(Status::too_long, fmt::format("The reply has more than {} lines.", limits::remote_reply_lines_max));
    }
    return Status::more;
  }
  return Status::done;
}

ReplyParser::Fed ReplyParser::feed(std::string_view octets) {
  if (!detail_.empty()) return {0, Status::malformed};
  std::size_t at = 0;
  while (at < octets.size()) {
    const auto lf = octets.find('\n', at);
    const auto part = octets.substr(at, lf == std::string_view::npos ? lf : lf - at);
    octets_ += part.size() + (lf == std::string_view::npos ? 0 : 1);
    if (octets_ > limits::remote_reply_octets_max) {
      return {octets.size(), fail(Status::too_long,
                                  fmt::format("The reply has more than {} octets.", limits::remote_reply_octets_max))};
    }
    // Room for the code, its separator and a CR besides the text that is kept.
    const std::size_t room = keep_.line_octets + 5 - std::min(line_.size(), keep_.line_octets + 5);
    line_ += part.substr(0, room);
    line_octets_ += part.size();
    if (lf == std::string_view::npos) return {octets.size(), Status::more};
    at = lf + 1;
    if (const Status status = end_of_line(); status != Status::more) return {at, status};
  }
  return {at, Status::more};
}

reply::RemoteReply ReplyParser::take() {
  octets_ = lines_ = 0;
  return std::exchange(reply_, {});
}

}  // namespace postil::smtp
