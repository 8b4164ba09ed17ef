// TLS of the hosts, and their certificates. Between mail servers TLS is opportunistic: a certificate that proves
// nothing is a warning, none at all is a failure [rfc7435] [rfc8461 2].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "crypto/certificate.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/findings_certificate.hpp"
#include "smtp/client_extensions.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;

constexpr std::size_t names_shown_max = 5;  // of a certificate, in a sentence

Finding about(Id id, const Connection& connection) {
  return {.id = id, .about = {where(connection)}, .args = {}, .evidence = {}, .advice = {}};
}

void find_handshake(Findings& out, const Connection& c) {
  if (c.tls) {
    auto good = about(Id::tls_ok, c);
    good.args = {{"version", c.tls->version}, {"cipher", c.tls->cipher}};
    out.add(std::move(good));
    constexpr CertificateIds ids{Id::cert_ok,      Id::cert_name,    Id::cert_chain, Id::cert_self_signed,
                                 Id::cert_expired, Id::cert_not_yet, Id::cert_soon,  Id::cert_weak};
    find_certificate(out, c, ids);
    return;
  }
  if (c.broken && c.broken->stage == "tls") {
    auto failed = about(Id::tls_failed, c);
    failed.args = {{"detail", c.broken->detail.empty() ? c.broken->how : c.broken->detail}};
    failed.phrases = {break_phrase("detail", *c.broken)};
    if (c.starttls) failed.evidence = {said(*c.starttls)};
    out.add(std::move(failed));
    return;
  }
  if (c.starttls && c.starttls->code != 220) {
    auto refused = about(Id::tls_refused, c);
    refused.args = {{"reply", said(*c.starttls).substr(3)}};
    refused.evidence = {said(*c.starttls)};
    out.add(std::move(refused));
    return;
  }
  const bool answered = c.ehlo && c.ehlo->code / 100 == 2;
  if (answered && !smtp::parse_extensions(*c.ehlo).starttls) {
    out.add(about(Id::tls_not_offered, c));
    return;
  }
  out.add(about(Id::tls_untested, c));
}

// The further connections of --tls-versions, by address.
void find_versions(Findings& out) {
  struct Of {
    const Connection* first = nullptr;
    std::vector<std::string> spoken;
  };
  std::map<std::string, Of> hosts;
  for (const auto& c : out.seen().connections) {
    if (c.purpose != Purpose::tls_version) continue;
    auto& of = hosts[where(c)];
    if (of.first == nullptr) of.first = &c;
    if (c.tls) of.spoken.push_back(c.version);
  }
  for (auto& [name, of] : hosts) {
    if (of.spoken.empty()) continue;
    std::ranges::sort(of.spoken);
    const auto add = [&](Id id, const std::vector<std::string>& versions) {
      auto finding = about(id, *of.first);
      finding.add_list("versions", versions);
      out.add(std::move(finding));
    };
    add(Id::tls_versions, of.spoken);
    std::vector<std::string> old;
    for (const auto& version : of.spoken) {
      if (version == "TLSv1" || version == "TLSv1.1") old.push_back(version);  // [rfc8996]
    }
    if (old.size() == of.spoken.size()) {
      add(Id::tls_only_old, old);
    } else if (!old.empty()) {
      add(Id::tls_old_version, old);
    }
  }
}

}  // namespace

bool weak(const crypto::CertificateFacts& facts) {
  return (facts.key == "RSA" && facts.key_bits < 2048) || (facts.key == "EC" && facts.key_bits < 224) ||
         facts.digest == "MD5" || (facts.digest == "SHA1" && !facts.self_signed);
}

void find_certificate(Findings& out, const Connection& c, const CertificateIds& ids) {
  const auto& chain = c.tls->chain;
  const auto facts = chain.empty() ? std::nullopt : crypto::read_certificate(chain.front());
  if (!facts) return;
  const auto names = fmt::format("{}", fmt::join(facts->names, ", "));
  std::vector<std::string> evidence = {
      fmt::format("subject {}  issuer {}", facts->subject, facts->issuer),
      fmt::format("names {}", names.empty() ? "-" : names.substr(0, 400)),
      fmt::format("valid {} to {}  key {} {}  certificates sent {}", day(facts->not_before), day(facts->not_after),
                  facts->key, facts->key_bits, chain.size())};
  bool good = true;
  const auto told = [&](Finding finding) {
    finding.evidence = evidence;
    if (finding.id != ids.soon) good = false;
    out.add(std::move(finding));
  };
  const auto add = [&](Id id, i18n::Args args) {
    auto finding = about(id, c);
    finding.args = std::move(args);
    told(std::move(finding));
  };
  const auto now = out.seen().time;
  const std::string host = c.host.empty() ? c.address : c.host;
  // Mail servers come by a name, which nobody told when an address was asked for.
  const bool nameless = c.host.empty() && c.purpose == Purpose::mail;
  if (!nameless && !crypto::certificate_is_for(chain.front(), host)) {
    auto other = about(ids.name, c);
    other.args = {{"host", host}};
    auto shown = facts->names.empty() ? std::vector<std::string>{"-"} : facts->names;
    if (shown.size() > names_shown_max) shown[names_shown_max] = "...";
    shown.resize(std::min(shown.size(), names_shown_max + 1));
    other.add_list("names", shown);
    told(std::move(other));
  }
  const bool expired = facts->not_after < now;
  const bool not_yet = facts->not_before > now;
  if (expired) add(ids.expired, {{"day", day(facts->not_after)}});
  if (not_yet) add(ids.not_yet, {{"day", day(facts->not_before)}});
  // One that is trusted here by itself is as good as any.
  const auto& error = c.tls->chain_error;
  const bool dates =
      (expired && error == "certificate has expired") || (not_yet && error == "certificate is not yet valid");
  if (!error.empty() && !dates) {
    auto untrusted = about(facts->self_signed && chain.size() == 1 ? ids.self_signed : ids.chain, c);
    untrusted.args = {{"detail", error}};
    untrusted.phrases = chain_phrases("detail", error);
    told(std::move(untrusted));
  }
  if (weak(*facts)) {
    add(ids.weak, {{"key", fmt::format("{} {}", facts->key, facts->key_bits)}, {"digest", facts->digest}});
  }
  if (!expired && facts->not_after < now + days(14)) add(ids.soon, {{"day", day(facts->not_after)}});
  if (good) {
    auto fine = about(ids.ok, c);
    fine.args = {{"day", day(facts->not_after)}, {"issuer", facts->issuer}};
    fine.evidence = std::move(evidence);
    out.add(std::move(fine));
  }
}

void find_tls(Findings& out) {
  if (!out.wants(Part::tls)) return;
  for (const auto& c : out.seen().connections) {
    if (c.purpose == Purpose::mail) find_handshake(out, c);
  }
  find_versions(out);
}

}  // namespace postil::diagnose
