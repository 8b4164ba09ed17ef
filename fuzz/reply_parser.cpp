// links: smtp
// Replies in any cuts: bounded, printable, and the same whatever the cuts.
#include "smtp/reply_parser.hpp"

#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "base/limits.hpp"

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

struct Read {
  smtp::ReplyParser::Status status = smtp::ReplyParser::Status::more;
  std::size_t consumed = 0;
  reply::RemoteReply reply;
};

Read read(std::string_view wire, std::size_t cut) {
  smtp::ReplyParser parser;
  Read out;
  while (out.consumed < wire.size() && out.status == smtp::ReplyParser::Status::more) {
    const auto fed = parser.feed(wire.substr(out.consumed, cut));
    require(fed.consumed <= cut);
    out.consumed += fed.consumed;
    out.status = fed.status;
  }
  if (out.status == smtp::ReplyParser::Status::done) out.reply = parser.take();
  if (out.status == smtp::ReplyParser::Status::malformed || out.status == smtp::ReplyParser::Status::too_long) {
    require(!parser.detail().empty() && parser.detail().size() < 500);
  }
  return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t cut = 1 + data[0] % 64;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Read whole = read(wire, wire.size() + 1);
  const Read cuts = read(wire, cut);
  require(whole.status == cuts.status);
  if (whole.status != smtp::ReplyParser::Status::done) return 0;
  require(whole.consumed == cuts.consumed && whole.consumed <= limits::remote_reply_octets_max);
  require(whole.reply.code == cuts.reply.code && whole.reply.lines == cuts.reply.lines);
  require(whole.reply.enhanced == cuts.reply.enhanced && whole.reply.mixed_codes == cuts.reply.mixed_codes);
  require(whole.reply.code >= 200 && whole.reply.code <= 599);
  require(whole.reply.lines.size() <= 20);
  for (const auto& line : whole.reply.lines) {
    require(line.size() <= 400 && is_utf8(line));
    for (const char c : line) require(!is_control(c));
  }
  return 0;
}
