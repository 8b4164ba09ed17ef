// What the queue knows of a message: its envelope, which never changes after the 250, and the state of
// each recipient, which does. Both have a binary form for the store; the codec refuses what it cannot read.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "queue/reason.hpp"
#include "reply/code.hpp"

namespace postil::queue {

// NOTIFY of RFC 3461. unset: the default, failure and (we add) delay.
enum Notify : std::uint8_t {
  notify_unset = 0,
  notify_never = 1,
  notify_success = 2,
  notify_failure = 4,
  notify_delay = 8
};

enum class Body : std::uint8_t { seven_bit, eight_bit, binary };                            // BODY= of MAIL
enum class Return : std::uint8_t { unset, full, headers };                                  // RET= of MAIL
enum class Kind : std::uint8_t { mail, bounce, delay_notice, success_report, tls_report };  // by a client, or by us

enum class By : std::uint8_t { none, notify, give_back };  // BY= of MAIL

struct Recipient {
  std::string address;   // where it goes: canonical local@domain, domain in lower case as it came
  std::string original;  // ORCPT as it came, "rfc822;Bob+20Smith@example.org", xtext; empty: none was given
  std::uint8_t notify = notify_unset;
};

struct Envelope {
  MessageId id;
  Kind kind = Kind::mail;
  WallTime arrived;
  WallTime expires;    // a failed attempt made after this returns the message
  std::string sender;  // reverse path; "" = <>
  std::vector<Recipient> recipients;
  Body body = Body::seven_bit;  // as declared
  bool smtputf8 = false;        // as declared
  Return ret = Return::unset;
  std::string envid;  // xtext as it came
  // Facts seen while the message streamed in; what the next hop must be able to take. [rfc6152] [rfc6531]
  bool body_8bit = false;           // an octet over 127 in the body
  bool header_utf8 = false;         // an octet over 127 in the header
  std::uint64_t size_octets = 0;    // of the stored message, with our header fields
  std::uint32_t header_octets = 0;  // of its header block, the empty line included
  std::string login;                // account that submitted; "" = none
  std::string client;               // address that it came from, "192.0.2.1" or "local"
  std::string language;             // BCP 47 list for reports, from the account or Content-Language; may be ""
  MessageId report_of;              // for our own reports: the message they are about
  // SHA-256 of the body in DKIM's relaxed form, made while it streamed in; "" = not made (no key then, or an older
  // version)
  std::string body_hash;
  bool requiretls = false;    // REQUIRETLS of MAIL: TLS all the way, or back it goes [rfc8689 4.2.1]
  bool tls_optional = false;  // `TLS-Required: No` in the header: recipients' TLS policies are put aside
  // HOLDFOR or HOLDUNTIL: nothing leaves before this; 0 = at once. `expires` counts from it. [rfc4865]
  WallTime release;
  std::string hold_request;  // "for;3600": as reports name it
  // BY: until when it is to be delivered, and what becomes of it otherwise. [rfc2852]
  WallTime deliver_by;
  By by = By::none;
  bool by_trace = false;     // each relay tells the sender
  std::int8_t priority = 0;  // MT-PRIORITY, -9 to 9 [rfc6710]
};

enum class RecipientStatus : std::uint8_t {
  waiting,    // due now or later
  delivered,  // the next hop answered 250
  failed,     // for good; a bounce was made where one is due
  expired,    // its time was over
  removed,    // an admin took it out (drop or return)
};

// A recipient's state as it is written to the store after each attempt.
struct RecipientState {
  std::uint32_t index = 0;  // into Envelope::recipients
  RecipientStatus status = RecipientStatus::waiting;
  Reason reason = Reason::new_message;
  reply::EnhancedCode code;  // the status that a report would give
  std::uint16_t attempts = 0;
  bool delay_notified = false;
  WallTime last_attempt;           // 0 = none yet
  WallTime next_attempt;           // while waiting
  std::string remote;              // "mx1.example.net [192.0.2.7]"; empty: no host was reached
  std::string diagnostic;          // the remote's reply in one line, or our own words; printable, at most 1,000 octets
  bool diagnostic_remote = false;  // the remote said it
  WallTime diagnostic_time;        // when it said so, where that was before the last attempt; 0 = in the attempt
  Reason last_reason = Reason::new_message;  // expired: what the last attempt met
  reply::EnhancedCode last_code;             // ... and its status; `code` says that the time was over
  WallTime refused_since;  // since when hosts have refused *us* (521 with a block's wording, 554 greeting); 0 = not
};

struct MessageState {
  MessageId id;
  bool held = false;                       // an admin holds it: no attempts until release
  std::vector<RecipientState> recipients;  // all of them, or in an update those that changed
};

enum class CodecError : std::uint8_t { truncated, bad_value, newer_version };

// Binary forms. Little-endian, versioned, self-contained; docs/formats/spool.md.
std::string encode(const Envelope& envelope);
std::expected<Envelope, CodecError> decode_envelope(std::string_view octets);
std::string encode(const MessageState& state);
std::expected<MessageState, CodecError> decode_state(std::string_view octets);

}  // namespace postil::queue
