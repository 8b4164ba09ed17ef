// links: smtp address
// PROXY headers in any cuts: the same whatever the cuts, bounded, never an octet behind the header, canonical
// addresses.
#include "smtp/proxy_header.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "address/ip.hpp"

using namespace postil;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Outcome {
  smtp::ProxyHeaderParser::Status status = smtp::ProxyHeaderParser::Status::more;
  std::size_t taken = 0;
  smtp::ProxyHeader header;
};

Outcome run(std::string_view wire, std::size_t cut) {
  smtp::ProxyHeaderParser parser;
  Outcome out;
  while (out.taken < wire.size() && out.status == smtp::ProxyHeaderParser::Status::more) {
    require(parser.wanted() > 0 && parser.wanted() <= 65535);
    const auto part = wire.substr(out.taken, std::min(cut, parser.wanted()));
    out.taken += part.size();
    out.status = parser.feed(part);
  }
  out.header = parser.header();
  return out;
}

void check(const std::string& ip) {
  if (ip.empty()) return;
  const auto canonical = address::canonical_ip(ip);
  require(canonical && *canonical == ip);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = run(wire, wire.size() + 1), cuts = run(wire, 1 + data[0] % 32);
  check(whole.header.client_address);
  check(whole.header.server_address);
  if (whole.status != smtp::ProxyHeaderParser::Status::done) return 0;
  require(cuts.status == whole.status && cuts.taken == whole.taken);
  require(cuts.header.client_address == whole.header.client_address &&
          cuts.header.client_port == whole.header.client_port);
  require(wire[0] != 'P' || (whole.taken <= 107 && wire.substr(0, whole.taken).ends_with("\r\n")));
  return 0;
}
