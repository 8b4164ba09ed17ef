// A domain that takes and sends no mail: does it say so? [rfc7505] [rfc7504]
#include <fmt/format.h>

#include <algorithm>

#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"
#include "dns/mx.hpp"
#include "mailauth/spf_record.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

// False: nothing definite was said, and that is told.
bool sure(Findings& out, const std::string& name, dns::Type type, const dns::Answer& answer) {
  if (answer.definite()) return true;
  out.add({.id = Id::parked_unknown,
           .about = {},
           .args = {{"question", fmt::format("{} {}", name, dns::to_string(type))}, {"detail", dns_trouble(answer)}},
           .evidence = {},
           .advice = {},
           .phrases = {dns_phrase("detail", answer)}});
  return false;
}

void find_mx_of_parked(Findings& out, const std::string& domain) {
  const auto* answer = out.seen().dns.find(domain, dns::Type::mx);
  if (answer == nullptr || !sure(out, domain, dns::Type::mx, *answer)) return;
  const bool null = dns::classify_mx(*answer).kind == dns::MxSet::Kind::null_mx;
  out.add({.id = null ? Id::parked_mx_ok : Id::parked_mx_missing,
           .about = {},
           .args = {},
           .evidence = record_lines(domain, *answer),
           .advice = null ? std::vector<Advice>{}
                          : std::vector<Advice>{{Advice::Kind::publish, record_line(domain, "MX", "0 .")}}});
}

void find_hosts_of_parked(Findings& out) {
  bool any = false;
  for (const auto& c : out.seen().connections) {
    if (c.purpose != Purpose::mail) continue;
    any = true;
    Finding finding{.id = Id::parked_host_silent, .about = {where(c)}, .args = {}, .evidence = {}, .advice = {}};
    if (c.greeting) {
      finding.id = c.greeting->code == 521 ? Id::parked_host_521 : Id::parked_host_open;
      finding.args = {{"reply", said(*c.greeting).substr(3)}};
      finding.evidence = {said(*c.greeting)};
      if (finding.id == Id::parked_host_open) {
        finding.advice = {{Advice::Kind::configure, "job = \"null\""},
                          {Advice::Kind::run, "postil config example null"}};
      }
    }
    out.add(std::move(finding));
  }
  if (any) return;
  Finding none{.id = Id::parked_host_none, .about = {}, .args = {}, .evidence = {}, .advice = {}};
  if (const auto doubt = doubt_about_hosts(out.seen())) {
    none.id = Id::parked_unknown;
    none.args = {{"question", doubt->question}, {"detail", doubt->detail}};
    none.phrases = {doubt->phrase};
  }
  out.add(std::move(none));
}

void find_spf_of_parked(Findings& out, const std::string& domain) {
  const auto* answer = out.seen().dns.find(domain, dns::Type::txt);
  if (answer == nullptr || !sure(out, domain, dns::Type::txt, *answer)) return;
  const auto records = mailauth::spf_records(*answer);
  bool good = false;
  if (records.size() == 1) {
    const auto record = mailauth::parse_spf_record(records.front());
    good = record.valid() && record.mechanisms.size() == 1 &&
           record.mechanisms.front().kind == mailauth::SpfMechanismKind::all &&
           record.mechanisms.front().qualifier == '-';
  }
  std::vector<std::string> evidence;
  for (const auto& record : records) evidence.push_back(txt_line(domain, record));
  out.add({.id = good ? Id::parked_spf_ok : Id::parked_spf_missing,
           .about = {},
           .args = {},
           .evidence = std::move(evidence),
           .advice = good ? std::vector<Advice>{}
                          : std::vector<Advice>{{Advice::Kind::publish, txt_line(domain, "v=spf1 -all")}}});
}

void find_dmarc_of_parked(Findings& out, const std::string& domain) {
  auto check = dmarc_check(out.seen().request);
  answer_from(out.seen().dns, check);
  const auto& outcome = check.outcome();
  if (outcome.reason == mailauth::DmarcReason::dns_failure) {
    Finding unknown{.id = Id::parked_unknown,
                    .about = {},
                    .args = {{"question", "_dmarc." + domain + " TXT"}, {"detail", "-"}},
                    .evidence = {},
                    .advice = {},
                    .phrases = {{"detail", "dns.server_failure"}}};
    for (const auto& found : outcome.names) {
      const bool answered = found.status == dns::Status::ok || found.status == dns::Status::no_data ||
                            found.status == dns::Status::no_domain;
      if (!answered) unknown.phrases.front().key = fmt::format("dns.{}", dns::to_string(found.status));
    }
    out.add(std::move(unknown));
    return;
  }
  const bool good = outcome.policy_record && outcome.applied_policy == mailauth::DmarcPolicy::reject;
  std::vector<std::string> evidence;
  for (const auto& found : outcome.names) {
    for (const auto& record : found.records) evidence.push_back(txt_line("_dmarc." + found.domain, record));
  }
  out.add({.id = good ? Id::parked_dmarc_ok : Id::parked_dmarc_missing,
           .about = {},
           .args = {},
           .evidence = std::move(evidence),
           .advice = good ? std::vector<Advice>{}
                          : std::vector<Advice>{{Advice::Kind::publish,
                                                 txt_line("_dmarc." + domain, "v=DMARC1; p=reject; sp=reject")}}});
}

}  // namespace

void find_parked(Findings& out) {
  const auto& subject = out.seen().request.subject;
  if (!out.wants(Part::parked)) return;
  find_hosts_of_parked(out);
  if (subject.kind == SubjectKind::ip) return;
  find_mx_of_parked(out, subject.domain);
  find_spf_of_parked(out, subject.domain);
  find_dmarc_of_parked(out, subject.domain);
}

}  // namespace postil::diagnose
