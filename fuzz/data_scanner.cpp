// links: message
// Where DATA ends and what comes out does not depend on the cuts. The first octets say where to cut.
#include <cstdint>
#include <cstdlib>

#include "message/dot_stuffer.hpp"
#include "message/line_scanner.hpp"

using namespace postil::message;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

struct Seen {
  std::string out;
  std::size_t consumed = 0;
  bool end = false;
  BodyFacts facts;
};

Seen scan(std::string_view in, std::size_t piece) {
  Seen seen;
  DataScanner scanner;
  while (!in.empty() && !seen.end) {
    const auto result = scanner.feed(in.substr(0, piece), seen.out);
    seen.consumed += result.consumed;
    seen.end = result.end;
    in.remove_prefix(result.consumed);
  }
  seen.facts = scanner.facts();
  return seen;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] % 32 + 1;
  const std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = scan(in, in.size() + 1);
  const auto cut = scan(in, piece);
  require(whole.out == cut.out && whole.consumed == cut.consumed && whole.end == cut.end);
  require(whole.facts.octets == cut.facts.octets && whole.facts.octets == whole.out.size());
  require(whole.facts.longest_line == cut.facts.longest_line && whole.facts.bare_cr == cut.facts.bare_cr);
  require(whole.facts.bare_lf == cut.facts.bare_lf && whole.facts.nul == cut.facts.nul);
  require(whole.facts.eight_bit == cut.facts.eight_bit && whole.facts.ends_with_crlf == cut.facts.ends_with_crlf);

  std::string wire;
  DotStuffer stuffer;
  for (std::string_view rest = in; !rest.empty();) {
    const auto part = rest.substr(0, piece);
    stuffer.feed(part, wire);
    rest.remove_prefix(part.size());
  }
  stuffer.finish(wire);
  const auto back = scan(wire, piece);
  require(back.end && back.consumed == wire.size() && std::string_view(back.out).starts_with(in));
  return 0;
}
