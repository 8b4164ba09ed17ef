// links: tlsrpt
// TLS reports of others: any octets as a mail, as gzip and as JSON come to an end, within bounds; and the file of the
// ledger.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "mime/gzip.hpp"
#include "tlsrpt/ledger.hpp"
#include "tlsrpt/received.hpp"

namespace {

using namespace postil;

void judge(const tlsrpt::Report& report) {
  std::size_t failures = 0;
  for (const auto& policy : report.policies) {
    failures += policy.failures.size();
    for (const auto& failure : policy.failures) POSTIL_ASSERT(is_utf8(failure.result) && is_utf8(failure.reason));
  }
  POSTIL_ASSERT(failures <= 10'000);
  // What was read can be written, and is then read as the same.
  auto again = tlsrpt::parse_report(tlsrpt::to_json(report));
  POSTIL_ASSERT(again.has_value());
  again->truncated = report.truncated;
  POSTIL_ASSERT(again->policies.size() == report.policies.size() && again->organization == report.organization);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  (void)tlsrpt::looks_like_report(octets);
  if (const auto received = tlsrpt::read(octets)) judge(received->report);
  if (const auto report = tlsrpt::parse_report(octets)) judge(*report);
  const auto unpacked = mime::gunzip(octets, 4096);
  POSTIL_ASSERT(!unpacked || unpacked->size() <= 4096);
  POSTIL_ASSERT(mime::gunzip(mime::gzip(octets), size).value() == octets);
  tlsrpt::Ledger ledger;
  if (ledger.decode(octets)) {
    const auto text = ledger.encode();
    tlsrpt::Ledger again;
    POSTIL_ASSERT(again.decode(text).value() == 0 && again.encode() == text);
  }
  return 0;
}
