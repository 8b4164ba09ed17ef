// links: diagnose
// A bounce, with or without its header, in any state: what is read is bounded, UTF-8, printable, and judged.
#include "diagnose/bounce.hpp"

#include <cstdint>
#include <cstdlib>

#include "base/bytes.hpp"
#include "diagnose/diagnosis.hpp"
#include "diagnose/json.hpp"
#include "diagnose/recognise.hpp"

using namespace postil;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}

void check(diagnose::Reading reading) {
  static const i18n::Translator english;
  require(reading.recipients.size() <= diagnose::recipients_max);
  for (const auto& observed : reading.recipients) {
    const auto& refusal = observed.refusal;
    require(refusal.address.size() <= diagnose::address_octets_max);
    require(refusal.text.size() <= diagnose::refusal_octets_max && is_utf8(refusal.text));
    for (const char c : refusal.text) require(!is_control(c));
    for (const char c : observed.reply) require(!is_control(c));
    require(refusal.code == 0 || (refusal.code >= 200 && refusal.code <= 599));
  }
  const auto report = diagnose::judge(std::move(reading));
  for (const auto& diagnosis : report.recipients) {
    if (!diagnosis.explanation) continue;
    const double confidence = diagnosis.explanation->finding.confidence;
    require(confidence >= 0 && confidence <= 1);
  }
  require(is_utf8(diagnose::to_json(report, english)));
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(diagnose::read_bounce(text));
  check(diagnose::read_bounce_text(text));
  (void)diagnose::understand(text);
  return 0;
}
