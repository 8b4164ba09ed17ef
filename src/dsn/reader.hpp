// Reads what other mail systems report: the text of message/delivery-status [rfc3464 2] and of
// message/global-delivery-status [rfc6533 3]. Reports come damaged and from before the standard: a field that is
// missing is empty, and nothing fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reply/code.hpp"

namespace postil::dsn {

// [rfc3464 2.3.3]; none: the field is missing or has another word.
enum class Action : std::uint8_t { none, failed, delayed, delivered, relayed, expanded };
std::string_view to_string(Action action);
Action find_action(std::string_view word);  // "failed", in any case; "Failed (x)" too

struct StatusRecipient {
  std::string address;   // Final-Recipient, or what the report has in its place; without type, <> and source route
  std::string original;  // Original-Recipient; may be empty
  Action action = Action::none;
  reply::EnhancedCode status;
  std::string status_comment;   // "mailbox disabled" of "5.2.1 (mailbox disabled)"
  std::string remote_mta;       // the name alone
  std::string diagnostic_type;  // "smtp", "x-unix"; lower case; empty when there is none
  std::string diagnostic;       // without its type, unfolded
  std::string reason;           // X-Postil-Reason: a knowledge::Reason; empty in others' reports
};

struct StatusReport {
  std::string reporting_mta;
  std::vector<StatusRecipient> recipients;
};

// text: lines with LF, also with other text before and behind the fields. At most recipients_max recipients are read.
// Linear; pure.
StatusReport read_delivery_status(std::string_view text, std::size_t recipients_max);

// "rfc822; <@relay:user@host>" is user@host.
std::string bare_address(std::string_view field);

}  // namespace postil::dsn
