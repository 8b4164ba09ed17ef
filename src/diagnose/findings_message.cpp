// A message that was given: its DKIM signatures, and whether they belong to its From [rfc6376] [rfc9989].
#include <fmt/format.h>

#include <algorithm>

#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using mailauth::DkimResult;

}  // namespace

void find_message(Findings& out) {
  const auto& seen = out.seen();
  if (seen.request.message.empty() || !(out.wants(Part::dkim) || out.wants(Part::dmarc))) return;
  auto verifier = message_verifier(seen.request, seen.time);
  while (const auto name = verifier.next_question()) {
    const auto* known = seen.dns.find(*name, dns::Type::txt);
    verifier.answer(known != nullptr ? *known : dns::Answer{});
  }
  const auto signatures = verifier.results();
  for (const auto& signature : signatures) {
    Finding finding{.id = Id::message_signed,
                    .about = {},
                    .args = {{"domain", signature.domain.empty() ? "-" : signature.domain}},
                    .evidence = {fmt::format("d={} s={} a={} b={}", signature.domain, signature.selector,
                                             signature.algorithm, signature.signature_start)},
                    .advice = {}};
    if (signature.result == DkimResult::pass) {
      finding.args.emplace_back("selector", signature.selector);
    } else {
      finding.id = Id::message_signature_bad;
      std::string fault(to_string(signature.fault));
      if (!signature.detail.empty()) fault += fmt::format(" ({})", signature.detail);
      finding.args.emplace_back("fault", std::move(fault));
    }
    out.add(std::move(finding));
  }
  if (signatures.empty()) {
    out.add({.id = Id::message_unsigned, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  }
  auto check = message_dmarc_check(seen.request, signatures);
  answer_from(seen.dns, check);
  const auto& outcome = check.outcome();
  const auto aligned = std::ranges::find_if(outcome.identifiers,
                                            [](const auto& one) { return one.pass && one.aligned.value_or(false); });
  if (aligned != outcome.identifiers.end()) {
    out.add(
        {.id = Id::message_aligned, .about = {}, .args = {{"domain", aligned->domain}}, .evidence = {}, .advice = {}});
  } else if (outcome.reason != mailauth::DmarcReason::dns_failure &&
             outcome.reason != mailauth::DmarcReason::no_record) {
    out.add({.id = Id::message_not_aligned,
             .about = {},
             .args = {{"domain", outcome.author_domain}},
             .evidence = {},
             .advice = {}});
  }
}

}  // namespace postil::diagnose
