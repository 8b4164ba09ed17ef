// Whose failure is it? The one table that turns what a next hop said, or how it failed, into a judgement: what it
// concerns, whether time may mend it, and what else is tried now. Pure; a reply's code decides [rfc5321 4.2], with two
// exceptions that the table names: the text of a 521 (block_words.hpp), and words that only give a cause its name
// (greylisting, rate limits).
//
//   one recipient of a transaction      judge(outcome, context)
//   a transaction that was not sent     judge_missing(missing)
//   DNS, or the plan of hosts           judge_cause(cause)
//   no host took the message            deciding(judgements of the hosts, in order)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reply/reply.hpp"
#include "smtp/client_session.hpp"

namespace postil::route {

// Why a recipient waits or has failed; the names are those of queue::Reason, which lies beside this module.
enum class Cause : std::uint8_t {
  delivered,
  recipient_deferred,
  message_deferred,
  host_deferred,
  rate_limited,
  greylisted,
  connect_failed,
  connection_lost,
  timed_out,
  protocol_error,
  tls_failed,
  dns_temporary,
  dns_bogus,
  refused_us,
  smarthost_refused,
  auth_failed,
  local_trouble,
  shut_down,
  recipient_refused,
  message_refused,
  host_accepts_no_mail,
  null_mx,
  only_invalid_null_mx,
  domain_not_found,
  no_address,
  mail_loop,
  needs_8bitmime,
  needs_smtputf8_address,
  needs_smtputf8_header,
  needs_binarymime,
  needs_deliverby,
  too_big,
  dane_lookup_failed,
  dane_failed,
  dane_missing,
  sts_failed,
  sts_not_listed,
  requiretls_unsupported,
};
std::string_view to_string(Cause cause);  // as queue::to_string(Reason)

struct Judgement {
  reply::Scope scope = reply::Scope::host;
  // permanent with scope host: this host will never take it. Whether the recipient has failed, conclude() says.
  reply::Permanence permanence = reply::Permanence::temporary;
  Cause cause = Cause::host_deferred;
  bool try_other_hosts = false;       // now, in this attempt; for the recipients that this judgement is about
  bool try_other_connection = false;  // the same host may be asked at once by a new connection
  bool try_without_tls = false;       // ... and without TLS
  reply::EnhancedCode status;         // [rfc3463]; for the DSN. Class 2, 4 or 5 as permanence says
  friend bool operator==(const Judgement&, const Judgement&) = default;
};

struct Context {
  bool smarthost = false;          // the next hop is configured, not found by DNS
  bool connection_reused = false;  // it had carried a transaction before this one
  bool sent_to_end = false;        // TransactionResult::sent_to_end
  bool others_taken = false;       // the server took other recipients of this transaction at RCPT: some outcome has a
                                   // later stage, whatever became of the message
  bool after_tls = false;          // TLS was up
  bool tls_required = false;       // nothing may go in clear
};

// outcome: of a recipient, or ClientClose::why when no transaction was open.
//
// Status: the server's own code when its class is that of its reply; with class 4 where a 5yz is judged temporary. Else
// by the reply's code as far as RFC 5321 says what it means: 521 5.3.2, 556 5.1.10, 552 5.2.2 (5.3.4 at MAIL, where
// SIZE is refused), 553 5.1.3 (5.1.7 at MAIL), 551 5.1.6, 452 4.3.1 (4.5.3 at RCPT), 451 4.3.0, 421 4.3.2, the AUTH
// codes as RFC 4954 6. 550 and 554 may mean anything: 5.0.0.
Judgement judge(const smtp::Outcome& outcome, const Context& context);

Judgement judge_missing(smtp::Missing missing);  // not none
// Causes that no session tells: DNS, loops, null MX.
Judgement judge_cause(Cause cause);

// After all hosts of an attempt were asked, or skipped for what they said lately: which of them decides for the
// recipients. Reason, status, name and words in a report are all this one host's. hosts: not empty, in the order in
// which they were asked; gives an index.
//
// One host that may do it later is enough to wait. Of those that may, the one that told most: a reply, before an answer
// that was none and TLS that failed, before a connection that was lost, before one that could not be made; of equal
// ones the first, which is the best host. When none may do it later, the first that lacks what the message needs; when
// all take no mail (5.3.2), the first of them.
std::size_t deciding(std::span<const Judgement> hosts);

// A 521 that means what RFC 7504 says: no other enhanced code than X.3.2, and no word of a block.
bool says_no_mail_at_all(const reply::RemoteReply& reply);

}  // namespace postil::route
