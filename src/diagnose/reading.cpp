#include "diagnose/reading.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {

std::string_view to_string(Input input) {
  switch (input) {
    case Input::reply:
      return "reply";
    case Input::log_line:
      return "log_line";
    case Input::bounce:
      return "bounce";
  }
  return "reply";
}

void fill_from_quote(Observed& out, std::string_view text) {
  auto& refusal = out.refusal;
  if (const auto reply = find_reply(text)) {
    refusal.code = reply->code;
    if (reply->enhanced) refusal.enhanced = reply->enhanced;
    refusal.text = reply->text;
    std::string quoted;
    if (reply->code != 0) quoted += std::to_string(reply->code) + " ";
    if (reply->enhanced) quoted += reply::to_string(reply->enhanced) + " ";
    out.reply = quoted + reply->text;
    // What stands before the quoted reply tells who said it and when.
    const auto lead = text.substr(0, reply->begin);
    if (refusal.host.empty()) refusal.host = host_named_in(lead);
    if (refusal.side == Side::unknown && !refusal.host.empty()) refusal.side = Side::remote;
  } else {
    refusal.text = squeezed(text, refusal_octets_max);
    refusal.text.resize(std::min(refusal.text.size(), to_lower(refusal.text).find("(in reply to ")));
  }
  if (refusal.stage == knowledge::Stage::any) refusal.stage = stage_named_in(text);
  if (refusal.host.empty()) refusal.host = host_named_in(text);
}

}  // namespace postil::diagnose
