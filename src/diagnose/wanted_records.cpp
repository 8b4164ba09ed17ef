#include "diagnose/wanted_records.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "crypto/certificate.hpp"
#include "dns/texts.hpp"
#include "mailauth/dkim_key.hpp"
#include "mailauth/dkim_tags.hpp"
#include "mailauth/dmarc_record.hpp"
#include "mailauth/spf_record.hpp"
#include "mailauth/tls_rpt_record.hpp"
#include "transport/sts_policy.hpp"
#include "transport/tlsa.hpp"

namespace postil::diagnose {
namespace {

constexpr int mx_step = 10;
constexpr std::uint32_t sts_testing_seconds = 7 * 86400;

std::string spf_text(const DomainMail& mail) {
  if (mail.parked) return "v=spf1 -all";
  std::string out = "v=spf1";
  for (const auto& ip : mail.sources) out += fmt::format(" ip{}:{}", ip.is_v4() ? 4 : 6, ip.text());
  for (const auto& host : mail.source_hosts) out += " a:" + host;
  return out + " -all";
}

std::string dmarc_text(const DomainMail& mail) {
  std::string out = mail.parked ? "v=DMARC1; p=reject" : "v=DMARC1; p=none";
  if (!mail.reports.empty()) out += "; rua=mailto:" + mail.reports;
  return out;
}

// Another organization gets reports only where it says so itself, in its own zone [rfc9990 4].
void add_permission(std::vector<WantedRecord>& out, const DomainMail& mail) {
  const auto at = mail.reports.rfind('@');
  if (at == std::string::npos) return;
  const std::string to = to_lower(mail.reports.substr(at + 1));
  const bool own = to == mail.domain || to.ends_with("." + mail.domain) || mail.domain.ends_with("." + to);
  if (own) return;
  out.push_back({RecordPurpose::dmarc_reports, fmt::format("{}._report._dmarc.{}", mail.domain, to), dns::Type::txt,
                 "v=DMARC1;"});
}

void add_tlsa(std::vector<WantedRecord>& out, const DomainMail::HostCertificate& of) {
  // The key's digest: it stays when the certificate is renewed with the same key. [rfc7672 3.1.1]
  const std::string octets = crypto::tlsa_octets(of.der, 1, 1);
  if (octets.empty()) return;
  out.push_back(
      {RecordPurpose::tlsa, "_25._tcp." + of.host, dns::Type::tlsa, transport::to_text(dns::Tlsa{3, 1, 1, octets})});
}

// Spaces, case and a semicolon at the end mean nothing.
std::string normal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\t') continue;
    out += c;
  }
  while (out.ends_with(';')) out.pop_back();
  return out;
}

std::string public_key(std::string_view record) {
  const auto tags = mailauth::parse_dkim_tags(record);
  const auto* key = tags ? mailauth::find_tag(*tags, "p") : nullptr;
  return key ? normal(key->value) : std::string();
}

Compared by_found(std::vector<std::string> found, bool good, const WantedRecord& record) {
  Compared out{Published::missing, std::move(found)};
  if (out.found.empty()) return out;
  const bool same = out.found.size() == 1 && normal(out.found.front()) == normal(record.value);
  out.state = same ? Published::same : good ? Published::good : Published::other;
  return out;
}

Compared compare_mx(const WantedRecord& record, const dns::Answer& answer) {
  Compared out{Published::missing, {}};
  std::string there;  // the same host, whatever its preference
  for (const auto& data : answer.records) {
    const auto* mx = std::get_if<dns::Mx>(&data);
    if (!mx) continue;
    out.found.push_back(fmt::format("{} {}.", mx->preference, mx->exchange));
    if (record.value.ends_with(fmt::format(" {}.", mx->exchange))) there = out.found.back();
  }
  if (out.found.empty()) return out;
  const bool null_mx = record.purpose == RecordPurpose::null_mx;
  const bool alone = !null_mx || out.found.size() == 1;  // [rfc7505 3]
  const bool same = std::ranges::find(out.found, record.value) != out.found.end() && alone;
  out.state = same ? Published::same : !null_mx && !there.empty() ? Published::good : Published::other;
  if (out.state == Published::good) out.found = {there};
  return out;
}

Compared compare_tlsa(const WantedRecord& record, const dns::Answer& answer) {
  Compared out{Published::missing, {}};
  for (const auto& data : answer.records) {
    if (const auto* tlsa = std::get_if<dns::Tlsa>(&data)) out.found.push_back(transport::to_text(*tlsa));
  }
  if (out.found.empty()) return out;
  const bool same = std::ranges::find(out.found, record.value) != out.found.end();
  out.state = same ? Published::same : Published::other;
  return out;
}

bool good_dmarc(const std::vector<std::string>& found, bool parked) {
  if (found.size() != 1) return false;
  const auto record = mailauth::parse_dmarc_record(found.front());
  return record.usable() && (!parked || record.policy() == mailauth::DmarcPolicy::reject);
}

Compared compare_text(const WantedRecord& record, const dns::Answer& answer, bool parked) {
  switch (record.purpose) {
    case RecordPurpose::spf:
      return by_found(mailauth::spf_records(answer), false, record);
    case RecordPurpose::dkim: {
      auto found = dns::texts(answer);
      std::erase_if(found, [](const std::string& text) { return !mailauth::looks_like_dkim_key(text); });
      const bool good = found.size() == 1 && public_key(found.front()) == public_key(record.value);
      return by_found(std::move(found), good, record);
    }
    case RecordPurpose::dmarc: {
      auto found = mailauth::dmarc_records(answer);
      const bool good = good_dmarc(found, parked);
      return by_found(std::move(found), good, record);
    }
    case RecordPurpose::dmarc_reports: {
      auto found = mailauth::dmarc_records(answer);
      const bool good = !found.empty();
      return by_found(std::move(found), good, record);
    }
    case RecordPurpose::mta_sts: {
      auto found = dns::texts(answer);
      std::erase_if(found, [](const std::string& text) { return !text.starts_with("v=STSv1"); });
      return by_found(std::move(found), transport::parse_sts_records(answer.records).record.has_value(), record);
    }
    case RecordPurpose::tls_rpt: {
      auto found = mailauth::tls_rpt_records(answer);
      const bool good = found.size() == 1 && mailauth::parse_tls_rpt_record(found.front()).usable();
      return by_found(std::move(found), good, record);
    }
    case RecordPurpose::mx:
    case RecordPurpose::null_mx:
    case RecordPurpose::tlsa:
      break;
  }
  return {};
}

}  // namespace

std::string_view to_string(RecordPurpose purpose) {
  constexpr std::string_view names[] = {"mx",      "null_mx", "spf", "dkim", "dmarc", "dmarc_reports",
                                        "mta_sts", "tls_rpt", "tlsa"};
  return names[static_cast<std::size_t>(purpose)];
}

std::string_view to_string(Published published) {
  constexpr std::string_view names[] = {"same", "good", "other", "missing", "unknown"};
  return names[static_cast<std::size_t>(published)];
}

std::vector<WantedRecord> wanted_records(const DomainMail& mail) {
  std::vector<WantedRecord> out;
  const auto text = [&](RecordPurpose purpose, std::string name, std::string value) {
    out.push_back({purpose, std::move(name), dns::Type::txt, std::move(value)});
  };
  if (mail.parked) {
    out.push_back({RecordPurpose::null_mx, mail.domain, dns::Type::mx, "0 ."});  // [rfc7505 3]
    text(RecordPurpose::spf, mail.domain, spf_text(mail));
    text(RecordPurpose::dmarc, "_dmarc." + mail.domain, dmarc_text(mail));
    add_permission(out, mail);
    return out;
  }
  for (std::size_t i = 0; i < mail.mx.size(); ++i) {
    const auto preference = static_cast<std::size_t>(mx_step) * (i + 1);
    out.push_back({RecordPurpose::mx, mail.domain, dns::Type::mx, fmt::format("{} {}.", preference, mail.mx[i])});
  }
  if (!mail.sources.empty() || !mail.source_hosts.empty()) text(RecordPurpose::spf, mail.domain, spf_text(mail));
  for (const auto& key : mail.dkim) text(RecordPurpose::dkim, key.name, key.text);
  text(RecordPurpose::dmarc, "_dmarc." + mail.domain, dmarc_text(mail));
  add_permission(out, mail);
  if (mail.mx.empty()) return out;
  text(RecordPurpose::mta_sts, transport::sts_record_name(mail.domain), fmt::format("v=STSv1; id={};", mail.sts_id));
  if (!mail.reports.empty()) {
    text(RecordPurpose::tls_rpt, "_smtp._tls." + mail.domain, "v=TLSRPTv1; rua=mailto:" + mail.reports);
  }
  for (const auto& certificate : mail.certificates) {
    if (std::ranges::find(mail.mx, certificate.host) != mail.mx.end()) add_tlsa(out, certificate);
  }
  return out;
}

std::string zone_line(const WantedRecord& record) {
  if (record.type != dns::Type::txt) {
    return fmt::format("{}. IN {} {}", record.name, record.type == dns::Type::mx ? "MX" : "TLSA", record.value);
  }
  if (record.value.size() <= 255) return fmt::format("{}. IN TXT \"{}\"", record.name, record.value);
  return mailauth::dkim_zone_line(record.name, record.value);
}

std::string wanted_sts_policy(const DomainMail& mail) {
  transport::StsPolicy policy;
  policy.mode = transport::StsMode::testing;
  policy.max_age_seconds = sts_testing_seconds;
  policy.mx = mail.mx;
  return transport::to_text(policy);
}

Compared compare_record(const WantedRecord& record, const dns::Answer& answer, bool parked) {
  if (!answer.definite()) return {};
  if (record.type == dns::Type::mx) return compare_mx(record, answer);
  if (record.type == dns::Type::tlsa) return compare_tlsa(record, answer);
  return compare_text(record, answer, parked);
}

}  // namespace postil::diagnose
