// links: diagnose
// Any text with any codes: bounded, consistent, and each rule's words are in the text that it decided.
#include "diagnose/classify.hpp"

#include <cstdint>
#include <cstdlib>

#include "diagnose/fold.hpp"
#include "diagnose/rules.hpp"

using namespace postil;
using namespace postil::diagnose;

namespace {
void require(bool condition) {
  if (!condition) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  Refusal refusal;
  refusal.code = static_cast<reply::Code>(data[0] < 200 ? 400 + data[0] : 0);
  refusal.enhanced.klass = static_cast<std::uint8_t>(data[1] % 3 == 0 ? 0 : data[1] % 3 + 3);
  refusal.enhanced.subject = data[2] % 9;
  refusal.enhanced.detail = static_cast<std::uint16_t>(data[3] % 2 == 0 ? data[3] : data[3] * 3);
  refusal.stage = static_cast<knowledge::Stage>(data[4] % (static_cast<int>(knowledge::Stage::any) + 1));
  const std::string_view words(reinterpret_cast<const char*>(data) + 6, size - 6);
  const std::size_t cut = words.size() * data[5] / 255;
  refusal.text = words.substr(0, cut);
  refusal.more = words.substr(cut);
  refusal.host = words.substr(0, 64);

  const auto folded = fold(refusal.text);
  require(folded.at.size() == folded.text.size() + 1);
  require(folded.text.size() <= folded_octets_max);
  for (std::size_t i = 1; i < folded.at.size(); ++i) require(folded.at[i - 1] <= folded.at[i]);

  const auto found = classify(refusal);
  require(found.confidence >= 0 && found.confidence <= 1);
  require((found.reason == knowledge::Reason::unknown) == (found.confidence == 0));
  require(!found.because.empty());
  if (!found.matched.empty()) {
    require(refusal.text.find(found.matched) != std::string::npos ||
            refusal.more.find(found.matched) != std::string::npos);
  }
  const auto again = classify(refusal);
  require(again.rule == found.rule && again.matched == found.matched);
  return 0;
}
