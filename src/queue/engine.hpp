// The queue engine: pure. step(now, input) -> effects. It decides who is tried when, keeps sites within their
// limits and senders fair, and says what is to be written down; it reads no clock, disk or network.
//
//   Arrived ─► [scheduled: due at next_attempt] ─► [ready at its site] ─► StartAttempt ─► AttemptDone ─► Persist
//                        ▲                                                                     │
//                        └───────────────────── deferred, with a reason ◄──────────────────────┘
//
// A site is a domain, or the smarthost. Domains with the same MX hosts are one destination: they share one Pace, with
// its limits of connections and rate. Ready work of a site goes round-robin over its senders, and who has little under
// way goes before who has much: so one sender's 100,000 messages do not hold up another's one, wherever they go. A
// site of which nothing is known yet gets one attempt first, so that dead ones take no room from those that live. No
// address text of waiting mail is kept. Wall time enters only for expiry and for what is written; waits run on the
// monotonic clock, so that a jump of the wall clock causes neither returns nor a storm of retries.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "queue/envelope.hpp"
#include "queue/pace.hpp"
#include "queue/reason.hpp"
#include "queue/site_rules.hpp"

namespace postil::queue {

struct EngineSettings {
  std::string fixed_site;              // all mail goes to this site (a smarthost); "" = one per recipient domain
  std::vector<std::string> own_sites;  // beside fixed_site, domains (as matches_name) that are sites of their own
  Duration retry_first = minutes(10);  // wait after the first failed attempt; grows by the factor,
  double retry_factor = 2.0;
  Duration retry_max = hours(4);  // to this; each wait is jittered by up to ± this part:
  double retry_jitter = 0.15;
  Duration greylist_first = minutes(6);      // first wait where the remote greylists
  Duration delay_notice_after = hours(4);    // since arrival, once per recipient; 0 = none
  Duration refused_us_lifetime = days(1);    // hosts refuse us this long: the message is returned
  std::uint32_t attempts_per_site_max = 20;  // at the same time, unless a rule says otherwise
  std::uint32_t messages_per_connection_max = 1000;
  std::vector<SiteRule> site_rules;  // in order
  std::uint32_t attempts_max = 500;  // at the same time, all sites; not counted are
  std::uint32_t probes_max = 1000;   // single attempts at sites that are down, or of which nothing is known yet
  bool probe_new_sites = true;
  std::uint32_t recipients_per_attempt_max = 100;
  std::uint64_t random = 1;  // seed of the jitter
};

// ---- inputs ----------------------------------------------------------------------------------------------

struct Arrived {                        // a message came to be in the store: new mail, a report, or after a restart
  const Envelope* envelope = nullptr;   // read during the step only
  const MessageState* state = nullptr;  // null: all recipients wait, due at once
};
struct RecipientResult {
  std::uint32_t index = 0;
  enum class Outcome : std::uint8_t { delivered, deferred, failed } outcome = Outcome::deferred;
  Reason reason = Reason::local_trouble;
  reply::EnhancedCode code;
  std::string remote;
  std::string diagnostic;
  bool diagnostic_remote = false;
  WallTime diagnostic_time;  // when the remote said it, where that was before the attempt
  bool relayed_without_dsn =
      false;                  // delivered to a host without DSN: a wanted success report says "relayed" [rfc3461 5.2.2]
  bool tell_relayed = false;  // "relayed" is said though nobody asked for a success report [rfc2852 4.1.4]
};
// What the attempt learned of the whole site.
enum class SiteHealth : std::uint8_t {
  unknown,
  good,        // a connection was up and took or refused messages on their own account
  down,        // no host could be reached or none takes mail just now: the site rests, its mail waits with it
  refused_us,  // hosts refuse us (see Reason::refused_us)
};
struct AttemptDone {
  AttemptId attempt;
  std::vector<RecipientResult> results;  // one for each recipient of the attempt
  SiteHealth site = SiteHealth::unknown;
  std::optional<Throttle> throttle;
};
// The MX hosts of an attempt's site, told before it connects. It may be answered by PutBack: the hosts have as many
// connections as they may, with other domains.
struct SiteFound {
  AttemptId attempt;
  std::vector<std::string> hosts;
};
struct TimeCame {};  // the time of WakeAt, or any other time
struct Admin {
  enum class Action : std::uint8_t { retry, hold, release, return_to_sender, drop } action = Action::retry;
  std::vector<MessageId> ids;  // unknown ones and finished ones are passed over
};
struct SettingsChanged {
  EngineSettings settings;
};
using Input = std::variant<Arrived, AttemptDone, SiteFound, TimeCame, Admin, SettingsChanged>;

// ---- effects ---------------------------------------------------------------------------------------------

struct StartAttempt {
  AttemptId attempt;
  MessageId message;
  std::string site;                       // the domain in A-labels or as it came, or the fixed site
  std::vector<std::uint32_t> recipients;  // indices
  WallTime last_attempt;                  // the end of the one before, to a second; 0: some recipient had none yet
  std::uint64_t hosts = 0;                // hash_of_hosts() of its MX hosts as they are known; 0 = not known
  PaceLimits limits;
  std::string sender, login;  // of the message; "" = none
};
// The attempt ends without a result: its recipients wait as if it had not begun.
struct PutBack {
  AttemptId attempt;
};
// To be told in the story of the message whose attempt showed it.
struct PaceChanged {
  MessageId message;
  std::string site;
  PaceChange change;
};
// To be written as one batch with the reports that it asks for. `finished`: nobody waits any more, the message
// is deleted in that batch. The engine goes on at once: a crash before the batch is on disk repeats the attempt.
struct Persist {
  MessageState changes;                // recipients that changed only
  std::vector<std::uint32_t> failed;   // for a failure report (only those whose NOTIFY wants it, sender not <>)
  std::vector<std::uint32_t> delayed;  // for a delay notice
  // For a success report: taken by a host without DSN. One with DSN tells the sender itself [rfc3461 5.2.1], and that
  // it was delivered only the last host knows.
  std::vector<std::uint32_t> relayed;
  std::vector<std::uint32_t> unreported;  // failed, but nobody is to be told (<> or NOTIFY=NEVER): told as an event
  bool finished = false;
};
struct WakeAt {
  MonoTime at;  // replaces an earlier one; never = no need
};
using Effect = std::variant<StartAttempt, PutBack, PaceChanged, Persist, WakeAt>;

// ---- views -----------------------------------------------------------------------------------------------

struct GroupRow {  // one line of `postil queue`
  Reason reason = Reason::new_message;
  std::string site;  // the site with the most; with sites > 1 there are more
  std::uint32_t sites = 1;
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  WallTime oldest;                  // arrival of the oldest
  std::optional<Duration> next_in;  // until the next attempt; none while held or being tried
  std::string last_reply;           // of that site
};
// The pace of a site, for `postil queue --by site`.
struct PaceRow {
  std::uint32_t running = 0, connections = 0;  // now; allowed now
  double messages_per_second = 0;              // allowed now; 0 = no limit
  bool slowed = false;                         // below its limits because it said so
  PaceLimits limits;
  std::string rule;                 // that the limits are from; "" = the defaults
  std::vector<std::string> hosts;   // MX hosts; empty where they are not known or not asked for
  std::uint32_t domains = 1;        // with waiting mail that share the pace
  std::vector<PaceChange> changes;  // oldest first
};
struct AgeRow {  // one line of `postil queue --by age`
  std::string site;
  std::uint64_t messages = 0;
  std::vector<std::uint64_t> by_age;  // messages younger than each bound, and behind them the older ones
};
struct Filter {  // all that are set must match
  std::vector<MessageId> ids;
  std::string site;    // recipient's domain
  std::string sender;  // exactly the reverse path or the login
  std::optional<Reason> reason;
  std::optional<Duration> older_than;
  std::optional<bool> held;
  bool all = false;  // an empty filter selects nothing unless this is set
};
struct Totals {
  std::uint64_t messages = 0, recipients = 0, held = 0, attempts_running = 0, sites = 0;
  WallTime oldest;
};

class Engine {
 public:
  explicit Engine(EngineSettings settings);
  ~Engine();
  // Effects are in order; WakeAt at most once, last.
  std::vector<Effect> step(Now now, Input input);
  // While stopping: no StartAttempt any more; results are still taken.
  void stop_starting();

  Totals totals() const;
  std::uint64_t delivered_last_minute(Now now) const;  // recipients; soon after the start, since then
  std::vector<GroupRow> by_reason(Now now) const;
  std::vector<GroupRow> by_site(Now now) const;
  // By name of the site; nothing for one without waiting mail.
  std::optional<PaceRow> pace_of(std::string_view site) const;
  // bounds: ascending. Most messages first; at most rows_max rows.
  std::vector<AgeRow> by_age(Now now, std::span<const Duration> bounds, std::size_t rows_max) const;
  std::vector<MessageId> select(const Filter& filter, Now now, std::size_t count_max) const;
  // Those that an action changes: all of them, but "retry" leaves alone those that are held, by us or by their senders.
  std::vector<MessageId> changed_by(Admin::Action action, std::vector<MessageId> ids) const;
  // How many of them wait for the time that their senders named, and are not held besides.
  std::uint64_t leave_later(const std::vector<MessageId>& ids) const;
  // How many messages of a login wait for the time that they name; O(1).
  std::uint32_t leave_later_of(std::string_view login) const;
  // Of one message: until its next attempt, by recipient index; empty when unknown.
  struct Row {
    std::uint32_t index = 0;
    Reason reason = Reason::new_message;
    std::uint16_t attempts = 0;
    bool held = false, running = false;
    std::optional<Duration> next_in;
  };
  std::vector<Row> rows(MessageId id, Now now) const;
  std::size_t memory_octets() const;  // of waiting mail, estimated from what is allocated

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// In any order and letters; never 0.
std::uint64_t hash_of_hosts(std::span<const std::string> hosts);

}  // namespace postil::queue
