// From a queue reason and a status to what a sender is told, where nobody has read the remote's words (Report::told).
#include <algorithm>

#include "dsn/human.hpp"

namespace postil::dsn {
namespace {

using queue::Reason;
using Cause = knowledge::Reason;

constexpr Advice user_unknown{"user_unknown", "you", Cause::user_unknown};
constexpr Advice address_moved{"address_moved", "you", Cause::address_moved};
constexpr Advice address_syntax{"address_syntax", "you", Cause::address_syntax};
constexpr Advice sender_address{"sender_address", "your_admin"};
constexpr Advice null_mx{"null_mx", "you", Cause::recipient_null_mx};
constexpr Advice domain_not_found{"domain_not_found", "you", Cause::domain_not_found};
constexpr Advice no_mail_host{"no_mail_host", "their_admin", Cause::no_mail_host};
constexpr Advice host_takes_no_mail{"host_takes_no_mail", "you", Cause::host_accepts_no_mail};
constexpr Advice mailbox_disabled{"mailbox_disabled", "you", Cause::mailbox_disabled};
constexpr Advice mailbox_full{"mailbox_full", "recipient", Cause::mailbox_full};
constexpr Advice too_big{"too_big", "you", Cause::message_too_big};
constexpr Advice restricted{"restricted", "you", Cause::recipient_restricted};
constexpr Advice policy{"policy", "your_admin"};
constexpr Advice unauthenticated{"unauthenticated", "your_admin", Cause::unauthenticated};
constexpr Advice blocked{"blocked", "your_admin"};
constexpr Advice content{"content", "you"};
constexpr Advice ascii_only_address{"ascii_only_address", "you", Cause::charset_or_8bit};
constexpr Advice ascii_only_header{"ascii_only_header", "you", Cause::charset_or_8bit};
constexpr Advice seven_bit_only{"seven_bit_only", "you", Cause::charset_or_8bit};
constexpr Advice conversion{"conversion", "you", Cause::feature_unsupported};
constexpr Advice loop{"loop", "their_admin", Cause::routing_loop};
constexpr Advice points_at_us{"points_at_us", "your_admin", Cause::routing_loop};
constexpr Advice own_trouble{"own_trouble", "your_admin", Cause::unknown, Cause::server_error};
constexpr Advice unreachable{"unreachable", "their_admin", Cause::connect_failed};
constexpr Advice dns_trouble{"dns_trouble", "their_admin"};
constexpr Advice tls_trouble{"tls_trouble", "their_admin", Cause::tls_handshake_failed};
constexpr Advice tls_policy{"tls_policy", "their_admin", Cause::mta_sts_or_dane_failed};
constexpr Advice requiretls{"requiretls", "you", Cause::requiretls_unsupported};
constexpr Advice not_now{"not_now", "their_admin"};
constexpr Advice their_trouble{"their_trouble", "their_admin"};
constexpr Advice suppressed{"suppressed", "your_admin", Cause::unknown, Cause::policy_other};
constexpr Advice returned_by_admin{"returned_by_admin", "your_admin", Cause::unknown, Cause::policy_other};
constexpr Advice deliver_by_over{"deliver_by_over", "you", Cause::unknown, Cause::expired_in_queue};
constexpr Advice no_deliver_by{"no_deliver_by", "you", Cause::feature_unsupported};
constexpr Advice refused{"refused", "you"};

Advice by_address_code(unsigned detail) {  // X.1
  switch (detail) {
    case 0:  // some say it of the sender's address
      return refused;
    case 2:
      return domain_not_found;
    case 3:
      return address_syntax;
    case 6:
      return address_moved;
    case 7:
    case 8:
      return sender_address;
    case 10:
      return null_mx;
    default:
      return user_unknown;
  }
}

Advice by_mailbox_code(unsigned detail, bool temporary) {  // X.2
  if (detail == 2) return mailbox_full;
  if (detail == 3) return too_big;
  if (temporary) return not_now;
  return detail == 1 ? mailbox_disabled : restricted;
}

Advice by_content_code(unsigned detail) {  // X.6 [rfc3463 3.7] [rfc6531 3.7.4.2]
  switch (detail) {
    case 2:
    case 4:
    case 5:
      return conversion;
    case 3:
      return seven_bit_only;
    case 7:
    case 8:
    case 10:
      return ascii_only_address;
    case 9:
      return ascii_only_header;
    default:
      return content;
  }
}

Advice by_policy_code(unsigned detail) {  // X.7
  if (detail == 2) return restricted;
  if (detail == 5 || detail == 10 || detail == 11) return tls_trouble;
  if (detail == 27) return sender_address;                   // [rfc7505 7.2]
  if (detail >= 20 && detail <= 29) return unauthenticated;  // [rfc7372] [rfc8617]
  return policy;
}

Advice by_code(reply::EnhancedCode code) {
  const bool temporary = code.klass == 4;
  switch (code.subject) {
    case 1:
      // A mailbox that is not there for now may be one that is being looked for.
      if (temporary && code.detail <= 1) return not_now;
      return by_address_code(code.detail);
    case 2:
      return by_mailbox_code(code.detail, temporary);
    case 3:
      if (code.detail == 4) return too_big;
      if (code.detail == 2 && !temporary) return host_takes_no_mail;
      return temporary ? not_now : their_trouble;
    case 4:
      if (code.detail == 1 || code.detail == 2) return unreachable;
      if (code.detail == 3) return dns_trouble;
      if (code.detail == 4) return no_mail_host;
      if (code.detail == 6) return loop;
      return temporary ? not_now : their_trouble;
    case 5:
      return temporary ? not_now : their_trouble;
    case 6:
      return by_content_code(code.detail);
    case 7:
      return temporary && code.detail < 20 && code.detail != 5 ? not_now : by_policy_code(code.detail);
    default:
      return temporary ? not_now : refused;
  }
}

}  // namespace

const std::vector<Advice>& all_advice() {
  static const std::vector<Advice> all = {user_unknown,
                                          address_moved,
                                          address_syntax,
                                          sender_address,
                                          null_mx,
                                          domain_not_found,
                                          no_mail_host,
                                          host_takes_no_mail,
                                          mailbox_disabled,
                                          mailbox_full,
                                          too_big,
                                          restricted,
                                          policy,
                                          unauthenticated,
                                          blocked,
                                          content,
                                          ascii_only_address,
                                          ascii_only_header,
                                          seven_bit_only,
                                          conversion,
                                          loop,
                                          points_at_us,
                                          own_trouble,
                                          unreachable,
                                          dns_trouble,
                                          tls_trouble,
                                          tls_policy,
                                          requiretls,
                                          not_now,
                                          their_trouble,
                                          returned_by_admin,
                                          suppressed,
                                          deliver_by_over,
                                          no_deliver_by,
                                          refused};
  return all;
}

Advice advice_of(Kind kind, const queue::RecipientState& state) {
  // What kept it waiting until its time was over says more than that the time was over.
  const bool in_vain = state.reason == Reason::expired && state.last_reason != Reason::new_message;
  switch (in_vain ? state.last_reason : state.reason) {  // what we have found out ourselves
    case Reason::host_accepts_no_mail:
      return host_takes_no_mail;
    case Reason::null_mx:
      return null_mx;
    case Reason::domain_not_found:
      return domain_not_found;
    case Reason::no_address:
    case Reason::only_invalid_null_mx:
      return no_mail_host;
    case Reason::mail_loop:
      return points_at_us;
    case Reason::needs_8bitmime:
    case Reason::needs_binarymime:
      return seven_bit_only;
    case Reason::needs_smtputf8_header:
      return ascii_only_header;
    case Reason::needs_smtputf8_address:
      return ascii_only_address;
    case Reason::too_big:
      return too_big;
    case Reason::refused_us:
      return blocked;
    case Reason::smarthost_refused:
    case Reason::auth_failed:
    case Reason::local_trouble:
    case Reason::shut_down:
      return own_trouble;
    case Reason::connect_failed:
    case Reason::connection_lost:
    case Reason::timed_out:
      return unreachable;
    case Reason::dns_temporary:
    case Reason::dns_bogus:
      return dns_trouble;
    case Reason::tls_failed:
    case Reason::dane_missing:
      return tls_trouble;
    case Reason::dane_lookup_failed:
    case Reason::dane_failed:
    case Reason::sts_failed:
    case Reason::sts_not_listed:
      return tls_policy;
    case Reason::requiretls_unsupported:
      return requiretls;
    case Reason::greylisted:
    case Reason::rate_limited:
      return not_now;
    case Reason::suppressed:
      return suppressed;
    case Reason::deliver_by_over:
      return deliver_by_over;
    case Reason::needs_deliverby:
      return no_deliver_by;
    case Reason::returned_by_admin:
    case Reason::dropped_by_admin:
      return returned_by_admin;
    default:
      return by_code(in_vain && state.last_code ? state.last_code : status_of(kind, state));
  }
}

Told told_by_code(Kind kind, const queue::RecipientState& state) {
  const auto advice = advice_of(kind, state);
  const std::string key = "bounce.advice." + std::string(advice.id);
  // It is kept and leaves by itself when our side is mended: nobody sends it again.
  const bool kept = kind == Kind::delayed && advice.id == own_trouble.id;
  return {{key + ".what"}, kept ? std::string() : key + ".do", advice.who, advice.cause};
}

Told told_of(const Report& report, std::size_t at) {
  if (at < report.told.size() && report.told[at]) return *report.told[at];
  return told_by_code(report.kind, report.recipients[at]);
}

}  // namespace postil::dsn
