#include "diagnose/confirm.hpp"

#include <algorithm>

namespace postil::diagnose {
namespace {

using knowledge::Reason;

// A policy that asks for refusals is as it should be, and yet why a message is refused by it; without one nobody does.
bool is_trouble(std::string_view check, Reason reason, FindingId id) {
  const auto word = entry(id).word;
  if (reason == Reason::dmarc_reject && check == "dmarc") return id == FindingId::dmarc_ok;
  if (check == "spf") return word == Word::fail || id == FindingId::spf_ip_neutral;
  if (word == Word::fail || word == Word::warn) return true;
  const bool about_mx = check == "recipient_mx" || check == "sender_mx";
  if (about_mx && id == FindingId::mx_null) return true;
  if (check == "parked") return word == Word::ok;  // it is one: that is why it takes nothing
  if (check == "dkim") return id == FindingId::dkim_not_found || id == FindingId::dkim_revoked;
  return false;
}

// What is as it should be, and says nothing of the refusal: a sound SPF record need not name the address that sent, and
// a message can lack SPF and DKIM whatever the policy is.
bool tells_nothing(std::string_view check, Reason reason, FindingId id) {
  if (check == "spf") return id != FindingId::spf_ip_pass;
  return check == "dmarc" && reason == Reason::unauthenticated;
}

// What alone shows that reason; empty: any trouble of the check does.
std::vector<FindingId> proof_of(Reason reason) {
  switch (reason) {
    case Reason::recipient_null_mx:
    case Reason::sender_null_mx:
      return {FindingId::mx_null, FindingId::mx_null_preference};
    case Reason::domain_not_found:
      return {FindingId::domain_none};
    case Reason::no_mail_host:
      return {FindingId::domain_none, FindingId::mx_none, FindingId::mx_no_address, FindingId::mx_null_preference};
    default:
      return {};
  }
}

}  // namespace

std::string_view to_string(Confirmation confirmation) {
  constexpr std::string_view words[] = {"confirmed", "refuted", "untested"};
  return words[static_cast<std::size_t>(confirmation)];
}

std::string_view live_check_of(Reason reason) {
  switch (reason) {
    case Reason::user_unknown:
    case Reason::address_syntax:
    case Reason::address_moved:
    case Reason::mailbox_full:
    case Reason::mailbox_disabled:
    case Reason::recipient_restricted:
      return "recipient";
    case Reason::recipient_null_mx:
    case Reason::domain_not_found:
    case Reason::no_mail_host:
    case Reason::relay_denied:
    case Reason::routing_loop:
      return "recipient_mx";
    case Reason::host_accepts_no_mail:
    case Reason::too_many_connections:
    case Reason::server_busy:
      return "host_greeting";
    case Reason::auth_credentials:
    case Reason::auth_mechanism:
    case Reason::auth_required:
    case Reason::auth_service_down:
    case Reason::send_as_denied:
      return "login";
    case Reason::tls_required:
    case Reason::tls_handshake_failed:
      return "host_tls";
    case Reason::sender_domain_unresolvable:
    case Reason::sender_null_mx:
      return "sender_mx";
    case Reason::spf_fail:
      return "spf";
    case Reason::dkim_fail:
      return "dkim";
    case Reason::dmarc_reject:
    case Reason::unauthenticated:
      return "dmarc";
    case Reason::ptr_missing:
    case Reason::helo_invalid:
      return "reverse_dns";
    case Reason::dnsbl_listed:
    case Reason::vendor_ip_block:
    case Reason::dnsbl_misconfigured_receiver:
      return "block_lists";
    case Reason::message_too_big:
    case Reason::requiretls_unsupported:
    case Reason::feature_unsupported:
    case Reason::charset_or_8bit:
      return "host_extensions";
    case Reason::mta_sts_or_dane_failed:
      return "mta_sts";
    case Reason::connect_failed:
    case Reason::connection_dropped:
    case Reason::port25_blocked:
    case Reason::expired_in_queue:
      return "host_connect";
    default:
      return {};
  }
}

Confirmed confirm(std::string_view check, knowledge::Reason reason, const std::vector<Finding>& findings) {
  Confirmed out;
  const auto proof = proof_of(reason);
  std::vector<std::string> good;
  for (const auto& finding : findings) {
    const auto& of = entry(finding.id);
    const bool proves =
        proof.empty() ? is_trouble(check, reason, finding.id) : std::ranges::find(proof, finding.id) != proof.end();
    // Another trouble than the reason's shows that this one is not there.
    const bool trouble = of.word == Word::fail || of.word == Word::warn;
    const bool other = trouble && (!proof.empty() || reason == Reason::dmarc_reject);
    const bool seen = (of.word == Word::ok && !tells_nothing(check, reason, finding.id)) || other;
    if (proves) {
      out.by.emplace_back(of.name);
    } else if (seen) {
      good.emplace_back(of.name);
    }
  }
  if (!out.by.empty()) {
    out.verdict = Confirmation::confirmed;
  } else if (!good.empty()) {
    out.verdict = Confirmation::refuted;
    out.by = std::move(good);
  }
  return out;
}

}  // namespace postil::diagnose
