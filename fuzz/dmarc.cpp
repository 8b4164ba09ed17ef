// links: mailauth
// DMARC, TLS-RPT and BIMI: any text as a record, and the checks with any answers come to an end.
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "mailauth/bimi_record.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/tls_rpt_record.hpp"

namespace {

using namespace postil;
using namespace postil::mailauth;

template <class Record>
void judge(const Record& record) {
  for (const auto& error : record.errors) POSTIL_ASSERT(error.where.position + error.where.length <= record.raw.size());
}

template <class Check>
void run(Check& check, const std::vector<std::string_view>& lines, int questions_max) {
  int questions = 0;
  while (const auto* question = check.question()) {
    POSTIL_ASSERT(!question->name.empty());
    dns::Answer answer;
    const auto line = lines[static_cast<std::size_t>(questions) % lines.size()];
    answer.status = line.empty() ? dns::Status::no_domain : line == "!" ? dns::Status::timed_out : dns::Status::ok;
    if (answer.status == dns::Status::ok) answer.records.push_back(dns::Text{std::string(line)});
    POSTIL_ASSERT(++questions <= questions_max);
    check.answer(answer);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (is_dmarc_record(text)) judge(parse_dmarc_record(text));
  if (is_tls_rpt_record(text)) judge(parse_tls_rpt_record(text));
  if (is_bimi_record(text)) judge(parse_bimi_record(text));
  const auto lines = split(text, '\n');
  DmarcInput input;
  input.author_domain = lines.front();
  input.spf = SpfResult::pass;
  input.spf_domain = lines[lines.size() / 2];
  for (const auto line : lines) {
    DmarcSignature signature;
    signature.pass = true;
    signature.domain = line;
    input.signatures.push_back(signature);
  }
  DmarcCheck check(input);
  run(check, lines, 8 * (2 + static_cast<int>(dmarc_identifiers_max)) + 1);
  const auto& outcome = check.outcome();
  POSTIL_ASSERT(outcome.result != DmarcResult::pass || outcome.policy_record);
  const auto& record = outcome.policy_record;
  if (record && record->record) {
    DmarcReportCheck reports(record->domain, record->record->rua);
    run(reports, lines, 9 * (1 + static_cast<int>(report_uris_max)));
  }
  return 0;
}
