#include "route/trouble.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "route/block_words.hpp"

namespace postil::route {
namespace {

using reply::EnhancedCode;
using smtp::Stage;
using smtp::Trouble;

// ---- the table's columns -----------------------------------------------------------------------------------------

constexpr unsigned at(auto... stages) {
  return ((1u << static_cast<unsigned>(stages)) | ...);
}
constexpr unsigned at_greeting = at(Stage::greeting);
constexpr unsigned at_ehlo = at(Stage::ehlo);
constexpr unsigned at_auth = at(Stage::auth);
constexpr unsigned at_idle = at(Stage::idle);
constexpr unsigned at_mail = at(Stage::mail);
constexpr unsigned at_rcpt = at(Stage::rcpt);
constexpr unsigned at_message = at(Stage::data, Stage::body, Stage::end_of_data);
constexpr unsigned in_transaction = at_mail | at_rcpt | at_message;
constexpr unsigned anywhere = ~0u;

// Conditions besides stage and code; all that a row names must hold.
enum When : unsigned {
  always = 0,
  smarthost = 1 << 0,
  reused = 1 << 1,
  others_taken = 1 << 2,
  in_clear = 1 << 3,
  may_be_in_clear = 1 << 4,
  no_mail_at_all = 1 << 5,  // says_no_mail_at_all()
  block = 1 << 6,           // the text names a block
  bare = 1 << 7,            // no enhanced code
  too_many = 1 << 8,        // X.5.3
  system_status = 1 << 9,   // X.3.*: the server's own state, not the message's
  size_status = 1 << 10,    // X.3.4, X.2.3
  greylist_words = 1 << 11,
  rate_words = 1 << 12,     // or X.7.28
  policy_status = 1 << 13,  // X.7.*
};

enum Next : unsigned { none = 0, hosts = 1, connection = 2, without_tls = 4 };

using enum reply::Scope;
constexpr auto wait = reply::Permanence::temporary;
constexpr auto fail = reply::Permanence::permanent;
constexpr auto good = reply::Permanence::success;
constexpr EnhancedCode by_code{};  // status_of_code()

struct Row {
  unsigned stages;
  Trouble trouble;  // none: the reply decides
  int low, high;    // its code; 0 to 999 also where there is no reply
  unsigned when;
  reply::Scope scope;
  reply::Permanence permanence;
  Cause cause;
  unsigned next;
  EnhancedCode status;  // where the reply gives none that fits
};

// The first row that fits decides.
constexpr Row table[] = {
    // clang-format off
    // ---- it went well
    {anywhere,       Trouble::none, 200, 299, always,             message,   good, Cause::delivered,            none,               {2, 0, 0}},

    // ---- at the door: the host, not the message
    {at_greeting | at_ehlo, Trouble::none, 500, 599, smarthost,   host,      wait, Cause::smarthost_refused,    hosts,              {4, 3, 2}},
    {at_greeting | at_ehlo, Trouble::none, 521, 521, no_mail_at_all, host,   fail, Cause::host_accepts_no_mail, hosts,              {5, 3, 2}},
    {at_greeting | at_ehlo, Trouble::none, 500, 599, block,       host,      wait, Cause::refused_us,           hosts,              {4, 7, 1}},
    {at_greeting | at_ehlo, Trouble::none, 500, 599, always,      host,      wait, Cause::refused_us,           hosts,              {4, 3, 2}},
    {at_greeting | at_ehlo, Trouble::none, 400, 499, rate_words,  host,      wait, Cause::rate_limited,         hosts,              {4, 3, 2}},
    {at_greeting | at_ehlo, Trouble::none, 400, 499, always,      host,      wait, Cause::host_deferred,        hosts,              {4, 3, 2}},
    {at(Stage::starttls),   Trouble::none, 400, 599, always,      host,      wait, Cause::host_deferred,        hosts,              by_code},

    // ---- our login
    {at_auth, Trouble::none,          400, 499, always,           host,      wait, Cause::host_deferred,        hosts,              by_code},
    {at_auth, Trouble::auth_rejected, 400, 499, always,           host,      wait, Cause::auth_failed,          hosts,              by_code},
    // The other hosts have the same accounts: asking them all might lock ours.
    {anywhere, Trouble::auth_rejected,     0, 999, always,        host,      wait, Cause::auth_failed,          none,               {4, 7, 8}},
    {anywhere, Trouble::auth_not_offered,  0, 999, always,        host,      wait, Cause::auth_failed,          hosts,              {4, 7, 0}},
    {anywhere, Trouble::auth_no_mechanism, 0, 999, always,        host,      wait, Cause::auth_failed,          hosts,              {4, 7, 0}},
    {at_mail | at_rcpt, Trouble::none, 530, 530, smarthost,       host,      wait, Cause::auth_failed,          none,               {4, 7, 0}},
    {at_mail | at_rcpt, Trouble::none, 534, 538, smarthost,       host,      wait, Cause::auth_failed,          none,               {4, 7, 8}},

    // ---- the session, not the message
    {at_idle,        Trouble::none, 400, 599, always,             session,   wait, Cause::host_deferred,        hosts | connection, {4, 3, 2}},
    {in_transaction, Trouble::none, 421, 421, rate_words,         session,   wait, Cause::rate_limited,         hosts,              {4, 3, 2}},
    {in_transaction, Trouble::none, 421, 421, reused,             session,   wait, Cause::host_deferred,        hosts | connection, {4, 3, 2}},
    {in_transaction, Trouble::none, 421, 421, always,             session,   wait, Cause::host_deferred,        hosts,              {4, 3, 2}},
    // On a fresh connection a 503 is a refusal in a strange form; on a used one the server has lost the thread.
    {in_transaction, Trouble::none, 503, 503, reused,             session,   wait, Cause::protocol_error,       hosts | connection, {4, 5, 1}},

    // ---- MAIL
    {at_mail, Trouble::none, 530, 530, in_clear,                  host,      wait, Cause::tls_failed,           hosts,              {4, 7, 0}},
    {at_mail, Trouble::none, 400, 499, system_status,             host,      wait, Cause::host_deferred,        hosts,              by_code},
    {at_mail, Trouble::none, 452, 452, bare,                      host,      wait, Cause::host_deferred,        hosts,              {4, 3, 1}},
    {at_mail, Trouble::none, 552, 552, bare,                      message,   fail, Cause::too_big,              none,               {5, 3, 4}},
    {at_mail, Trouble::none, 553, 553, always,                    message,   fail, Cause::message_refused,      none,               {5, 1, 7}},

    // ---- RCPT
    // Too many recipients: 452, or 552 as RFC 821 had it. The others go in the next transaction. [rfc5321 4.5.3.1.10]
    {at_rcpt, Trouble::none, 552, 552, others_taken | bare,       recipient, wait, Cause::recipient_deferred,   none,               {4, 5, 3}},
    {at_rcpt, Trouble::none, 500, 599, others_taken | too_many,   recipient, wait, Cause::recipient_deferred,   none,               {4, 5, 3}},
    {at_rcpt, Trouble::none, 452, 452, others_taken,              recipient, wait, Cause::recipient_deferred,   none,               {4, 5, 3}},
    {at_rcpt, Trouble::none, 400, 499, too_many,                  recipient, wait, Cause::recipient_deferred,   none,               by_code},
    {at_rcpt, Trouble::none, 400, 499, greylist_words,            recipient, wait, Cause::greylisted,           none,               by_code},
    {at_rcpt, Trouble::none, 400, 499, rate_words,                recipient, wait, Cause::rate_limited,         none,               by_code},
    // A policy (greylisting under another name, a limit, a reputation) holds for the domain, and is to be waited for:
    // going round by its other hosts is what such a policy is there to stop. Anything else may be the one host's
    // trouble with its table of recipients or with the mailbox, and the client tries the next [rfc5321 5.1].
    {at_rcpt, Trouble::none, 400, 499, policy_status,             recipient, wait, Cause::recipient_deferred,   none,               by_code},
    {at_rcpt, Trouble::none, 400, 499, always,                    recipient, wait, Cause::recipient_deferred,   hosts,              by_code},
    {at_rcpt, Trouble::none, 500, 599, always,                    recipient, fail, Cause::recipient_refused,    none,               by_code},

    // ---- the message: MAIL, DATA, BDAT and the end
    {at_message, Trouble::none, 400, 499, system_status,          host,      wait, Cause::host_deferred,        hosts,              by_code},
    {at_mail | at_message, Trouble::none, 400, 499, greylist_words, message, wait, Cause::greylisted,           none,               by_code},
    {at_mail | at_message, Trouble::none, 400, 499, rate_words,   message,   wait, Cause::rate_limited,         none,               by_code},
    // As with a recipient: a policy holds for the domain, anything else may be the one host's trouble (its disk, its
    // filter), and a backup host is there for that. A refusal after the last dot is a word that the server has not
    // taken the message [rfc5321 4.2.5, 4.5.4.1, 5.1]: the next host makes no second copy.
    {at_mail | at_message, Trouble::none, 400, 499, policy_status, message,  wait, Cause::message_deferred,     none,               by_code},
    {at_mail | at_message, Trouble::none, 400, 499, always,       message,   wait, Cause::message_deferred,     hosts,              by_code},
    {at_mail | at_message, Trouble::none, 500, 599, size_status,  message,   fail, Cause::too_big,              none,               {5, 3, 4}},
    {at_mail | at_message, Trouble::none, 500, 599, always,       message,   fail, Cause::message_refused,      none,               by_code},

    // ---- no reply, or none that counts
    {at(Stage::connect), Trouble::connection_lost, 0, 999, always, host,     wait, Cause::connect_failed,       hosts,              {4, 4, 1}},
    {at(Stage::connect), Trouble::timed_out,       0, 999, always, host,     wait, Cause::connect_failed,       hosts,              {4, 4, 1}},
    {at_idle | at_mail, Trouble::connection_lost,  0, 999, reused, session,  wait, Cause::connection_lost,      hosts | connection, {4, 4, 2}},
    {at_idle | at_mail, Trouble::timed_out,        0, 999, reused, session,  wait, Cause::timed_out,            hosts | connection, {4, 4, 2}},
    {anywhere, Trouble::connection_lost,    0, 999, always,       host,      wait, Cause::connection_lost,      hosts,              {4, 4, 2}},
    {anywhere, Trouble::timed_out,          0, 999, always,       host,      wait, Cause::timed_out,            hosts,              {4, 4, 2}},
    {anywhere, Trouble::reply_malformed,    0, 999, always,       host,      wait, Cause::protocol_error,       hosts,              {4, 5, 0}},
    {anywhere, Trouble::reply_too_long,     0, 999, always,       host,      wait, Cause::protocol_error,       hosts,              {4, 5, 0}},
    {anywhere, Trouble::tls_failed,         0, 999, may_be_in_clear, host,   wait, Cause::tls_failed,           hosts | connection | without_tls, {4, 7, 5}},
    {anywhere, Trouble::tls_failed,         0, 999, always,       host,      wait, Cause::tls_failed,           hosts,              {4, 7, 5}},
    {anywhere, Trouble::tls_refused,        0, 999, always,       host,      wait, Cause::tls_failed,           hosts,              {4, 7, 4}},
    {anywhere, Trouble::tls_not_offered,    0, 999, always,       host,      wait, Cause::tls_failed,           hosts,              {4, 7, 4}},
    {anywhere, Trouble::local_shutdown,     0, 999, always,       session,   wait, Cause::shut_down,            none,               {4, 3, 2}},
    {anywhere, Trouble::body_unreadable,    0, 999, always,       message,   wait, Cause::local_trouble,        none,               {4, 3, 0}},
    {anywhere, Trouble::body_line_ends,     0, 999, always,       message,   wait, Cause::local_trouble,        none,               {4, 6, 0}},

    // ---- what should not be: a refusal to QUIT, a 3yz
    {anywhere, Trouble::none,               0, 999, always,       session,   wait, Cause::protocol_error,       hosts,              {4, 5, 0}},
    // clang-format on
};

// ---- facts of a case ---------------------------------------------------------------------------------------------

std::string text_of(const reply::RemoteReply& reply) {
  std::string out;
  for (const auto& line : reply.lines) {
    out += line;
    out += ' ';
  }
  return to_lower(out);
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

// The enhanced code, where it says the same as the basic one.
EnhancedCode agreed_code(const reply::RemoteReply& reply) {
  return reply.enhanced.klass == reply.code / 100 ? reply.enhanced : EnhancedCode{};
}

unsigned facts_of(const smtp::Outcome& outcome, const Context& context) {
  unsigned facts = 0;
  const auto set = [&](bool holds, unsigned bit) {
    if (holds) facts |= bit;
  };
  set(context.smarthost, smarthost);
  set(context.connection_reused, reused);
  set(context.others_taken, others_taken);
  set(!context.after_tls, in_clear);
  set(!context.tls_required, may_be_in_clear);
  if (!outcome.reply || outcome.reply->positive()) return facts;
  const EnhancedCode code = agreed_code(*outcome.reply);
  const std::string text = text_of(*outcome.reply);
  if (at(outcome.stage) & (at_greeting | at_ehlo)) {
    set(says_no_mail_at_all(*outcome.reply), no_mail_at_all);
    set(names_a_block(text), block);
  }
  set(!code, bare);
  set(code.subject == 5 && code.detail == 3, too_many);
  set(code.subject == 3 && code.detail != 4, system_status);
  set(code.subject == 7, policy_status);
  set((code.subject == 3 && code.detail == 4) || (code.subject == 2 && code.detail == 3), size_status);
  set(has_any(text, {"greylist", "graylist", "grey-list", "gray-list", "grey list"}), greylist_words);
  set((code.subject == 7 && code.detail == 28) ||
          has_any(text,
                  {"rate limit", "ratelimit", "rate-limit", "rate exceeded", "throttl", "too fast",
                   "too many connections", "too many messages", "too many concurrent", "slow down", "sending too"}),
      rate_words);
  return facts;
}

// ---- status ------------------------------------------------------------------------------------------------------

struct CodeStatus {
  int code;
  std::uint16_t subject, detail;
};
constexpr CodeStatus code_status[] = {
    {421, 3, 2}, {432, 7, 12}, {451, 3, 0}, {452, 3, 1}, {453, 3, 2}, {454, 7, 0}, {455, 5, 4},  {500, 5, 2},
    {501, 5, 4}, {502, 5, 1},  {503, 5, 1}, {504, 5, 4}, {521, 3, 2}, {523, 6, 3}, {530, 7, 0},  {534, 7, 9},
    {535, 7, 8}, {538, 7, 11}, {551, 1, 6}, {552, 2, 2}, {553, 1, 3}, {555, 5, 4}, {556, 1, 10},
};

EnhancedCode status_of_code(int code, std::uint8_t klass) {
  const auto found = std::ranges::find(code_status, code, &CodeStatus::code);
  return found == std::end(code_status) ? EnhancedCode{klass, 0, 0}
                                        : EnhancedCode{klass, found->subject, found->detail};
}

std::uint8_t class_of(reply::Permanence permanence) {
  switch (permanence) {
    case reply::Permanence::success:
      return 2;
    case reply::Permanence::temporary:
      return 4;
    case reply::Permanence::permanent:
      return 5;
  }
  return 4;
}

EnhancedCode status_of(const Row& row, const smtp::Outcome& outcome) {
  const std::uint8_t klass = class_of(row.permanence);
  // A reply that did not decide (a 250 where 354 was due) has no say here either.
  const bool has_say = outcome.reply && (row.trouble == Trouble::none || row.trouble == Trouble::auth_rejected ||
                                         row.trouble == Trouble::tls_refused);
  if (has_say && outcome.reply->code >= 200 && outcome.reply->code / 100 != 3) {
    const EnhancedCode code = agreed_code(*outcome.reply);
    if (code && (klass != 2) == (code.klass != 2)) return {klass, code.subject, code.detail};
    if (!row.status) return status_of_code(outcome.reply->code, klass);
  }
  return row.status ? row.status : EnhancedCode{klass, 0, 0};
}

bool fits(const Row& row, const smtp::Outcome& outcome, unsigned facts) {
  if (!(row.stages & at(outcome.stage)) || row.trouble != outcome.trouble || (row.when & ~facts) != 0) return false;
  const int code = outcome.reply ? outcome.reply->code : 0;
  return code >= row.low && code <= row.high;
}

}  // namespace

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::delivered:
      return "delivered";
    case Cause::recipient_deferred:
      return "recipient_deferred";
    case Cause::message_deferred:
      return "message_deferred";
    case Cause::host_deferred:
      return "host_deferred";
    case Cause::rate_limited:
      return "rate_limited";
    case Cause::greylisted:
      return "greylisted";
    case Cause::connect_failed:
      return "connect_failed";
    case Cause::connection_lost:
      return "connection_lost";
    case Cause::timed_out:
      return "timed_out";
    case Cause::protocol_error:
      return "protocol_error";
    case Cause::tls_failed:
      return "tls_failed";
    case Cause::dns_temporary:
      return "dns_temporary";
    case Cause::dns_bogus:
      return "dns_bogus";
    case Cause::refused_us:
      return "refused_us";
    case Cause::smarthost_refused:
      return "smarthost_refused";
    case Cause::auth_failed:
      return "auth_failed";
    case Cause::local_trouble:
      return "local_trouble";
    case Cause::shut_down:
      return "shut_down";
    case Cause::recipient_refused:
      return "recipient_refused";
    case Cause::message_refused:
      return "message_refused";
    case Cause::host_accepts_no_mail:
      return "host_accepts_no_mail";
    case Cause::null_mx:
      return "null_mx";
    case Cause::only_invalid_null_mx:
      return "only_invalid_null_mx";
    case Cause::domain_not_found:
      return "domain_not_found";
    case Cause::no_address:
      return "no_address";
    case Cause::mail_loop:
      return "mail_loop";
    case Cause::needs_8bitmime:
      return "needs_8bitmime";
    case Cause::needs_smtputf8_address:
      return "needs_smtputf8_address";
    case Cause::needs_smtputf8_header:
      return "needs_smtputf8_header";
    case Cause::needs_binarymime:
      return "needs_binarymime";
    case Cause::needs_deliverby:
      return "needs_deliverby";
    case Cause::too_big:
      return "too_big";
    case Cause::dane_lookup_failed:
      return "dane_lookup_failed";
    case Cause::dane_failed:
      return "dane_failed";
    case Cause::dane_missing:
      return "dane_missing";
    case Cause::sts_failed:
      return "sts_failed";
    case Cause::sts_not_listed:
      return "sts_not_listed";
    case Cause::requiretls_unsupported:
      return "requiretls_unsupported";
  }
  return "host_deferred";
}

bool says_no_mail_at_all(const reply::RemoteReply& reply) {
  if (reply.code != 521) return false;
  if (reply.enhanced && !(reply.enhanced.subject == 3 && reply.enhanced.detail == 2)) return false;
  return !names_a_block(text_of(reply));
}

Judgement judge(const smtp::Outcome& outcome, const Context& context) {
  const unsigned facts = facts_of(outcome, context);
  const auto row = std::ranges::find_if(table, [&](const Row& r) { return fits(r, outcome, facts); });
  // Every trouble has a row without conditions.
  POSTIL_ASSERT(row != std::end(table));
  Judgement out;
  out.scope = row->scope;
  out.permanence = row->permanence;
  out.cause = row->cause;
  out.status = status_of(*row, outcome);
  // The server may have the whole message: a line that breaks between the last dot and its reply leaves that open
  // [rfc5321 4.5.3.2.6], and another host would surely make a second copy. The next attempt may make one as well, but
  // without it the message might be lost. Only a refusal says that the server has not taken it [rfc5321 4.2.1].
  const bool refused = outcome.trouble == Trouble::none && outcome.reply && outcome.reply->code >= 400;
  const unsigned next = context.sent_to_end && !refused ? static_cast<unsigned>(none) : row->next;
  out.try_other_hosts = next & hosts;
  out.try_other_connection = next & connection;
  out.try_without_tls = next & without_tls;
  return out;
}

Judgement judge_missing(smtp::Missing missing) {
  Judgement out{host, fail, Cause::too_big, true, false, false, {5, 3, 4}};
  switch (missing) {
    case smtp::Missing::eight_bit_mime:
      out.cause = Cause::needs_8bitmime;
      out.status = {5, 6, 3};  // conversion required but not supported
      break;
    case smtp::Missing::binarymime:
      out.cause = Cause::needs_binarymime;
      out.status = {5, 6, 3};
      break;
    case smtp::Missing::smtputf8_address:  // [rfc6531 3.5]
      out.cause = Cause::needs_smtputf8_address;
      out.status = {5, 6, 7};
      break;
    case smtp::Missing::smtputf8_header:
      out.cause = Cause::needs_smtputf8_header;
      out.status = {5, 6, 9};
      break;
    case smtp::Missing::deliverby:
      out.cause = Cause::needs_deliverby;
      out.status = {5, 3, 3};  // not capable of selected features
      break;
    case smtp::Missing::size:
      break;
    case smtp::Missing::none:
      POSTIL_ASSERT(!"nothing is missing");
  }
  return out;
}

Judgement judge_cause(Cause cause) {
  const auto refuse = [&](EnhancedCode status) {
    return Judgement{recipient, fail, cause, false, false, false, status};
  };
  const auto later = [&](EnhancedCode status) { return Judgement{host, wait, cause, false, false, false, status}; };
  switch (cause) {
    case Cause::null_mx:
      return refuse({5, 1, 10});  // [rfc7505 4.2]
    case Cause::only_invalid_null_mx:
      return refuse({5, 4, 4});
    case Cause::domain_not_found:
      return refuse({5, 1, 2});
    case Cause::no_address:
      return refuse({5, 4, 4});
    case Cause::mail_loop:
      return refuse({5, 4, 6});
    case Cause::host_accepts_no_mail:
      return {host, fail, cause, true, false, false, {5, 3, 2}};
    case Cause::connect_failed:
      return {host, wait, cause, true, false, false, {4, 4, 1}};
    case Cause::dns_temporary:
    case Cause::dns_bogus:
      return later({4, 4, 3});
    // The owner of the domain mends it, or an attacker is on the way: never in clear, never for good at once.
    case Cause::dane_lookup_failed:
    case Cause::dane_failed:
    case Cause::sts_failed:
      return {host, wait, cause, true, false, false, {4, 7, 5}};
    case Cause::dane_missing:
    case Cause::sts_not_listed:
      return {host, wait, cause, true, false, false, {4, 7, 4}};
    case Cause::requiretls_unsupported:
      return {host, fail, cause, true, false, false, {5, 7, 30}};  // [rfc8689 4.2.1]
    case Cause::shut_down:
      return later({4, 3, 2});
    case Cause::local_trouble:
      return later({4, 3, 0});
    default:
      break;
  }
  POSTIL_ASSERT(!"a session tells this cause");
}

std::size_t deciding(std::span<const Judgement> hosts) {
  POSTIL_ASSERT(!hosts.empty());
  const auto tells = [](const Judgement& j) {
    if (j.permanence != wait) return j.cause == Cause::host_accepts_no_mail ? 0 : 1;
    switch (j.cause) {
      case Cause::connect_failed:
        return 2;
      case Cause::connection_lost:
      case Cause::timed_out:
        return 3;
      case Cause::protocol_error:
      case Cause::tls_failed:
      case Cause::dane_lookup_failed:
      case Cause::dane_failed:
      case Cause::dane_missing:
      case Cause::sts_failed:
      case Cause::sts_not_listed:
        return 4;
      default:
        return 5;
    }
  };
  return static_cast<std::size_t>(std::ranges::max_element(hosts, {}, tells) -
                                  hosts.begin());  // the first of equal ones
}

}  // namespace postil::route
