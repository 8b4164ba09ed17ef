// What tells senders that TLS is to be used: DANE [rfc7672], MTA-STS [rfc8461], and reports about it [rfc8460].
#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "crypto/certificate.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"
#include "dns/texts.hpp"
#include "mailauth/tls_rpt_record.hpp"
#include "transport/dane.hpp"
#include "transport/sts_policy.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using transport::DaneResult;

// ---- DANE ----

std::string tlsa_octets(const dns::Tlsa& record, const std::string& der) {
  return crypto::tlsa_octets(der, record.selector, record.matching);
}

// [rfc7671 5.1] [rfc7671 5.2]: the server's own certificate, whatever its name and dates; or one above it to which it
// leads, and the name.
bool matches(const dns::Tlsa& record, const Connection& c, const std::vector<std::string>& names, WallTime time) {
  const auto& chain = c.tls->chain;
  if (chain.empty()) return false;
  if (tlsa_octets(record, chain.front()).empty()) return false;
  if (record.usage == 3) return tlsa_octets(record, chain.front()) == record.data;
  std::vector<std::string> anchors;
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (tlsa_octets(record, chain[i]) == record.data) anchors.push_back(chain[i]);
  }
  if (record.selector == 0 && record.matching == 0) anchors.push_back(record.data);  // it need not be sent
  const bool above = std::ranges::any_of(
      anchors, [&](const std::string& anchor) { return crypto::certificate_leads_to(chain, anchor, time); });
  const bool named = std::ranges::any_of(
      names, [&](const std::string& name) { return crypto::certificate_is_for(chain.front(), name); });
  return above && named;
}

std::string tlsa_advice(const Connection& c) {
  const dns::Tlsa record{3, 1, 1, crypto::tlsa_octets(c.tls->chain.front(), 1, 1)};
  return record_line(fmt::format("_{}._tcp.{}", c.port, c.host), "TLSA", transport::to_text(record));
}

DaneResult dane_of(const DnsNotes& dns, const std::string& host, std::uint16_t port) {
  const auto* v6 = dns.find(host, dns::Type::aaaa);
  const auto* v4 = dns.find(host, dns::Type::a);
  dns::Answer none;
  transport::DaneLookup lookup(host, port, v6 != nullptr ? *v6 : none, v4 != nullptr ? *v4 : none);
  while (const auto question = lookup.next()) {
    const auto* answer = dns.find(question->name, question->type);
    lookup.answer(answer != nullptr ? *answer : none);
  }
  return lookup.result();
}

std::vector<std::string> tlsa_lines(const DaneResult& dane, std::uint16_t port) {
  std::vector<std::string> out;
  const std::string name = fmt::format("_{}._tcp.{}", port, dane.base);
  for (const auto& record : dane.records.usable) out.push_back(record_line(name, "TLSA", transport::to_text(record)));
  for (const auto& one : dane.records.unusable) {
    out.push_back(record_line(name, "TLSA", transport::to_text(one.record)));
  }
  return out;
}

void find_dane_at(Findings& out, const Connection& c, const DaneResult& dane) {
  const auto& domain = out.seen().request.subject.domain;
  Finding finding{
      .id = Id::dane_ok, .about = {where(c)}, .args = {}, .evidence = tlsa_lines(dane, c.port), .advice = {}};
  const bool certificate = c.tls && !c.tls->chain.empty();
  using Why = DaneResult::Why;
  if (dane.kind == DaneResult::Kind::trouble) {
    finding.id = Id::dane_untested;
    finding.args = {{"detail", fmt::format("{} TLSA: {}", dane.question, dns::to_string(dane.failed))}};
    finding.phrases = {{"detail", fmt::format("dns.{}", dns::to_string(dane.failed)), dane.question + " TLSA"}};
  } else if (dane.kind == DaneResult::Kind::none) {
    finding.id = dane.why == Why::no_records         ? Id::dane_none
                 : dane.why == Why::insecure_records ? Id::dane_insecure
                                                     : Id::dane_unsigned;
    if (finding.id == Id::dane_none && certificate) finding.advice = {{Advice::Kind::publish, tlsa_advice(c)}};
  } else if (!certificate) {
    finding.id = Id::dane_untested;
    finding.args = {{"detail", c.broken ? c.broken->stage + ": " + c.broken->how : "-"}};
    finding.phrases = {c.broken ? break_phrase("detail", *c.broken) : Phrase{"detail", "no_tls"}};
  } else if (dane.kind == DaneResult::Kind::encrypt) {
    finding.id = Id::dane_unusable;
    const auto& unusable = dane.records.unusable;
    if (unusable.empty()) return;
    const std::string fault(to_string(unusable.front().fault));
    finding.args = {{"fault", fault}};
    finding.phrases = {{"fault", "tlsa." + fault}};
    finding.advice = {{Advice::Kind::publish, tlsa_advice(c)}};
  } else {
    const auto names = transport::dane_reference_names(dane.base, domain, domain);
    const bool good = std::ranges::any_of(
        dane.records.usable, [&](const dns::Tlsa& record) { return matches(record, c, names, out.seen().time); });
    if (!good) {
      finding.id = Id::dane_mismatch;
      finding.advice = {{Advice::Kind::publish, tlsa_advice(c)}};
    }
  }
  out.add(std::move(finding));
}

// ---- MTA-STS ----

// The file where senders look for it; a new text needs a new id.
std::vector<Advice> policy_advice(const Observations& seen) {
  const auto& domain = seen.request.subject.domain;
  return {{Advice::Kind::publish,
           fmt::format("https://{}{}", transport::sts_policy_host(domain), transport::sts_policy_path)},
          {Advice::Kind::publish, sts_policy_file(seen)}};
}

Advice record_advice(const Observations& seen) {
  auto id = day(seen.time);
  std::erase(id, '-');
  return {Advice::Kind::publish,
          txt_line(transport::sts_record_name(seen.request.subject.domain), fmt::format("v=STSv1; id={}01", id))};
}

const Fetch* policy_fetch(const Observations& seen) {
  const std::string host = transport::sts_policy_host(seen.request.subject.domain);
  const auto at =
      std::ranges::find_if(seen.fetches, [&](const Fetch& f) { return f.url.find("//" + host) != std::string::npos; });
  return at == seen.fetches.end() ? nullptr : &*at;
}

bool verified(const Connection& c, WallTime now) {
  if (!c.tls || c.tls->chain.empty() || !c.tls->chain_error.empty()) return false;
  const auto facts = crypto::read_certificate(c.tls->chain.front());
  return facts && facts->not_after >= now && crypto::certificate_is_for(c.tls->chain.front(), c.host);
}

// In force it is a failure; while it is tested, it would be one.
void find_hosts_under(Findings& out, const transport::StsPolicy& policy, const std::vector<std::string>& evidence) {
  const auto& seen = out.seen();
  const bool in_force = policy.mode == transport::StsMode::enforce;
  for (const auto& host : target_hosts(seen)) {
    if (transport::sts_allows(policy, host.name)) continue;
    out.add({.id = in_force ? Id::sts_mx : Id::sts_would_fail,
             .about = {host.name},
             .args = {},
             .evidence = evidence,
             .advice = {{Advice::Kind::configure, "mx: " + host.name}}});
  }
  for (const auto& c : seen.connections) {
    if (c.purpose != Purpose::mail || (!c.ehlo && !c.greeting)) continue;
    if (!verified(c, seen.time)) {
      out.add({.id = in_force ? Id::sts_certificate : Id::sts_would_fail,
               .about = {where(c)},
               .args = {},
               .evidence = {},
               .advice = {}});
    }
  }
}

// "timed_out: ..." is how the fetch reports what kept it from an answer.
std::vector<Phrase> fetch_phrases(const Fetch& fetch) {
  if (fetch.status != 0) return {};
  const auto colon = fetch.error.find(':');
  const std::string_view word = std::string_view(fetch.error).substr(0, colon);
  constexpr std::string_view known[] = {"no_address", "connect",   "timed_out", "certificate",
                                        "tls",        "too_large", "protocol",  "unavailable"};
  if (std::ranges::find(known, word) == std::end(known)) return {};
  constexpr std::string_view plain[] = {"no_address", "timed_out", "certificate", "tls"};  // what is behind is evidence
  const bool whole = colon == std::string::npos || std::ranges::find(plain, word) != std::end(plain);
  const auto rest = whole ? std::string() : fetch.error.substr(colon + 1);
  return {{"detail", fmt::format("https.{}", word), printable(trim(rest), 200)}};
}

void find_policy(Findings& out, const Fetch& fetch, const std::vector<std::string>& record) {
  auto evidence = record;
  evidence.push_back(fetch.url);
  const auto add = [&](Id id, i18n::Args args, std::vector<Advice> advice = {}, std::vector<Phrase> phrases = {}) {
    out.add({.id = id,
             .about = {},
             .args = std::move(args),
             .evidence = evidence,
             .advice = std::move(advice),
             .phrases = std::move(phrases)});
  };
  if (fetch.status != 200 || !transport::sts_media_type(fetch.content_type)) {
    if (!fetch.error.empty()) evidence.push_back(printable(fetch.error, 300));
    add(Id::sts_policy_missing,
        {{"detail", fetch.status == 0 ? printable(fetch.error, 200)
                                      : fmt::format("HTTP {}{}{}", fetch.status, fetch.content_type.empty() ? "" : ", ",
                                                    printable(fetch.content_type, 100))}},
        policy_advice(out.seen()), fetch_phrases(fetch));
    return;
  }
  for (const auto line : split(std::string_view(fetch.body).substr(0, 4000), '\n')) {
    const auto text = printable(trim(line.substr(0, line.find('\r'))), 200);
    if (!text.empty()) evidence.push_back(text);
  }
  const auto parsed = transport::parse_sts_policy(fetch.body);
  for (const auto& fault : parsed.faults) {
    if (!fault.fatal) continue;
    const std::string kind(to_string(fault.kind));
    const auto text = printable(fault.text, 80);
    add(Id::sts_policy_bad, {{"line", fmt::to_string(fault.line)}, {"fault", fmt::format("{} {}", kind, text)}},
        policy_advice(out.seen()), {{"fault", "sts." + kind, text}});
  }
  if (!parsed.policy) return;
  const auto& policy = *parsed.policy;
  if (policy.mode == transport::StsMode::none) {
    add(Id::sts_off, {});
    return;
  }
  add(policy.mode == transport::StsMode::testing ? Id::sts_testing : Id::sts_ok,
      {{"mode", std::string(to_string(policy.mode))}, {"seconds", fmt::to_string(policy.max_age_seconds)}});
  find_hosts_under(out, policy, evidence);
}

}  // namespace

std::string sts_policy_file(const Observations& seen) {
  std::string out = "version: STSv1\nmode: testing\n";
  for (const auto& host : target_hosts(seen)) out += fmt::format("mx: {}\n", host.name);
  return out + "max_age: 604800";
}

void find_dane(Findings& out) {
  const auto& seen = out.seen();
  if (!out.wants(Part::dane) || seen.request.subject.kind == SubjectKind::ip) return;
  const auto* mx = seen.dns.find(seen.request.subject.domain, dns::Type::mx);
  const bool mx_signed = mx == nullptr || mx->secure;  // of a host alone nothing was asked
  for (const auto& c : seen.connections) {
    if (c.purpose != Purpose::mail || c.host.empty()) continue;
    if (!mx_signed) {
      out.add({.id = Id::dane_unsigned, .about = {}, .args = {}, .evidence = {}, .advice = {}});
      return;
    }
    find_dane_at(out, c, dane_of(seen.dns, c.host, c.port));
  }
}

void find_sts(Findings& out) {
  const auto& seen = out.seen();
  const auto& domain = seen.request.subject.domain;
  const std::string name = transport::sts_record_name(domain);
  const auto* answer = out.wants(Part::mta_sts) ? seen.dns.find(name, dns::Type::txt) : nullptr;
  if (answer == nullptr) return;
  if (!answer->definite()) {
    out.add({.id = Id::sts_untested,
             .about = {},
             .args = {{"detail", dns_trouble(*answer)}},
             .evidence = {},
             .advice = {},
             .phrases = {dns_phrase("detail", *answer)}});
    return;
  }
  const auto parsed = transport::parse_sts_records(answer->records);
  if (!parsed.present) {
    if (!may_have_mail_host(seen)) return;
    auto advice = policy_advice(seen);
    advice.insert(advice.begin(), record_advice(seen));
    out.add({.id = Id::sts_none, .about = {}, .args = {}, .evidence = {}, .advice = std::move(advice)});
    return;
  }
  const auto record = record_lines(name, *answer);
  if (!parsed.record) {
    const auto at = std::ranges::find_if(parsed.faults, &transport::StsFault::fatal);
    const std::string fault(to_string(at == parsed.faults.end() ? transport::StsFaultKind::bad_field : at->kind));
    out.add({.id = Id::sts_record_bad,
             .about = {},
             .args = {{"fault", fault}},
             .evidence = record,
             .advice = {record_advice(seen)},
             .phrases = {{"fault", "sts." + fault}}});
    return;
  }
  if (const auto* fetch = policy_fetch(seen)) {
    find_policy(out, *fetch, record);
  } else {
    out.add({.id = Id::sts_untested,
             .about = {},
             .args = {{"detail", "-"}},
             .evidence = record,
             .advice = {},
             .phrases = {{"detail", "not_fetched"}}});
  }
}

void find_tls_rpt(Findings& out) {
  const auto& seen = out.seen();
  const std::string name = tls_rpt_name(seen.request);
  const auto* answer = out.wants(Part::tls_rpt) ? seen.dns.find(name, dns::Type::txt) : nullptr;
  if (answer == nullptr) return;
  if (!answer->definite()) {
    out.add({.id = Id::tlsrpt_unknown,
             .about = {},
             .args = {{"detail", dns_trouble(*answer)}},
             .evidence = {},
             .advice = {},
             .phrases = {dns_phrase("detail", *answer)}});
    return;
  }
  const auto records = mailauth::tls_rpt_records(*answer);
  const auto lines = record_lines(name, *answer);
  const Advice advice{Advice::Kind::publish,
                      txt_line(name, "v=TLSRPTv1; rua=mailto:tls-reports@" + seen.request.subject.domain)};
  const bool meant = !dns::texts(*answer, mailauth::resembles_tls_rpt_record).empty();
  if (records.empty() && !meant) {
    if (!may_have_mail_host(seen)) return;
    out.add({.id = Id::tlsrpt_none, .about = {}, .args = {}, .evidence = {}, .advice = {advice}});
    return;
  }
  if (records.size() == 1) {
    const auto record = mailauth::parse_tls_rpt_record(records.front());
    if (record.usable()) {
      std::vector<std::string> to;
      for (const auto& uri : record.rua) to.push_back(printable(uri.raw, 100));
      Finding good{.id = Id::tlsrpt_ok, .about = {}, .args = {}, .evidence = lines, .advice = {}};
      good.add_list("to", to);
      out.add(std::move(good));
      return;
    }
  }
  out.add({.id = Id::tlsrpt_bad, .about = {}, .args = {}, .evidence = lines, .advice = {advice}});
}

}  // namespace postil::diagnose
