// Inside of the engine; nobody else includes this. The data, and who does what to it:
//   engine.cpp    inputs, arrivals            dispatch.cpp  which job is tried next
//   outcome.cpp   results of attempts         site.cpp      rests and probes of sites, messages judged with them
//   group.cpp     paces, sites that share one admin.cpp     what people ask for
//   views.cpp     what people are shown
//
//   Message ─► Job (its recipients at one site) ─► Waiter (one recipient)
//   Group (a pace) ─► Site ─► Flow (ready jobs of one sender) ─► Job
//
// A job stands in at most one place: in the heap until its first recipient is due, or in a flow of its site, or in
// the site's list of jobs to be judged, or nowhere (held, or all of it is being tried).
#pragma once

#include <algorithm>
#include <array>
#include <unordered_map>

#include "queue/due_heap.hpp"
#include "queue/engine.hpp"
#include "queue/minute_count.hpp"
#include "queue/names.hpp"
#include "queue/schedule.hpp"
#include "queue/slot_table.hpp"
#include "queue/slots.hpp"

namespace postil::queue {

enum class Phase : std::uint8_t { waiting, running, ended };
enum class Pending : std::uint8_t { none, return_to_sender, drop };  // asked for while an attempt runs

// Priorities above 0, 0, and below it; more of them need not be told apart [rfc6710 5].
enum class Urgency : std::uint8_t { high, normal, low };
inline constexpr std::size_t urgency_count = 3;

inline constexpr std::size_t diagnostic_octets_max = 1000;
// All that waits for one pace is walked over to find what is over: not more often than this.
inline constexpr Duration overdue_step = seconds(1);

struct Waiter {
  MonoTime due;
  std::uint32_t index = 0;
  Slot domain = no_slot;                             // name
  Slot next = no_slot;                               // of the same job
  std::int32_t refused_since_seconds = not_refused;  // monotonic
  std::uint32_t last_attempt_seconds = 0;            // wall; 0 = none yet
  std::uint16_t attempts = 0;
  Reason reason = Reason::new_message;
  std::uint8_t notify : 4 = 0;
  std::uint8_t delay_notified : 1 = 0;
  Phase phase : 2 = Phase::waiting;

  static constexpr std::int32_t not_refused = INT32_MIN;
  bool refused() const { return refused_since_seconds != not_refused; }
  MonoTime refused_since() const { return MonoTime(seconds(refused_since_seconds)); }
};
static_assert(sizeof(Waiter) <= 40);

struct Job {
  MonoTime due;  // of its first waiter, while in the heap
  Slot message = no_slot;
  Slot site = no_slot;
  Slot sibling = no_slot;  // next job of the message
  Slot waiters = no_slot;
  Slot heap_at = no_slot;
  Slot flow = no_slot;  // the flow or list that it stands in
  Slot prev = no_slot, next = no_slot;
  std::uint32_t running = 0;  // recipients that are being tried
};

struct Message {
  MessageId id;
  Life life;
  MonoTime due = never;  // the time that BY names [rfc2852]
  Slot heap_at = no_slot;
  Slot login = no_slot;   // names; no_slot where there is none
  Slot sender = no_slot;  // reverse path
  Slot jobs = no_slot;
  std::uint32_t open = 0;  // recipients that have not ended
  Kind kind = Kind::mail;
  Pending pending = Pending::none;
  By by = By::none;
  Urgency urgency = Urgency::normal;
  bool held = false;
  bool later = false;  // it waits for the time that its sender named
  Slot fair_key() const { return login != no_slot ? login : sender; }
};

struct Flow {
  Slot site = no_slot;
  Slot sender = no_slot;                                            // Message::fair_key
  std::array<Slot, urgency_count> jobs{no_slot, no_slot, no_slot};  // rings, by urgency
  std::array<std::uint8_t, urgency_count> passed{};                 // starts of more urgent ones since their last
  Slot prev = no_slot, next = no_slot;
  Slot express_prev = no_slot, express_next = no_slot;
  bool judged = false;   // the site's list of jobs to be judged; not in the site's ring
  bool express = false;  // in its group's ring of flows that go first
  bool empty() const {
    return std::ranges::all_of(jobs, [](Slot ring) { return ring == no_slot; });
  }
};

// What the last failed attempt said of the whole site.
struct SiteFailure {
  Now started;  // of the attempt
  Reason reason = Reason::connect_failed;
  reply::EnhancedCode code;
  std::string remote;
  std::string diagnostic;
  bool diagnostic_remote = false;
  bool refused_us = false;
};

struct Site {
  enum class Mode : std::uint8_t { open, resting, probing };
  enum class Place : std::uint8_t { none, ready, probes };
  MonoTime due = never;       // end of the rest
  MonoTime judge_at = never;  // no job of the flows has anything to be judged before this
  Slot heap_at = no_slot;
  Slot name = no_slot;
  Slot flows = no_slot;       // ring, whose turn it is
  Slot judged = no_slot;      // flow of the jobs to be judged
  Slot newest_job = no_slot;  // hint while a message arrives
  Slot prev = no_slot, next = no_slot;
  Slot group = no_slot;
  std::uint32_t jobs = 0;
  std::uint32_t running = 0;  // attempts
  std::uint32_t running_since_rest = 0;
  std::uint32_t epoch = 0;  // counts rests: an attempt begun before a rest says nothing of its end
  std::uint32_t rests = 0;  // in a row
  Mode mode = Mode::open;
  Place place = Place::none;             // which ring of its group it stands in
  std::unique_ptr<SiteFailure> failure;  // unless open
  std::string last_reply;
};

// Sites with one pace: the domains with the same MX hosts, or a domain whose hosts are not known.
struct Group {
  Pace pace;
  std::string hosts;                 // in order, with blanks between; "" = not known
  std::string rule;                  // SiteLimits::rule
  std::vector<std::string> domains;  // known to go here
  MonoTime due = never;              // when its rate allows the next message, or a message that waits for it ends
  MonoTime ends_at = never;          // no message that is ready at its sites ends before this
  MonoTime idle_since;
  Slot heap_at = no_slot;
  Slot ready = no_slot, probes = no_slot;  // rings of sites
  Slot express = no_slot;                  // ring of flows of senders that have little under way
  Slot ready_prev = no_slot, ready_next = no_slot;
  Slot probe_prev = no_slot, probe_next = no_slot;
  Slot express_prev = no_slot, express_next = no_slot;
  Slot idle_prev = no_slot, idle_next = no_slot;
  std::uint32_t sites = 0;
  bool proven = false;  // a host was good since it was last down
};

struct Attempt {
  Slot job = no_slot;
  std::uint32_t epoch = 0;
  bool probe = false;
  Now started;
  std::vector<Slot> waiters;
};

struct Engine::State {
  explicit State(EngineSettings s);

  EngineSettings settings;
  Prng random;
  Names names;
  Arena<Message> messages;
  Arena<Job> jobs;
  Arena<Waiter> waiters;
  Arena<Flow> flows;
  Arena<Site> sites;
  Arena<Group> groups;
  SlotTable by_id;           // messages
  SlotTable by_site_sender;  // flows
  DueHeap<Job> due_jobs;
  DueHeap<Site> resting_sites;
  DueHeap<Message> deadlines;                           // messages that BY names a time for, until it has come
  DueHeap<Group> timed_groups;                          // that wait for their rate
  Slot ready_groups = no_slot, probe_groups = no_slot;  // rings of the groups that may start an attempt now:
  Slot express_groups = no_slot;                        // at ready sites, at sites to be probed, of express flows
  Slot idle_groups = no_slot;                           // ring of those without sites, longest idle first
  std::size_t idle_count = 0;
  std::unordered_map<std::string, Slot> group_by_hosts;   // Group::hosts
  std::unordered_map<std::string, Slot> group_by_domain;  // of those that are known
  bool express_turn = true, probe_turn = true;
  std::vector<Slot> judging;  // sites with a list of jobs to be judged
  std::unordered_map<std::uint64_t, Attempt> attempts;
  std::uint64_t last_attempt = 0;
  std::size_t probes_running = 0;
  std::uint64_t recipients = 0, held = 0;
  bool stopping = false;
  MinuteCount delivered;  // recipients
  MonoTime latest;        // the monotonic clock never goes back in here

  using Effects = std::vector<Effect>;
  // engine.cpp
  void take(Now now, const Arrived& input, Effects& out);
  void take(Now now, const AttemptDone& input, Effects& out);  // outcome.cpp
  void take(Now now, SiteFound& input, Effects& out);          // group.cpp
  void take(Now now, const TimeCame& input, Effects& out);
  void take(Now now, const Admin& input, Effects& out);  // admin.cpp
  void take(Now now, SettingsChanged& input, Effects& out);
  void go_on(Now now, Effects& out);
  Slot find(MessageId id) const;
  Slot add_to_job(Slot message, Slot site, Slot waiter);
  bool own_site(Slot domain) const;
  Slot site_for(Slot domain);
  bool belongs(const Waiter& waiter, Slot site) const;
  void regroup(Slot message, Now now);
  void set_later(Slot message, bool later);
  void free_message(Slot message);
  void free_job(Slot job);
  // dispatch.cpp
  void place(Slot job, Now now, bool first = false);
  void unplace(Slot job);
  void put_into_flow(Slot job, bool first);
  Slot& ring_of(Flow& flow, Slot job);
  static Slot& next_ring(Flow& flow);
  void join_express(Slot flow);
  template <class Visit>
  void each_job(const Flow& flow, Visit visit) const {
    for (const Slot first : flow.jobs) {
      for (Slot at = first; at != no_slot; at = jobs[at].next == first ? no_slot : jobs[at].next) visit(at);
    }
  }
  void pop_due(Now now);
  void start_attempts(Now now, Effects& out);
  bool start_next(Now now, Effects& out);
  void start_express(Now now, Effects& out);
  void start_one(Slot site, Slot flow, Now now, Effects& out);
  Site::Place place_of(const Site& site) const;
  void update_ring(Slot site);
  void leave_express(Slot flow);
  MonoTime wake_at(Now now) const;
  // group.cpp
  void join_group(Slot site);
  void leave_group(Slot site);
  void free_group(Slot group);
  void forget_idle_groups(Now now);
  void move_site(Slot site, Slot group);
  void put_back(AttemptId id, Now now, Effects& out);
  void update_group(Slot group);
  void update_timed(Now now, Effects& out);
  void set_limits(Slot group, std::string_view domain);
  // outcome.cpp
  void end_attempt(const Attempt& attempt);
  void settle(Slot waiter, const RecipientResult& result, Now now, Message& message, Persist& persist);
  void end_waiter(Slot waiter, RecipientStatus status, RecipientState& state, Message& message, Persist& persist);
  void defer(Slot waiter, Now tried, Now now, Message& message, RecipientState& state, Persist& persist);
  void end_late(Slot waiter, RecipientState& state, Message& message, Persist& persist);
  // deadline.cpp
  void set_deadline(Slot message, const Envelope& envelope, bool recovered, Now now);
  void end_deadlines(Now now, Effects& out);
  void deadline_passed(Slot message, Now now, Effects& out);
  bool delay_notice_due(const Message& message, const Waiter& waiter, bool refused_us, Now now) const;
  bool any_due(const Job& job, Now now) const;
  RecipientState state_of(Slot waiter, Now now) const;
  void finish_job(Slot job, Now now, Persist& persist);
  // site.cpp
  void learn(Slot site, const Attempt& attempt, const AttemptDone& done, Now now);
  void rest(Slot site, Now now);
  void open(Slot site);
  void end_rest(Slot site);
  void end_rests(Now now);
  void collect_judged(Slot site, Now now);
  void judge_some(Now now, Effects& out);
  void judge(Slot job, Now now, Effects& out);
  MonoTime judge_time(const Job& job) const;
  void end_overdue(Slot group, Now now, Effects& out);
  void end_job(Slot job, Now now, Effects& out);
  void free_site_if_unused(Slot site);
  // admin.cpp
  void retry(Slot message, Now now);
  void let_go(Slot message, Now now);
  void set_held(Slot message, bool hold, Now now, Effects& out);
  void remove(Slot message, Pending how, Now now, Effects& out);
  void remove_waiter(Slot waiter, Pending how, RecipientState& state, Message& message, Persist& persist);
  // views.cpp
  template <class Visit>
  void each_message(Visit visit) const {
    for (Slot slot = 0; slot < messages.end(); ++slot) {
      if (messages[slot].open > 0) visit(slot);
    }
  }
  Reason shown_reason(const Job& job, const Waiter& waiter) const;
  std::optional<Duration> next_in(const Message& message, const Job& job, const Waiter& waiter, Now now) const;

  Told told(const Message& message, const Waiter& waiter) const {
    return told_of(message.kind, message.sender == no_slot, waiter.notify);
  }
};

std::uint64_t hash_of(MessageId id);
std::uint64_t hash_of_text(std::string_view text);  // never 0
std::uint64_t hash_of(Slot site, Slot sender);

}  // namespace postil::queue
