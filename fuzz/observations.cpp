// links: diagnose
// Observations as they come in a file that anybody may have written, and what is found in them.
#include "base/assert.hpp"
#include "diagnose/confirm.hpp"
#include "diagnose/observations_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto seen = postil::diagnose::read_observations(text);
  if (!seen) return 0;
  const auto findings = postil::diagnose::find_all(*seen);
  // What is written must be readable again.
  const auto again = postil::diagnose::read_observations(postil::diagnose::to_json(*seen));
  POSTIL_ASSERT(again.has_value());
  for (const auto reason : {postil::knowledge::Reason::recipient_null_mx, postil::knowledge::Reason::domain_not_found})
    postil::diagnose::confirm("recipient_mx", reason, findings);
  return 0;
}
