// links: diagnose
// A log line of any program: what is read is bounded, UTF-8 and printable.
#include "diagnose/log_line.hpp"

#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto found = diagnose::read_log_line(line);
  require(found.known || found.recipients.empty());
  for (const auto& observed : found.recipients) {
    const auto& refusal = observed.refusal;
    require(refusal.address.size() <= diagnose::address_octets_max);
    require(refusal.text.size() <= diagnose::refusal_octets_max && is_utf8(refusal.text));
    for (const char c : refusal.text) require(!is_control(c));
    require(refusal.code == 0 || (refusal.code >= 200 && refusal.code <= 599));
    require(refusal.delayed == (observed.action == dsn::Action::delayed));
  }

  return 0;
}
