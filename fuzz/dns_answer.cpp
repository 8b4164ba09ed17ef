// links: dns
// The answer parser on any packet: no crash, and what it promises of its result.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/assert.hpp"
#include "dns/mx.hpp"
#include "dns/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postil::dns;
  constexpr Type types[] = {Type::a,  Type::ns,  Type::cname, Type::soa, Type::ptr,
                            Type::mx, Type::txt, Type::aaaa,  Type::tlsa};
  if (size < 1) return 0;
  const std::string_view packet(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto answer = parse_answer(packet, "example.com", types[data[0] % 9]);
  POSTIL_ASSERT((answer.status == Status::ok) == !answer.records.empty());
  POSTIL_ASSERT(answer.records.size() <= records_max);
  POSTIL_ASSERT(answer.chain.size() <= cname_chain_max + 1);
  POSTIL_ASSERT(answer.status == Status::malformed || answer.canonical_name == answer.chain.back());
  for (const auto& name : answer.chain) {
    for (const char c : name) POSTIL_ASSERT(c > 32 && c < 127 && !(c >= 'A' && c <= 'Z'));
  }
  const auto set = classify_mx(answer);
  POSTIL_ASSERT((set.kind == MxSet::Kind::hosts) == !set.hosts.empty());
  return 0;
}
