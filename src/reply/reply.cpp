#include "reply/reply.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "reply/catalogue.hpp"

namespace postil::reply {
namespace {

// What a client sent must not break our line: ASCII, no control characters. [rfc6531 3.7.4.2]
std::string safe(std::string_view literal) {
  std::string out(literal);
  for (char& c : out) {
    if (is_8bit(c) || is_control(c)) c = '?';
  }
  return out;
}

std::string fill(std::string_view text, const std::vector<Arg>& args) {
  std::string out;
  for (;;) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = text.find('}', open);
    const auto name = text.substr(open + 1, close - open - 1);
    const auto arg = std::ranges::find(args, name, &Arg::first);
    POSTIL_ASSERT(arg != args.end());
    out += safe(arg->second);
    text.remove_prefix(close + 1);
  }
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::session:
      return "session";
    case Scope::host:
      return "host";
    case Scope::message:
      return "message";
    case Scope::recipient:
      return "recipient";
  }
  return "session";
}

Reply make(TextId text, std::vector<Arg> args) {
  const Entry& e = entry(text);
  Reply reply;
  reply.text = text;
  reply.code = e.code;
  reply.enhanced = e.enhanced;
  reply.scope = e.scope;
  reply.args = std::move(args);
  return reply;
}

std::string text_of(const Reply& reply) {
  return fill(entry(reply.text).text, reply.args);
}

std::string to_wire(const Reply& reply, std::string_view receipt_url) {
  std::vector<std::string> lines;
  std::string first = text_of(reply);
  if (reply.receipt) first += fmt::format(" ({})", to_string(*reply.receipt));
  lines.push_back(std::move(first));
  for (const auto& line : reply.more) lines.push_back(safe(line));
  if (reply.receipt && !receipt_url.empty())
    lines.push_back(fmt::format("{}{}", receipt_url, to_string(*reply.receipt)));

  const std::string status = reply.enhanced ? to_string(reply.enhanced) + " " : std::string();
  const std::size_t room = limits::reply_line_octets_max - 4 - 2 - status.size();
  // A text longer than a line goes on in the next; words are not cut where that can be helped.
  std::vector<std::string> cut;
  for (std::string_view rest : lines) {
    while (rest.size() > room) {
      auto at = rest.rfind(' ', room);
      if (at == std::string_view::npos || at == 0) at = room;
      cut.emplace_back(rest.substr(0, at));
      rest.remove_prefix(at);
      if (rest.starts_with(' ')) rest.remove_prefix(1);
    }
    cut.emplace_back(rest);
  }
  std::string wire;
  for (std::size_t i = 0; i < cut.size(); ++i) {
    wire += fmt::format("{}{}{}{}\r\n", reply.code, i + 1 < cut.size() ? '-' : ' ', status, cut[i]);
  }
  return wire;
}

std::string RemoteReply::one_line() const {
  std::string out = fmt::format("{:03}", code);
  for (const auto& line : lines) {
    if (line.empty()) continue;
    std::string_view text = line;
    // The enhanced code is said once.
    std::size_t rest = 0;
    if (&line != &lines.front() && leading_enhanced_code(text, &rest)) text.remove_prefix(rest);
    out += ' ';
    out += text;
    if (out.size() > 1000) break;
  }
  return printable(out, 1000);
}

}  // namespace postil::reply
