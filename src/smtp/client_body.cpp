#include "smtp/client_body.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"

namespace postil::smtp {

bool ClientBody::clean(std::string_view octets, bool last) const {
  char before = held_cr_ ? '\r' : '\0';
  for (std::size_t at = 0; at < octets.size();) {
    if (before == '\r' && octets[at] != '\n') return false;
    const auto next = octets.find_first_of("\r\n", at);
    if (next == std::string_view::npos) return true;
    if (octets[next] == '\n' && (next == 0 ? before : octets[next - 1]) != '\r') return false;
    before = octets[next];
    at = next + 1;
  }
  return !(last && before == '\r');
}

bool ClientBody::feed(std::string_view octets, bool last, std::string& out) {
  std::string joined;
  if (form_ != Form::binary_chunks) {
    if (!clean(octets, last)) return false;
    const bool hold = !last && octets.ends_with('\r');
    if (held_cr_ && !octets.empty()) {
      joined = "\r";
      joined += octets;
      octets = joined;
      held_cr_ = false;
    }
    if (hold) {
      octets.remove_suffix(1);
      held_cr_ = true;
    }
  }
  if (form_ == Form::data) {
    stuffer_.feed(octets, out);
    if (last) stuffer_.finish(out);
    return true;
  }
  if (octets.empty() && !last) return true;
  out += fmt::format("BDAT {}{}\r\n", octets.size(), last ? " LAST" : "");
  out += octets;
  return true;
}

}  // namespace postil::smtp
