// DKIM keys [rfc6376], the DMARC policy [rfc9989], and whether there is a BIMI record.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"
#include "dns/texts.hpp"
#include "mailauth/bimi_record.hpp"
#include "mailauth/dkim_key.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using mailauth::DkimKeyError;
using mailauth::DmarcPolicy;
using mailauth::DmarcReason;

// What the signing server's own key is in DNS; nobody else has it.
std::vector<Advice> key_advice(const DkimKeyPlace& place) {
  return {{Advice::Kind::run, fmt::format("openssl pkey -in {}.pem -pubout -outform DER | openssl base64 -A",
                                          plain_name(place.selector, "KEY"))},
          {Advice::Kind::publish, txt_line(place.name, "v=DKIM1; k=rsa; p=...")}};
}

// Quotation marks and white space that came in when a long key was pasted; "" when that is not the fault.
std::string mended_key(std::string text) {
  std::erase_if(text, [](char c) { return c == '"' || c == '\\' || is_control(c); });
  std::string type = "rsa", key;
  for (const auto& tag : mailauth::split_record_tags(text)) {
    if (tag.name == "k") type = to_lower(tag.value);
    if (tag.name == "p") key = tag.value;
  }
  std::erase(key, ' ');
  auto record = fmt::format("v=DKIM1; k={}; p={}", type, key);
  return mailauth::parse_dkim_key(record) ? record : std::string();
}

// False when there is no key at this place.
bool find_key(Findings& out, const DkimKeyPlace& place, const dns::Answer& answer, bool named) {
  const auto& domain = out.seen().request.subject.domain;
  Finding finding{.id = Id::dkim_ok,
                  .about = {place.selector},
                  .args = {},
                  .evidence = record_lines(place.name, answer),
                  .advice = {}};
  if (!answer.definite()) {
    if (!named) return false;
    finding.id = Id::dkim_unknown;
    finding.args = {{"detail", dns_trouble(answer)}};
    finding.phrases = {dns_phrase("detail", answer)};
    out.add(std::move(finding));
    return true;
  }
  const auto texts = dns::texts(answer, mailauth::looks_like_dkim_key);
  if (texts.empty()) {
    if (!named) return false;
    finding.id = Id::dkim_missing;
    finding.advice = key_advice(place);
    out.add(std::move(finding));
    return true;
  }
  const auto key = mailauth::parse_dkim_key(texts.front());
  if (!key) {
    const bool revoked = key.error().error == DkimKeyError::revoked;
    finding.id = revoked ? Id::dkim_revoked : Id::dkim_bad;
    if (!revoked) {
      const std::string problem(to_string(key.error().error));
      finding.args = {{"problem", problem}};
      finding.phrases = {{"problem", "dkim_key." + problem}};
      const auto mended = mended_key(texts.front());
      finding.advice = mended.empty() ? key_advice(place)
                                      : std::vector<Advice>{{Advice::Kind::publish, txt_line(place.name, mended)}};
    }
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
  if (small) {
    finding.id = Id::dkim_small;
    finding.advice = {{Advice::Kind::run, fmt::format("postil dkim new {}", domain)}};
  }
  out.add(std::move(finding));
  return true;
}

// A name below which everything has the same answer says nothing about selectors.
bool answers_everything(const DnsNotes& dns, const std::vector<DkimKeyPlace>& places) {
  return std::ranges::all_of(places, [&](const DkimKeyPlace& place) {
    const auto* answer = dns.find(place.name, dns::Type::txt);
    return answer != nullptr && !dns::texts(*answer, mailauth::looks_like_dkim_key).empty();
  });
}

std::string dmarc_advice(const Observations& seen) {
  const auto& domain = seen.request.subject.domain;
  if (!may_have_mail_host(seen)) return txt_line("_dmarc." + domain, "v=DMARC1; p=reject");
  return txt_line("_dmarc." + domain, fmt::format("v=DMARC1; p=none; rua=mailto:dmarc@{}", domain));
}

// The strictest of these records, with the tags that can be read and no others; "" when none can.
std::string dmarc_mended(const std::vector<std::string>& texts) {
  std::optional<mailauth::DmarcRecord> best;
  for (const auto& text : texts) {
    auto record = mailauth::parse_dmarc_record(text);
    if (!record.p && record.rua.empty()) continue;
    if (!best || record.policy() > best->policy()) best = std::move(record);
  }
  if (!best) return {};
  std::string out = fmt::format("v=DMARC1; p={}", to_string(best->policy()));
  if (best->sp) out += fmt::format("; sp={}", to_string(*best->sp));
  if (best->np) out += fmt::format("; np={}", to_string(*best->np));
  if (best->adkim == mailauth::DmarcAlignment::strict) out += "; adkim=s";
  if (best->aspf == mailauth::DmarcAlignment::strict) out += "; aspf=s";
  if (best->psd != mailauth::DmarcPsd::unknown) out += best->psd == mailauth::DmarcPsd::yes ? "; psd=y" : "; psd=n";
  if (best->testing) out += "; t=y";
  const auto reports = [&out](std::string_view tag, const std::vector<mailauth::ReportUri>& uris) {
    std::vector<std::string> raw;
    for (const auto& uri : uris) raw.push_back(uri.raw);
    if (!raw.empty()) out += fmt::format("; {}={}", tag, fmt::join(raw, ","));
  };
  reports("rua", best->rua);
  reports("ruf", best->ruf);
  if (!best->ruf.empty() && best->failure_options != "0") {
    std::string options;
    for (const char c : best->failure_options) options += fmt::format("{}{}", options.empty() ? "" : ":", c);
    out += "; fo=" + options;
  }
  return out;
}

void find_record_faults(Findings& out, const mailauth::DmarcFound& found) {
  const std::string name = "_dmarc." + found.domain;
  std::vector<std::string> evidence;
  for (const auto& record : found.records) evidence.push_back(txt_line(name, record));
  for (const auto& record : found.lookalikes) evidence.push_back(txt_line(name, record));
  auto texts = found.records;
  for (const auto& text : found.lookalikes) texts.push_back(text);
  const std::string sound = dmarc_mended(texts);
  const std::vector<Advice> advice = {
      {Advice::Kind::publish, sound.empty() ? dmarc_advice(out.seen()) : txt_line(name, sound)}};
  const auto add = [&](Id id, i18n::Args args, std::vector<Phrase> phrases) {
    out.add({.id = id,
             .about = {},
             .args = std::move(args),
             .evidence = evidence,
             .advice = advice,
             .phrases = std::move(phrases)});
  };
  if (found.records.size() > 1) add(Id::dmarc_several, {}, {});
  for (const auto& text : found.lookalikes) {
    const auto piece = printable(text, 80);
    add(Id::dmarc_bad, {{"problem", piece}}, {{"problem", "dmarc.lookalike", piece}});
  }
  if (!found.record) return;
  for (const auto& error : found.record->errors) {
    const auto piece = printable(found.record->text(error.where), 60);
    const std::string problem(to_string(error.problem));
    add(Id::dmarc_bad, {{"problem", fmt::format("{} ({})", piece, problem)}}, {{"problem", "dmarc." + problem, piece}});
  }
}

// [rfc9990 4]: reports go to another organization only where that says so.
void find_reports(Findings& out, const mailauth::DmarcFound& found) {
  auto check = report_check(found);
  answer_from(out.seen().dns, check);
  for (const auto& to : check.destinations()) {
    using Verdict = mailauth::DmarcDestination::Verdict;
    if (to.verdict == Verdict::internal) continue;
    Finding finding{.id = Id::dmarc_reports_foreign,
                    .about = {},
                    .args = {{"address", printable(to.uri.raw, 100)}, {"domain", printable(to.uri.host, 253)}},
                    .evidence = {},
                    .advice = {}};
    if (to.verdict == Verdict::unknown) {
      finding.id = Id::dmarc_reports_unknown;
    } else if (to.verdict == Verdict::unsupported) {
      finding.id = Id::dmarc_bad;
      finding.args = {{"problem", printable(to.uri.raw, 60)}};
      finding.phrases = {{"problem", "dmarc.uri_unsupported", printable(to.uri.raw, 60)}};
      finding.advice = {{Advice::Kind::publish, dmarc_advice(out.seen())}};
    } else if (to.verdict == Verdict::refused) {
      finding.id = Id::dmarc_reports_refused;
      finding.advice = {{Advice::Kind::publish, txt_line(to.asked, "v=DMARC1;")}};
    }
    out.add(std::move(finding));
  }
}

// What the record says of itself, beside its policy.
void find_remarks(Findings& out, const mailauth::DmarcFound& found, const mailauth::DmarcOutcome& outcome) {
  const auto& record = *found.record;
  const std::vector<std::string> evidence = {txt_line("_dmarc." + found.domain, record.raw)};
  if (record.testing && outcome.policy != DmarcPolicy::none) {
    out.add({.id = Id::dmarc_testing,
             .about = {},
             .args = {{"policy", std::string(to_string(outcome.policy))},
                      {"applied", std::string(to_string(outcome.applied_policy))}},
             .evidence = evidence,
             .advice = {}});
  }
  std::vector<std::string> removed;
  for (const auto& one : record.remarks) {
    if (one.remark == mailauth::DmarcRemark::removed_tag) removed.push_back(printable(record.text(one.where), 60));
  }
  if (removed.empty()) return;
  Finding obsolete{.id = Id::dmarc_obsolete,
                   .about = {},
                   .args = {},
                   .evidence = evidence,
                   .advice = {{Advice::Kind::publish, txt_line("_dmarc." + found.domain, dmarc_mended({record.raw}))}}};
  obsolete.add_list("tags", removed);
  out.add(std::move(obsolete));
}

// No DMARC record counts for the domain.
void find_no_policy(Findings& out, const mailauth::DmarcOutcome& outcome) {
  const bool told = std::ranges::any_of(outcome.names, [&](const auto& found) {
    const bool own = found.domain == out.seen().request.subject.domain;
    return found.records.size() > 1 || (own && !found.lookalikes.empty());
  });
  if (told || outcome.reason == DmarcReason::unusable_record) return;
  out.add({.id = Id::dmarc_missing,
           .about = {},
           .args = {},
           .evidence = {},
           .advice = {{Advice::Kind::publish, dmarc_advice(out.seen())}}});
}

// Which tag it is that asks for nothing: "sp=none", "t=y".
std::string asks_for_nothing(const mailauth::DmarcOutcome& outcome) {
  return outcome.policy == DmarcPolicy::none ? outcome.policy_tag + "=none" : "t=y";
}

}  // namespace

void find_dkim(Findings& out) {
  const auto& request = out.seen().request;
  if (!out.wants(Part::dkim) || request.subject.kind == SubjectKind::ip) return;
  const bool named = !request.selectors.empty();
  const auto places = dkim_places(request, out.seen().time);
  bool any = false;
  if (named || !answers_everything(out.seen().dns, places)) {
    for (const auto& place : places) {
      const auto* answer = out.seen().dns.find(place.name, dns::Type::txt);
      if (answer == nullptr) continue;
      const bool found = find_key(out, place, *answer, named);
      any = any || found;
    }
  }
  if (any || named || !takes_mail(out.seen())) return;
  for (const auto& place : places) {
    const auto* answer = out.seen().dns.find(place.name, dns::Type::txt);
    if (answer == nullptr || answer->definite()) continue;
    out.add({.id = Id::dkim_unknown,
             .about = {},
             .args = {{"detail", dns_trouble(*answer)}},
             .evidence = {},
             .advice = {},
             .phrases = {dns_phrase("detail", *answer)}});
    return;
  }
  out.add({.id = Id::dkim_not_found, .about = {}, .args = {}, .evidence = {}, .advice = {}});
}

void find_dmarc(Findings& out) {
  const auto& request = out.seen().request;
  if (!out.wants(Part::dmarc) || request.subject.kind == SubjectKind::ip) return;
  auto check = dmarc_check(request);
  answer_from(out.seen().dns, check);
  const auto& outcome = check.outcome();
  // Of a name that does not exist only what stands above it counts, by its tag np [rfc9989 4.7].
  if (!domain_exists(out.seen()) && !(outcome.policy_record && outcome.policy_record->record)) return;
  for (const auto& found : outcome.names) {
    if (found.domain == request.subject.domain ||
        (outcome.policy_record && found.domain == outcome.policy_record->domain)) {
      find_record_faults(out, found);
    }
  }
  if (outcome.reason == DmarcReason::dns_failure) {
    Finding unknown{.id = Id::dmarc_unknown, .about = {}, .args = {{"detail", "-"}}, .evidence = {}, .advice = {}};
    for (const auto& found : outcome.names) {
      if (found.status == dns::Status::ok || found.status == dns::Status::no_data ||
          found.status == dns::Status::no_domain) {
        continue;
      }
      const std::string status(dns::to_string(found.status));
      unknown.args = {{"detail", fmt::format("_dmarc.{} TXT: {}", found.domain, status)}};
      unknown.phrases = {{"detail", "dns." + status, fmt::format("_dmarc.{} TXT", found.domain)}};
    }
    out.add(std::move(unknown));
    return;
  }
  if (!outcome.policy_record || !outcome.policy_record->record || outcome.reason == DmarcReason::unusable_record) {
    return find_no_policy(out, outcome);
  }
  const auto& found = *outcome.policy_record;
  const auto& record = *found.record;
  const std::vector<std::string> evidence = {txt_line("_dmarc." + found.domain, record.raw)};
  const auto add = [&](Id id, i18n::Args args, std::vector<Advice> advice = {}) {
    out.add({.id = id, .about = {}, .args = std::move(args), .evidence = evidence, .advice = std::move(advice)});
  };
  if (found.domain != request.subject.domain) add(Id::dmarc_inherited, {{"domain", found.domain}});
  if (outcome.applied_policy == DmarcPolicy::none) {
    add(Id::dmarc_none, {{"tag", asks_for_nothing(outcome)}},
        {{Advice::Kind::publish,
          txt_line("_dmarc." + request.subject.domain,
                   record.rua.empty() ? "v=DMARC1; p=quarantine"
                                      : fmt::format("v=DMARC1; p=quarantine; rua={}", record.rua.front().raw))}});
  } else {
    add(Id::dmarc_ok, {{"policy", std::string(to_string(outcome.applied_policy))}});
  }
  if (record.rua.empty()) add(Id::dmarc_no_reports, {});
  find_remarks(out, found, outcome);
  find_reports(out, found);
}

void find_bimi(Findings& out) {
  if (!out.wants(Part::bimi)) return;
  const auto name = bimi_name(out.seen().request);
  const auto* answer = out.seen().dns.find(name, dns::Type::txt);
  if (answer == nullptr) return;
  Finding finding{.id = Id::bimi_found, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  if (!answer->definite()) {
    finding.id = Id::bimi_unknown;
    finding.args = {{"detail", dns_trouble(*answer)}};
    finding.phrases = {dns_phrase("detail", *answer)};
  } else if (mailauth::bimi_records(*answer).empty()) {
    if (!takes_mail(out.seen())) return;
    finding.id = Id::bimi_none;
  } else {
    finding.evidence = record_lines(name, *answer);
  }
  out.add(std::move(finding));
}

}  // namespace postil::diagnose
