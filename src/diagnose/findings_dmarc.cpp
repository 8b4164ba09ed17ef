// DKIM keys [rfc6376], the DMARC policy [rfc9989], and whether there is a BIMI record.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"
#include "mailauth/bimi_record.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using mailauth::DkimKeyError;
using mailauth::DmarcPolicy;
using mailauth::DmarcReason;

std::vector<std::string> key_texts(const dns::Answer& answer) {
  std::vector<std::string> out;
  for (const auto& record : answer.records) {
    const auto* text = std::get_if<dns::Text>(&record);
    if (text != nullptr && mailauth::looks_like_dkim_key(text->value)) out.push_back(text->value);
  }
  return out;
}

// False when there is no key at this place.
bool find_key(Findings& out, const DkimKeyPlace& place, const dns::Answer& answer, bool named) {
  Finding finding{.id = Id::dkim_ok,
                  .about = {place.selector},
                  .args = {},
                  .evidence = record_lines(place.name, answer),
                  .advice = {}};
  if (!answer.definite()) {
    if (!named) return false;
    finding.id = Id::dkim_unknown;
    finding.args = {{"detail", dns_trouble(answer)}};
    out.add(std::move(finding));
    return true;
  }
  const auto texts = key_texts(answer);
  if (texts.empty()) {
    if (!named) return false;
    finding.id = Id::dkim_missing;
    out.add(std::move(finding));
    return true;
  }
  const auto key = mailauth::parse_dkim_key(texts.front());
  if (!key) {
    const bool revoked = key.error().error == DkimKeyError::revoked;
    finding.id = revoked ? Id::dkim_revoked : Id::dkim_bad;
    if (!revoked) finding.args = {{"problem", std::string(to_string(key.error().error))}};
    out.add(std::move(finding));
    return true;
  }
  finding.args = {{"key", fmt::format("{} {}", crypto::to_string(key->key.type()), key->key.bits())}};
  if (key->testing) {
    auto testing = finding;
    testing.id = Id::dkim_testing;
    testing.args = {};
    out.add(std::move(testing));
  }
  const bool small = key->key.type() == crypto::KeyType::rsa && key->key.bits() < mailauth::dkim_key_bits_should;
  if (small) finding.id = Id::dkim_small;
  out.add(std::move(finding));
  return true;
}

// A name below which everything has the same answer says nothing about selectors.
bool answers_everything(const DnsNotes& dns, const std::vector<DkimKeyPlace>& places) {
  return std::ranges::all_of(places, [&](const DkimKeyPlace& place) {
    const auto* answer = dns.find(place.name, dns::Type::txt);
    return answer != nullptr && !key_texts(*answer).empty();
  });
}

std::string dmarc_advice(const Observations& seen) {
  const auto& domain = seen.request.subject.domain;
  if (!takes_mail(seen)) return txt_line("_dmarc." + domain, "v=DMARC1; p=reject");
  return txt_line("_dmarc." + domain, fmt::format("v=DMARC1; p=none; rua=mailto:dmarc@{}", domain));
}

void find_record_faults(Findings& out, const mailauth::DmarcFound& found) {
  const std::string name = "_dmarc." + found.domain;
  std::vector<std::string> evidence;
  for (const auto& record : found.records) evidence.push_back(txt_line(name, record));
  for (const auto& record : found.lookalikes) evidence.push_back(txt_line(name, record));
  const auto add = [&](Id id, i18n::Args args) {
    out.add({.id = id, .about = {}, .args = std::move(args), .evidence = evidence, .advice = {}});
  };
  if (found.records.size() > 1) add(Id::dmarc_several, {});
  for (const auto& text : found.lookalikes) add(Id::dmarc_bad, {{"problem", printable(text, 80)}});
  if (!found.record) return;
  for (const auto& error : found.record->errors) {
    const auto piece = printable(found.record->text(error.where), 60);
    add(Id::dmarc_bad, {{"problem", fmt::format("{} ({})", piece, to_string(error.problem))}});
  }
}

}  // namespace

void find_dkim(Findings& out) {
  const auto& request = out.seen().request;
  if (!out.wants(Part::dkim) || request.subject.kind == SubjectKind::ip) return;
  const bool named = !request.selectors.empty();
  const auto places = dkim_places(request);
  bool any = false;
  if (named || !answers_everything(out.seen().dns, places)) {
    for (const auto& place : places) {
      const auto* answer = out.seen().dns.find(place.name, dns::Type::txt);
      if (answer == nullptr) continue;
      const bool found = find_key(out, place, *answer, named);
      any = any || found;
    }
  }
  if (!any && !named && takes_mail(out.seen()))
    out.add({.id = Id::dkim_not_found, .about = {}, .args = {}, .evidence = {}, .advice = {}});
}

void find_dmarc(Findings& out) {
  const auto& request = out.seen().request;
  if (!out.wants(Part::dmarc) || request.subject.kind == SubjectKind::ip) return;
  auto check = dmarc_check(request);
  answer_from(out.seen().dns, check);
  const auto& outcome = check.outcome();
  for (const auto& found : outcome.names) {
    if (found.domain == request.subject.domain ||
        (outcome.policy_record && found.domain == outcome.policy_record->domain)) {
      find_record_faults(out, found);
    }
  }
  if (outcome.reason == DmarcReason::dns_failure) {
    std::string detail = "-";
    for (const auto& found : outcome.names) {
      if (found.status != dns::Status::ok && found.status != dns::Status::no_data &&
          found.status != dns::Status::no_domain) {
        detail = fmt::format("_dmarc.{} TXT: {}", found.domain, dns::to_string(found.status));
      }
    }
    out.add({.id = Id::dmarc_unknown, .about = {}, .args = {{"detail", detail}}, .evidence = {}, .advice = {}});
    return;
  }
  if (!outcome.policy_record || !outcome.policy_record->record || outcome.reason == DmarcReason::unusable_record) {
    const bool told = std::ranges::any_of(outcome.names, [](const auto& f) { return f.records.size() > 1; });
    if (!told && outcome.reason != DmarcReason::unusable_record) {
      out.add({.id = Id::dmarc_missing,
               .about = {},
               .args = {},
               .evidence = {},
               .advice = {{Advice::Kind::publish, dmarc_advice(out.seen())}}});
    }
    return;
  }
  const auto& found = *outcome.policy_record;
  const auto& record = *found.record;
  const std::vector<std::string> evidence = {txt_line("_dmarc." + found.domain, record.raw)};
  const auto add = [&](Id id, i18n::Args args, std::vector<Advice> advice = {}) {
    out.add({.id = id, .about = {}, .args = std::move(args), .evidence = evidence, .advice = std::move(advice)});
  };
  if (found.domain != request.subject.domain) add(Id::dmarc_inherited, {{"domain", found.domain}});
  if (outcome.applied_policy == DmarcPolicy::none) {
    add(Id::dmarc_none, {},
        {{Advice::Kind::publish,
          txt_line("_dmarc." + request.subject.domain,
                   record.rua.empty() ? "v=DMARC1; p=quarantine"
                                      : fmt::format("v=DMARC1; p=quarantine; rua={}", record.rua.front().raw))}});
  } else {
    add(Id::dmarc_ok, {{"policy", std::string(to_string(outcome.applied_policy))}});
  }
  if (record.rua.empty()) add(Id::dmarc_no_reports, {});
}

void find_bimi(Findings& out) {
  if (!out.wants(Part::bimi)) return;
  const auto name = bimi_name(out.seen().request);
  const auto* answer = out.seen().dns.find(name, dns::Type::txt);
  if (answer == nullptr || mailauth::bimi_records(*answer).empty()) return;
  out.add({.id = Id::bimi_found, .about = {}, .args = {}, .evidence = record_lines(name, *answer), .advice = {}});
}

}  // namespace postil::diagnose
