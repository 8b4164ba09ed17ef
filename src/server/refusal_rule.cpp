#include "server/refusal_rule.hpp"

#include <algorithm>

#include "reply/catalogue.hpp"

namespace postil::server {

using reply::TextId;

std::string_view rule_of(const reply::Reply& reply) {
  switch (reply.text) {
    case TextId::too_many_sessions:
      return "limits.sessions";
    case TextId::too_many_sessions_from:
      return "limits.sessions_per_address";
    case TextId::relay_not_for_you:
    case TextId::rcpt_relay_denied:
      return "relay.networks";
    case TextId::xclient_denied:
      return "xclient.networks";
    case TextId::too_many_errors:
      return "limits.errors";
    case TextId::too_many_commands:
      return "limits.commands";
    case TextId::tls_unavailable:
    case TextId::tls_not_offered:
      return "tls.certificate";
    case TextId::tls_required:
    case TextId::auth_needs_tls:
      return "submission.auth_without_tls";
    case TextId::auth_required:
    case TextId::auth_not_offered:
      return "job";
    case TextId::auth_credentials:
    case TextId::auth_channel_binding:
    case TextId::auth_mechanism_off:
    case TextId::auth_transition:
    case TextId::auth_unavailable:
    case TextId::auth_account_disabled:
    case TextId::mail_sender_not_yours:
      return "submission.users";
    case TextId::auth_too_many_failures:
      return "limits.login_window";
    case TextId::mail_too_big:
    case TextId::message_too_big:
      return "limits.message_size";
    case TextId::mail_no_space:
      return "spool.watermark";
    case TextId::mail_no_resources:
      return rule_descriptors;
    case TextId::mail_sender_null_mx:
    case TextId::mail_sender_domain_unknown:
      return "deliver.check_sender_domain";
    case TextId::mail_hold_quota:
      return "submission.hold_messages";
    case TextId::mail_rate:
    case TextId::rcpt_rate: {
      const auto period = std::ranges::find(reply.args, std::string_view("period"),
                                            [](const reply::Arg& arg) { return std::string_view(arg.first); });
      const bool day = period != reply.args.end() && period->second == "day";
      return day ? "limits.recipients_per_day" : "limits.recipients_per_hour";
    }
    case TextId::rcpt_too_many:
      return "limits.recipients";
    case TextId::rcpt_null_mx:
    case TextId::rcpt_domain_unknown:
    case TextId::rcpt_domain_no_host:
      return "deliver.check_recipient_domains";
    case TextId::rcpt_not_here:
      return "aliases";
    case TextId::message_too_slow:
      return "limits.message_duration";
    case TextId::message_line_too_long:
      return "limits.line_length";
    case TextId::message_header_too_big:
      return "limits.header_size";
    case TextId::message_loop:
      return "limits.hops";
    default:
      return {};
  }
}

}  // namespace postil::server
