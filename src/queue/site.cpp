// Sites that are down. A site rests after an attempt that failed for all of it; when the rest is over one probe
// is made. If that is good, all of the site's mail flows; if not, the rest is longer. Ready jobs wait with the
// site and no attempt is counted for them.
//
// They are judged with it, though: the failed probe is an attempt made for all of them. A message whose lifetime
// was over when the probe began is returned by it, a delay notice that is due is sent, a refusal of us is noted.
// Otherwise 1,000 messages at a dead site with one probe each four hours would wait for months.
#include <algorithm>

#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {

constexpr int judged_per_step_max = 256;  // each is an effect; the next step follows at once

// What the attempt says of the site: the first deferral that it gave.
SiteFailure failure_of(const Attempt& attempt, const AttemptDone& done) {
  SiteFailure failure{.started = attempt.started};
  failure.refused_us = done.site == SiteHealth::refused_us;
  failure.reason = failure.refused_us ? Reason::refused_us : Reason::host_deferred;
  for (const RecipientResult& result : done.results) {
    if (result.outcome != RecipientResult::Outcome::deferred) continue;
    failure.reason = result.reason;
    failure.code = result.code;
    failure.remote = result.remote;
    failure.diagnostic = result.diagnostic;
    failure.diagnostic_remote = result.diagnostic_remote;
    break;
  }
  if (failure.reason != Reason::refused_us) failure.refused_us = false;  // of a smarthost, for one
  return failure;
}

}  // namespace

void Engine::State::learn(Slot slot, const Attempt& attempt, const AttemptDone& done, Now now) {
  Site& site = sites[slot];
  const bool newest = attempt.epoch == site.epoch;
  switch (done.site) {
    case SiteHealth::unknown:
      break;
    case SiteHealth::good:
      groups[site.group].proven = true;
      if (newest && site.mode != Site::Mode::open) open(slot);
      break;
    case SiteHealth::down:
    case SiteHealth::refused_us:
      if (!newest) break;  // its failure was counted with those begun before the same rest
      // It has no room for this one connection, while others are in use: fewer of them are enough.
      if (done.throttle && site.mode == Site::Mode::open && groups[site.group].pace.running() > 0) break;
      site.failure = std::make_unique<SiteFailure>(failure_of(attempt, done));
      rest(slot, now);
      collect_judged(slot, now);
      break;
  }
  update_ring(slot);
}

void Engine::State::rest(Slot slot, Now now) {
  Site& site = sites[slot];
  if (site.heap_at != no_slot) resting_sites.remove(slot);
  site.mode = Site::Mode::resting;
  ++site.epoch;
  site.running_since_rest = 0;
  groups[site.group].proven = false;
  groups[site.group].pace.begin_again();
  site.due = now.mono + site_rest(settings, ++site.rests, random);
  resting_sites.insert(slot);
}

void Engine::State::open(Slot slot) {
  Site& site = sites[slot];
  if (site.heap_at != no_slot) resting_sites.remove(slot);
  site.mode = Site::Mode::open;
  site.rests = 0;
  site.failure.reset();
}

void Engine::State::end_rest(Slot slot) {
  Site& site = sites[slot];
  if (site.mode != Site::Mode::resting) return;
  resting_sites.remove(slot);
  site.mode = Site::Mode::probing;
  update_ring(slot);
}

void Engine::State::end_rests(Now now) {
  while (!resting_sites.empty() && sites[resting_sites.top()].due <= now.mono) end_rest(resting_sites.top());
}

// The earliest time that a failed attempt of the site means something to a job that waits with it.
MonoTime Engine::State::judge_time(const Job& job) const {
  const Message& message = messages[job.message];
  MonoTime at = message.life.expires_mono();
  for (Slot w = job.waiters; w != no_slot; w = waiters[w].next) {
    const Waiter& waiter = waiters[w];
    if (!waiter.delay_notified && told(message, waiter).delay) {
      if (message.by == By::notify) {
        at = std::min(at, message.due);
      } else if (settings.delay_notice_after > Duration(0)) {
        at = std::min(at, message.life.begins_mono() + settings.delay_notice_after);
      }
    }
    if (waiter.refused()) at = std::min(at, waiter.refused_since() + settings.refused_us_lifetime);
  }
  return at;
}

// Moves the jobs that the site's failure means something to from its flows to its list of jobs to be judged.
void Engine::State::collect_judged(Slot slot, Now now) {
  Site& site = sites[slot];
  if (site.flows == no_slot || (!site.failure->refused_us && now.mono < site.judge_at)) return;
  std::vector<Slot> found;
  MonoTime rest_at = never;
  Slot flow = site.flows;
  do {
    each_job(flows[flow], [&](Slot at) {
      const MonoTime time = judge_time(jobs[at]);
      bool judged = time <= now.mono;
      for (Slot w = jobs[at].waiters; site.failure->refused_us && w != no_slot; w = waiters[w].next)
        judged |= !waiters[w].refused();
      if (judged) {
        found.push_back(at);
      } else {
        rest_at = std::min(rest_at, time);
      }
    });
    flow = flows[flow].next;
  } while (flow != site.flows);
  for (Slot at : found) {
    unplace(at);
    if (site.judged == no_slot) {
      site.judged = flows.take();
      flows[site.judged].site = slot;
      flows[site.judged].judged = true;
      judging.push_back(slot);
    }
    Ring<Job>::push_back(jobs, ring_of(flows[site.judged], at), at);
    jobs[at].flow = site.judged;
  }
  site.judge_at = rest_at;
}

void Engine::State::judge_some(Now now, Effects& out) {
  for (int i = 0; i < judged_per_step_max && !judging.empty(); ++i) {
    judge(next_ring(flows[sites[judging.back()].judged]), now, out);
  }
}

// The job's site failed: what that means for those of its recipients that are due.
void Engine::State::judge(Slot at, Now now, Effects& out) {
  const Slot message_at = jobs[at].message;
  Message& message = messages[message_at];
  Site& site = sites[jobs[at].site];
  unplace(at);
  if (!site.failure) {  // it has come back meanwhile
    place(at, now);
    return;
  }
  const SiteFailure& failure = *site.failure;
  Persist persist;
  persist.changes.id = message.id;
  persist.changes.held = message.held;
  for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
    Waiter& waiter = waiters[w];
    if (waiter.phase != Phase::waiting || waiter.due > now.mono) continue;
    const bool changes = lifetime_over(message.life, failure.started) || (failure.refused_us && !waiter.refused()) ||
                         (failure.refused_us && now.mono - waiter.refused_since() >= settings.refused_us_lifetime) ||
                         delay_notice_due(message, waiter, failure.refused_us, now);
    if (!changes) continue;
    RecipientState& state = persist.changes.recipients.emplace_back(state_of(w, now));
    state.reason = failure.reason;
    state.code = failure.code;
    state.remote = printable(failure.remote, diagnostic_octets_max);
    state.diagnostic = printable(failure.diagnostic, diagnostic_octets_max);
    state.diagnostic_remote = failure.diagnostic_remote;
    state.last_attempt = failure.started.wall;
    const MonoTime due = waiter.due;
    defer(w, failure.started, now, message, state, persist);
    if (waiter.phase == Phase::ended) continue;
    waiter.due = due;  // it goes on waiting with its site
    state.next_attempt = now.wall + std::max(site.due - now.mono, Duration(0));
  }
  const bool tell = !persist.changes.recipients.empty();
  finish_job(at, now, persist);
  if (tell) out.push_back(std::move(persist));
}

// What waits only because its sites have slowed us ends in time all the same, with what they said last.
void Engine::State::end_overdue(Slot slot, Now now, Effects& out) {
  Group& group = groups[slot];
  std::vector<Slot> over;
  MonoTime next = never;
  const auto look = [&](const Site& site) {
    Slot flow = site.flows;
    do {
      each_job(flows[flow], [&](Slot at) {
        const Life& life = messages[jobs[at].message].life;
        if (lifetime_over(life, now) && any_due(jobs[at], now)) {
          over.push_back(at);
        } else {
          next = std::min(next, life.expires_mono());
        }
      });
      flow = flows[flow].next;
    } while (flow != site.flows);
  };
  for (const Slot first : {group.ready, group.probes}) {
    Slot site = first;
    while (site != no_slot) {
      look(sites[site]);
      site = sites[site].next == first ? no_slot : sites[site].next;
    }
  }
  group.ends_at = next == never ? never : std::max(next, now.mono + overdue_step);
  update_group(slot);
  for (Slot job : over) end_job(job, now, out);
}

void Engine::State::end_job(Slot at, Now now, Effects& out) {
  Message& message = messages[jobs[at].message];
  const Site& site = sites[jobs[at].site];
  const auto changes = groups[site.group].pace.changes();
  const auto slowed = std::find_if(changes.rbegin(), changes.rend(),
                                   [](const PaceChange& change) { return change.cause != PaceCause::recovered; });
  Persist persist;
  persist.changes.id = message.id;
  persist.changes.held = message.held;
  for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
    if (waiters[w].phase != Phase::waiting || waiters[w].due > now.mono) continue;
    RecipientState& state = persist.changes.recipients.emplace_back(state_of(w, now));
    if (slowed != changes.rend()) {
      state.reason = slowed->cause == PaceCause::throttled ? Reason::rate_limited : Reason::host_deferred;
      state.code = {4, 4, 5};  // "mail system congestion" [rfc3463 3.5]
      state.remote = slowed->remote;
      state.diagnostic = slowed->said;
      state.diagnostic_remote = true;
    }
    defer(w, now, now, message, state, persist);
  }
  finish_job(at, now, persist);
  out.push_back(std::move(persist));
}

void Engine::State::free_site_if_unused(Slot slot) {
  Site& site = sites[slot];
  if (site.jobs > 0) return;
  POSTIL_ASSERT(site.running == 0 && site.flows == no_slot && site.judged == no_slot);
  if (site.heap_at != no_slot) resting_sites.remove(slot);
  if (site.place == Site::Place::ready) Ring<Site>::remove(sites, groups[site.group].ready, slot);
  if (site.place == Site::Place::probes) Ring<Site>::remove(sites, groups[site.group].probes, slot);
  leave_group(slot);
  names.site(site.name) = no_slot;
  names.release(site.name);
  sites.give_back(slot);
}

}  // namespace postil::queue
