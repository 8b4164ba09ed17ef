// A message that was given: its DKIM signatures, and whether they belong to its From [rfc6376] [rfc9989].
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using mailauth::DkimResult;
using mailauth::DmarcIdentifier;
using mailauth::SpfResult;

// The envelope sender: DMARC passes by it when SPF passes for it and it belongs to From [rfc9989 4.4.2]. What SPF says
// of it; none where nobody knows which host sent the message.
SpfResult find_envelope(Findings& out) {
  const auto& seen = out.seen();
  const auto& ip = seen.request.from_ip;
  const auto domain = envelope_domain(seen.request.message);
  Finding finding{.id = Id::message_no_sender, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  if (domain.empty()) {
    out.add(std::move(finding));
    return SpfResult::none;
  }
  auto result = SpfResult::none;
  if (!ip.empty()) {
    auto spf = message_spf_check(seen.request, seen.time);
    answer_from(seen.dns, spf);
    result = spf.outcome().result;
  }
  auto check = message_alignment_check(seen.request);
  answer_from(seen.dns, check);
  const auto& outcome = check.outcome();
  if (!outcome.policy_record || !outcome.policy_record->record || outcome.identifiers.empty() ||
      !outcome.identifiers.front().aligned) {
    return result;
  }
  const bool strict = outcome.policy_record->record->aspf == mailauth::DmarcAlignment::strict;
  finding.args = {{"domain", domain}, {"from", outcome.author_domain}, {"mode", strict ? "aspf=s" : "aspf=r"}};
  finding.evidence = {"Return-Path: " + domain, "From: " + outcome.author_domain};
  if (!*outcome.identifiers.front().aligned) {
    finding.id = Id::message_spf_other;
  } else if (ip.empty()) {
    finding.id = Id::message_spf_aligned;
  } else {
    finding.id = result == SpfResult::pass ? Id::message_spf_pass : Id::message_spf_fail;
    finding.args.emplace_back("ip", ip);
    finding.args.emplace_back("result", std::string(to_string(result)));
    if (result != SpfResult::pass) {
      finding.advice = {{Advice::Kind::run, fmt::format("postil check {} --from-ip {} --only spf",
                                                        plain_name(domain, seen.request.subject.domain), ip)}};
    }
  }
  out.add(std::move(finding));
  return result;
}

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
      finding.phrases = {{"fault", "dkim." + fault, printable(signature.detail, 100)}};
      if (!signature.detail.empty()) fault += fmt::format(" ({})", signature.detail);
      finding.args.emplace_back("fault", std::move(fault));
    }
    out.add(std::move(finding));
  }
  if (signatures.empty()) {
    out.add({.id = Id::message_unsigned, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  }
  const auto spf = find_envelope(out);
  auto check = message_dmarc_check(seen.request, signatures, spf);
  answer_from(seen.dns, check);
  const auto& outcome = check.outcome();
  const auto aligned = std::ranges::find_if(outcome.identifiers, [](const auto& one) {
    return one.kind == DmarcIdentifier::Kind::dkim && one.pass && one.aligned.value_or(false);
  });
  if (aligned != outcome.identifiers.end()) {
    out.add(
        {.id = Id::message_aligned, .about = {}, .args = {{"domain", aligned->domain}}, .evidence = {}, .advice = {}});
  } else if (outcome.reason == mailauth::DmarcReason::no_record) {
    std::vector<std::string> evidence = {"From: " + outcome.author_domain};
    if (const auto domain = envelope_domain(seen.request.message); !domain.empty()) {
      evidence.push_back("Return-Path: " + domain);
    }
    out.add({.id = Id::message_no_policy,
             .about = {},
             .args = {{"domain", outcome.author_domain}},
             .evidence = std::move(evidence),
             .advice = {}});
  } else if (outcome.result == mailauth::DmarcResult::fail) {
    out.add(
        {.id = Id::message_not_aligned,
         .about = {},
         .args = {{"domain", outcome.author_domain}},
         .evidence = {},
         .advice = {{Advice::Kind::run, fmt::format("postil dkim new {}",
                                                    plain_name(outcome.author_domain, seen.request.subject.domain))}}});
  }
}

}  // namespace postil::diagnose
