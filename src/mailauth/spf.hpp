// check_host(): may this client send mail with that identity? [rfc7208 4]
//
//   SpfCheck check(spf_mail_from(client, helo, mail_from));
//   while (const auto* question = check.question()) check.answer(ask(*question));
//   check.outcome().result ...
//
// No I/O, no clock: the caller asks DNS, one question at a time, and calls time_up() when it has waited long enough
// ([rfc7208 4.6.4] wants at least 20 s). The outcome holds every record that was read, as a tree, for showing.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/ip.hpp"
#include "dns/answer.hpp"
#include "mailauth/question.hpp"
#include "mailauth/spf_macro.hpp"
#include "mailauth/spf_record.hpp"

namespace postil::mailauth {

enum class SpfResult : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };  // [rfc7208 2.6]
std::string_view to_string(SpfResult result);  // "softfail", as in Authentication-Results

// Why the result is what it is. `name` and `count` stand beside it in the outcome.
enum class SpfReason : std::uint8_t {
  matched,                  // A mechanism matched; its qualifier is the result.
  nothing_matched,          // Neutral: no mechanism matched, and there is no redirect [rfc7208 4.7].
  redirected,               // The record that redirect names gave the result.
  malformed_domain,         // None: the domain is no name with two labels or more [rfc7208 4.3].
  no_domain,                // None: DNS does not know the domain.
  no_record,                // None: it has no SPF record.
  several_records,          // Permerror: it has more than one [rfc7208 4.5].
  syntax,                   // Permerror: a record has errors.
  include_without_record,   // Permerror: `name` is included and has no record, or is no name [rfc7208 5.2].
  redirect_without_record,  // Permerror: redirect names `name`, which has none [rfc7208 6.1].
  loop,                     // Permerror: `name` includes itself or redirects to itself.
  too_many_lookups,         // Permerror: more terms that ask DNS than allowed [rfc7208 4.6.4].
  too_many_void_lookups,    // Permerror: too many of them found nothing.
  too_many_mx,              // Permerror: `name` has `count` MX records; ten are allowed.
  dns_failure,              // Temperror: DNS gave no answer about `name`.
  time_up,                  // Temperror: it took too long.
};
std::string_view to_string(SpfReason reason);

struct SpfInput {
  address::Ip client;   // an IPv4-mapped IPv6 address counts as IPv4
  bool nobody = false;  // the client stands for hosts that no term names: only what matches everybody matches it
  std::string domain;   // whose record is looked at first
  std::string sender;   // "local@domain"; without a local part it is postmaster's [rfc7208 4.3]
  std::string helo;
  std::string receiver;           // our own name, for %{r}; "" = "unknown"
  std::int64_t unix_seconds = 0;  // now, for %{t}
};
// For the MAIL FROM identity; mail_from "" or "<>" (a bounce) is postmaster@helo [rfc7208 2.4].
SpfInput spf_mail_from(const address::Ip& client, std::string_view helo, std::string_view mail_from);
// For the HELO identity [rfc7208 2.3].
SpfInput spf_helo(const address::Ip& client, std::string_view helo);

struct SpfLimits {
  int lookups = 10;      // terms that ask DNS
  int void_lookups = 2;  // of which DNS knows nothing
  int mx_hosts = 10;
  int ptr_names = 10;
};

enum class SpfMode : std::uint8_t {
  check_host,        // as a receiver does it: stops at the first match
  count_everything,  // walks all records that can be reached, whoever the client is, to tell their look-ups. Terms that
                     // depend on the message (%{i}, %{l} ...) are counted and not asked; hosts of MX records and the
                     // explanation are not asked either. The result is the same as in check_host as far as it can be
                     // known without them.
};

enum class SpfTermOutcome : std::uint8_t { no_match, match, error, not_asked };

struct SpfTerm {
  std::size_t mechanism = 0;  // its index in record.mechanisms
  std::string target;         // the name, macros expanded; "" for all, ip4, ip6 and what was not asked
  SpfTermOutcome outcome = SpfTermOutcome::no_match;
  bool lookup = false;              // it counts against the limit
  bool is_void = false;             // DNS had nothing
  int lookups_below = 0;            // of the included record and below
  std::optional<std::size_t> node;  // of the included record
};

// One record that was looked at.
struct SpfNode {
  enum class Via : std::uint8_t { start, include, redirect };
  Via via = Via::start;
  std::optional<std::size_t> parent;  // index of the node whose record names it
  std::string domain;
  std::vector<std::string> records;     // the SPF records found; not one: `record` is empty
  std::vector<std::string> lookalikes;  // TXT records that were meant as SPF and are none
  std::optional<SpfRecord> record;
  dns::Status status = dns::Status::ok;  // of the TXT question
  std::vector<SpfTerm> terms;            // those that were looked at
  std::optional<SpfResult> result;       // nothing: never decided, because another record ended the check
  SpfReason reason = SpfReason::nothing_matched;
  std::optional<std::size_t> matched;  // index in record.mechanisms
  int lookups = 0;                     // by its own terms, and by all records below it
  int void_lookups = 0;
};

struct SpfOutcome {
  SpfResult result = SpfResult::none;
  SpfReason reason = SpfReason::no_record;
  std::string name;  // see SpfReason
  int count = 0;
  int lookups = 0;  // all that were counted; in check_host at most one over the limit
  int void_lookups = 0;
  // Where the match is: a node reached from the start by redirects only, and its mechanism.
  std::optional<std::size_t> matched_node;
  std::optional<std::size_t> matched_mechanism;
  std::string explanation;     // what the domain says about a fail; "" when it says nothing. A third party's text!
  std::vector<SpfNode> nodes;  // the start is the first; parents stand before children
  bool incomplete = false;     // count_everything met more records or questions than it may ask

  std::string_view matched_text() const;  // "-all"; "" when nothing matched
};

// The first `bits` bits of the 128 (IPv4 is mapped) are the same.
bool same_bits(const address::Ip& a, const address::Ip& b, int bits);

class SpfCheck {
 public:
  explicit SpfCheck(SpfInput input, SpfLimits limits = {}, SpfMode mode = SpfMode::check_host);

  // The next question, or nullptr when it is done. Valid until the answer is given.
  const DnsQuestion* question() const { return waiting_ == Waiting::nothing ? nullptr : &question_; }
  // To be called only when there is a question.
  void answer(const dns::Answer& answer);
  // No more questions; temperror, if the result is not known yet.
  void time_up();

  bool done() const { return waiting_ == Waiting::nothing; }
  const SpfOutcome& outcome() const { return outcome_; }  // whole when done()

 private:
  enum class Waiting : std::uint8_t { nothing, record, address, exists, mx, mx_host, ptr, ptr_host, explanation };
  struct Frame {
    std::size_t node = 0;
    std::size_t next = 0;     // index of the mechanism
    bool begun = false;       // the mechanism, or after the last one the redirect, has been counted
    bool redirected = false;  // the redirect is done
  };

  SpfNode& node(const Frame& frame) { return outcome_.nodes[frame.node]; }
  const SpfMechanism& mechanism(const Frame& frame) { return node(frame).record->mechanisms[frame.next]; }
  SpfTerm& term(const Frame& frame) { return node(frame).terms.back(); }
  bool counting() const { return mode_ == SpfMode::count_everything; }
  bool live() const;
  bool questions_left();

  void run();
  void step();
  void conclude();
  void finish();
  void push(SpfNode::Via via, std::string_view domain);
  void pop();
  void decide(SpfResult result, SpfReason reason);
  void fail(SpfResult result, SpfReason reason, std::string_view name, int count = 0);
  void settle(bool match);
  void next_term();

  enum class Target : std::uint8_t { good, malformed, never_matches, depends_on_message, later };
  Target find_target(const SpfMacroString& text, std::string_view domain, std::string& out);
  SpfMacroValues macro_values(std::string_view domain) const;
  void run_term();
  void run_target(SpfMechanismKind kind, Target target, const std::string& name);
  void run_redirect();
  bool count_lookup();
  void count_void();
  bool loops(std::string_view domain) const;

  void ask(Waiting what, std::string name, dns::Type type);
  void ask_address(Waiting what, std::string name);
  void ask_names_of_client();
  void take_record(const dns::Answer& answer);
  void take_address(const dns::Answer& answer);
  void take_mx(const dns::Answer& answer);
  void take_mx_host(const dns::Answer& answer);
  void take_ptr(const dns::Answer& answer);
  void take_ptr_host(const dns::Answer& answer);
  void next_mx_host();
  void next_ptr_host();
  bool holds_client(const dns::Answer& answer, int prefix4, int prefix6) const;
  bool dns_failed(const dns::Answer& answer);
  void ask_explanation();
  void take_explanation(const dns::Answer& answer);
  void explain();

  SpfInput input_;
  std::string sender_local_;
  std::string sender_domain_;
  SpfLimits limits_;
  SpfMode mode_;
  SpfOutcome outcome_;
  std::vector<Frame> stack_;
  Waiting waiting_ = Waiting::nothing;
  DnsQuestion question_;
  std::deque<std::string> names_;                      // hosts of an MX or PTR answer still to be asked
  std::optional<std::vector<std::string>> validated_;  // the client's names [rfc7208 5.5]
  std::optional<SpfMacroString> explanation_;          // the TXT record that exp points to
  std::size_t final_node_ = 0;                         // whose result it is
  int live_lookups_ = 0;
  int live_voids_ = 0;
  int questions_ = 0;
  bool finished_ = false;
};

}  // namespace postil::mailauth
