#include "diagnose/mail_auth.hpp"

#include <fmt/format.h>

#include <chrono>

#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "mailauth/dkim_key.hpp"
#include "mailauth/header_fields.hpp"

namespace postil::diagnose {
namespace {

// Seen in the mail of many, and in the manuals of their services.
constexpr std::string_view usual_selectors[] = {
    "default", "dkim",   "mail",     "email",     "s1",        "s2",   "k1",   "k2",   "k3",
    "key1",    "google", "selector", "selector1", "selector2", "smtp", "mx",   "zoho", "pm",
    "fm1",     "fm2",    "fm3",      "mandrill",  "sig1",      "mta",  "dkim1"};
// Named by the year, as Postil itself does it: this one and the last.
std::vector<std::string> selectors_by_year(WallTime now) {
  const std::chrono::sys_days today{std::chrono::floor<std::chrono::days>(now.time_since_epoch())};
  const auto year = static_cast<int>(std::chrono::year_month_day(today).year());
  std::vector<std::string> out;
  for (const int one : {year, year - 1}) {
    for (const char* form : {"{:04}", "s{:04}", "s{:04}-ed25519"}) out.push_back(fmt::format(fmt::runtime(form), one));
  }
  return out;
}

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string sender_ip(const CheckRequest& request) {
  return request.from_ip;
}

mailauth::SpfCheck spf_record_check(const CheckRequest& request, WallTime time) {
  // Its family only decides whether A or AAAA is asked.
  const auto any = *address::Ip::parse("192.0.2.1");
  auto input = mailauth::spf_mail_from(any, request.subject.domain, "postmaster@" + request.subject.domain);
  input.nobody = true;
  input.unix_seconds = unix_seconds(time);
  return mailauth::SpfCheck(std::move(input), {}, mailauth::SpfMode::count_everything);
}

mailauth::SpfCheck spf_sender_check(const CheckRequest& request, WallTime time) {
  const auto ip = address::Ip::parse(sender_ip(request));
  const std::string sender =
      request.subject.mailbox.empty() ? "postmaster@" + request.subject.domain : request.subject.mailbox;
  auto input = mailauth::spf_mail_from(ip.value_or(address::Ip{}), request.subject.domain, sender);
  input.unix_seconds = unix_seconds(time);
  return mailauth::SpfCheck(std::move(input));
}

mailauth::DmarcCheck dmarc_check(const CheckRequest& request) {
  mailauth::DmarcInput input;
  input.author_domain = request.subject.domain;
  input.find_organizational_domain = true;
  return mailauth::DmarcCheck(std::move(input));
}

mailauth::DmarcReportCheck report_check(const mailauth::DmarcFound& found) {
  auto uris = found.record ? found.record->rua : std::vector<mailauth::ReportUri>{};
  if (found.record) uris.insert(uris.end(), found.record->ruf.begin(), found.record->ruf.end());
  return mailauth::DmarcReportCheck(found.domain, uris);
}

mailauth::DkimVerifier message_verifier(const CheckRequest& request, WallTime time) {
  const std::string_view message = request.message;
  const auto end = message.find("\r\n\r\n");
  const auto header = message.substr(0, end == std::string_view::npos ? message.size() : end + 2);
  mailauth::DkimVerifier out(header, time);
  if (end != std::string_view::npos) out.body(message.substr(end + 4));
  out.end_of_body();
  return out;
}

std::string author_domain(std::string_view message) {
  std::vector<std::string> domains;
  for (const auto& field : mailauth::header_fields(message)) {
    if (!iequals(field.name, "From")) continue;
    for (auto& domain : mailauth::author_domains(field.value())) domains.push_back(std::move(domain));
  }
  return domains.size() == 1 ? domains.front() : std::string();
}

std::string envelope_domain(std::string_view message) {
  for (const auto& field : mailauth::header_fields(message)) {
    if (!iequals(field.name, "Return-Path")) continue;
    const auto domains = mailauth::author_domains(field.value());
    return domains.size() == 1 ? domains.front() : std::string();
  }
  return {};
}

mailauth::SpfCheck message_spf_check(const CheckRequest& request, WallTime time) {
  const auto domain = envelope_domain(request.message);
  const auto ip = address::Ip::parse(request.from_ip);
  auto input = mailauth::spf_mail_from(ip.value_or(address::Ip{}), domain, "postmaster@" + domain);
  input.unix_seconds = unix_seconds(time);
  return mailauth::SpfCheck(std::move(input));
}

mailauth::DmarcCheck message_dmarc_check(const CheckRequest& request,
                                         const std::vector<mailauth::DkimSignature>& signatures,
                                         mailauth::SpfResult spf) {
  mailauth::DmarcInput input;
  input.author_domain = author_domain(request.message);
  input.spf = spf;
  input.spf_domain = envelope_domain(request.message);
  for (const auto& signature : signatures) {
    input.signatures.push_back({signature.result == mailauth::DkimResult::pass,
                                signature.result == mailauth::DkimResult::temperror, signature.domain,
                                signature.selector});
  }
  return mailauth::DmarcCheck(std::move(input));
}

mailauth::DmarcCheck message_alignment_check(const CheckRequest& request) {
  return message_dmarc_check(request, {}, mailauth::SpfResult::pass);
}

std::vector<DkimKeyPlace> dkim_places(const CheckRequest& request, WallTime now) {
  std::vector<DkimKeyPlace> out;
  const auto add = [&](std::string_view selector) {
    out.push_back({std::string(selector), mailauth::dkim_key_name(selector, request.subject.domain)});
  };
  if (request.selectors.empty()) {
    for (const auto selector : usual_selectors) add(selector);
    for (const auto& selector : selectors_by_year(now)) add(selector);
  } else {
    for (const auto& selector : request.selectors) add(selector);
  }
  return out;
}

std::string bimi_name(const CheckRequest& request) {
  return "default._bimi." + request.subject.domain;
}

std::string tls_rpt_name(const CheckRequest& request) {
  return "_smtp._tls." + request.subject.domain;
}

}  // namespace postil::diagnose
