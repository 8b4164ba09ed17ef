#include "dsn/status.hpp"

#include <algorithm>

#include "address/domain.hpp"
#include "address/xtext.hpp"
#include "base/bytes.hpp"
#include "dsn/encoding.hpp"
#include "dsn/human.hpp"
#include "message/date.hpp"
#include "queue/schedule.hpp"

namespace postil::dsn {
namespace {

using queue::Reason;

std::string safe(std::string_view text, bool utf8) {
  return utf8 ? safe_text(text) : safe_ascii(text);
}

// "type;address" as the part's form wants it. [rfc3464 2.3.1] [rfc6533 3]
std::string typed_address(std::string_view type, std::string_view address, bool utf8) {
  if (!iequals(type, "utf-8") && !has_8bit(address)) return safe_ascii(type) + ";" + safe_ascii(address);
  return "utf-8;" + (utf8 ? safe_text(address) : address::encode_utf8_addr_xtext(safe_text(address)));
}

// "mx1.example.net [192.0.2.7]" to "mx1.example.net".
std::string_view host_of(std::string_view remote) {
  return trim(remote).substr(0, trim(remote).find(' '));
}

std::string message_fields(const Report& report, bool utf8) {
  std::string out;
  if (!report.original.envid.empty()) {
    if (const auto envid = address::decode_xtext(report.original.envid); envid && !envid->empty())
      out += field("Original-Envelope-Id", safe_ascii(*envid));
  }
  const bool full_name = address::qualified(report.host);  // [rfc3461 6.3 b]
  out += field("Reporting-MTA", (full_name ? "dns; " : "x-local-hostname; ") + safe(report.host, utf8));
  out += field("Arrival-Date", message::rfc5322_date(report.original.arrived, report.zone_minutes));
  if (report.original.by != queue::By::none) {  // [rfc2852 5]
    out += field("Deliver-By-Date", message::rfc5322_date(report.original.deliver_by, report.zone_minutes));
  }
  if (!report.original.hold_request.empty()) {  // [rfc4865 5.1.2]
    out += field("Future-Release-Request", safe_ascii(report.original.hold_request));
  }
  return out;
}

std::string recipient_fields(const Report& report, std::size_t at, bool utf8) {
  const auto& state = report.recipients[at];
  const auto& recipient = report.original.recipients[state.index];
  std::string out;
  if (!recipient.original.empty()) {
    if (const auto original = address::parse_orcpt(recipient.original, true))
      out += field("Original-Recipient", typed_address(original->type, original->address, utf8));
  }
  out += field("Final-Recipient", typed_address("rfc822", recipient.address, utf8));
  out += field("Action", to_string(report.kind));
  out += field("Status", reply::to_string(status_of(report.kind, state)));
  if (!state.remote.empty() && state.remote.front() != '/')
    out += field("Remote-MTA", "dns; " + safe(host_of(state.remote), utf8));
  if (state.diagnostic_remote && !state.diagnostic.empty())
    out += field("Diagnostic-Code", "smtp; " + safe(state.diagnostic, utf8));
  // Ours, for programs and for `postil explain`: the reason in the words of data/text/en/reason.toml.
  const bool refused = report.kind == Kind::failed || report.kind == Kind::delayed;
  const auto cause = refused ? told_of(report, at).cause : knowledge::Reason::unknown;
  if (cause != knowledge::Reason::unknown) out += field("X-Postil-Reason", knowledge::entry(cause).key);
  if (state.last_attempt != WallTime{})
    out += field("Last-Attempt-Date", message::rfc5322_date(state.last_attempt, report.zone_minutes));
  if (report.original.id) out += field("Final-Log-ID", postil::to_string(report.original.id));
  if (report.kind == Kind::delayed)
    out += field("Will-Retry-Until", message::rfc5322_date(retry_until(report, state), report.zone_minutes));
  return out;
}

reply::EnhancedCode known_of(Reason reason) {
  switch (reason) {
    case Reason::host_accepts_no_mail:
      return {5, 3, 2};  // [rfc7504 3]
    case Reason::null_mx:
      return {5, 1, 10};  // [rfc7505 6]
    case Reason::domain_not_found:
      return {5, 1, 2};
    case Reason::only_invalid_null_mx:
    case Reason::no_address:
      return {5, 4, 4};
    case Reason::mail_loop:
      return {5, 4, 6};
    case Reason::needs_8bitmime:
    case Reason::needs_binarymime:
      return {5, 6, 3};
    case Reason::needs_smtputf8_address:
      return {5, 6, 7};  // [rfc6531 3.7.4.2]
    case Reason::needs_smtputf8_header:
      return {5, 6, 9};
    case Reason::too_big:
      return {5, 3, 4};
    case Reason::needs_deliverby:
      return {5, 3, 3};
    case Reason::expired:
    case Reason::deliver_by_over:
      return {4, 4, 7};
    case Reason::connect_failed:
      return {4, 4, 1};
    case Reason::connection_lost:
    case Reason::timed_out:
      return {4, 4, 2};
    case Reason::dns_temporary:
      return {4, 4, 3};
    case Reason::dns_bogus:
    case Reason::tls_failed:
    case Reason::dane_lookup_failed:
    case Reason::dane_failed:
    case Reason::sts_failed:
      return {4, 7, 5};
    case Reason::dane_missing:
    case Reason::sts_not_listed:
      return {4, 7, 4};
    case Reason::requiretls_unsupported:
      return {5, 7, 30};
    case Reason::protocol_error:
      return {4, 5, 0};
    case Reason::auth_failed:
      return {4, 7, 0};
    case Reason::local_trouble:
    case Reason::shut_down:
      return {4, 3, 0};
    default:
      return {};
  }
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::failed:
      return "failed";
    case Kind::delayed:
      return "delayed";
    case Kind::relayed:
      return "relayed";
    case Kind::delivered:
      return "delivered";
  }
  return "failed";
}

reply::EnhancedCode status_of(Kind kind, const queue::RecipientState& state) {
  // A message that was tried in vain until its end has failed with a temporary status [rfc3463 3.5, X.4.7].
  const auto fits = [&](reply::EnhancedCode code) {
    if (kind == Kind::failed) return code.klass == 4 || code.klass == 5;
    return code.klass == (kind == Kind::delayed ? 4 : 2);
  };
  if (fits(state.code)) return state.code;
  if (kind == Kind::delivered || kind == Kind::relayed) return {2, 0, 0};
  if (state.diagnostic_remote && kind == Kind::failed) {
    if (state.diagnostic.starts_with("521")) return {5, 3, 2};
    if (state.diagnostic.starts_with("556")) return {5, 1, 10};
  }
  if (const auto known = known_of(state.reason); fits(known)) return known;
  // Not {4 or 5}.0.0 by the class of what did not fit: by what became of the message [rfc3461 6.3 g].
  return {static_cast<std::uint8_t>(kind == Kind::delayed ? 4 : 5), 0, 0};
}

WallTime retry_until(const Report& report, const queue::RecipientState& state) {
  return queue::given_up_at(report.original, state, report.refused_us_lifetime);
}

std::string delivery_status(const Report& report, bool utf8) {
  std::string out = message_fields(report, utf8);
  for (std::size_t i = 0; i < report.recipients.size(); ++i) out += "\r\n" + recipient_fields(report, i, utf8);
  return out;
}

}  // namespace postil::dsn
