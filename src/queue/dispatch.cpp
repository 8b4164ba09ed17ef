// Which job is tried next: sites take turns, in a site its senders, of a sender the oldest.
#include <algorithm>

#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {
// So that a step stays short when a million messages come due together; the next step follows at once.
constexpr int due_jobs_per_step_max = 4096;
}  // namespace

// Puts a job where its waiters say. first: before all others of its site.
void Engine::State::place(Slot slot, Now now, bool first) {
  Job& job = jobs[slot];
  if (job.flow != no_slot || messages[job.message].held) return;
  MonoTime due = never;
  for (Slot at = job.waiters; at != no_slot; at = waiters[at].next) {
    if (waiters[at].phase == Phase::waiting) due = std::min(due, waiters[at].due);
  }
  if (job.heap_at != no_slot) {
    if (job.due == due) return;
    due_jobs.remove(slot);
  }
  if (due == never) return;
  if (due <= now.mono) {
    put_into_flow(slot, first);
  } else {
    job.due = due;
    due_jobs.insert(slot);
  }
}

// Takes it out of wherever it stands.
void Engine::State::unplace(Slot slot) {
  Job& job = jobs[slot];
  if (job.heap_at != no_slot) due_jobs.remove(slot);
  if (job.flow == no_slot) return;
  const Slot at = job.flow;
  Flow& flow = flows[at];
  Site& site = sites[flow.site];
  Ring<Job>::remove(jobs, flow.jobs, slot);
  job.flow = no_slot;
  if (flow.jobs != no_slot) return;
  if (flow.judged) {
    site.judged = no_slot;
    std::erase(judging, flow.site);
  } else {
    Ring<Flow>::remove(flows, site.flows, at);
    by_site_sender.erase(hash_of(flow.site, flow.sender), at,
                         [this](Slot other) { return hash_of(flows[other].site, flows[other].sender); });
  }
  flows.give_back(at);
  update_ring(job.site);
}

void Engine::State::put_into_flow(Slot slot, bool first) {
  Job& job = jobs[slot];
  Site& site = sites[job.site];
  const Slot sender = messages[job.message].fair_key();
  const auto is_it = [&](Slot at) { return flows[at].site == job.site && flows[at].sender == sender; };
  Slot at = by_site_sender.find(hash_of(job.site, sender), is_it);
  if (at == no_slot) {
    at = flows.take();
    flows[at].site = job.site;
    flows[at].sender = sender;
    by_site_sender.insert(hash_of(job.site, sender), at,
                          [this](Slot other) { return hash_of(flows[other].site, flows[other].sender); });
    Ring<Flow>::push_back(flows, site.flows, at);
  }
  if (first) {
    Ring<Job>::push_front(jobs, flows[at].jobs, slot);
    site.flows = at;
  } else {
    Ring<Job>::push_back(jobs, flows[at].jobs, slot);
  }
  job.flow = at;
  site.judge_at = std::min(site.judge_at, judge_time(job));
  update_ring(job.site);
}

void Engine::State::pop_due(Now now) {
  for (int i = 0; i < due_jobs_per_step_max && !due_jobs.empty(); ++i) {
    const Slot job = due_jobs.top();
    if (jobs[job].due > now.mono) break;
    due_jobs.remove(job);
    put_into_flow(job, false);
  }
}

bool Engine::State::may_start(const Site& site) const {
  if (site.flows == no_slot || site.running >= settings.attempts_per_site_max) return false;
  switch (site.mode) {
    case Site::Mode::open:
      return true;
    case Site::Mode::resting:
      return false;
    case Site::Mode::probing:
      return site.running_since_rest == 0;
  }
  return false;
}

void Engine::State::update_ring(Slot slot) {
  Site& site = sites[slot];
  const bool wanted = may_start(site);
  if (wanted == site.in_ring) return;
  if (wanted) {
    Ring<Site>::push_back(sites, ready_sites, slot);
  } else {
    Ring<Site>::remove(sites, ready_sites, slot);
  }
  site.in_ring = wanted;
}

void Engine::State::start_attempts(Now now, Effects& out) {
  if (stopping) return;
  while (ready_sites != no_slot && attempts.size() < settings.attempts_max) {
    const Slot site = ready_sites;
    start_one(site, now, out);
    update_ring(site);
    if (ready_sites == site) ready_sites = sites[site].next;
  }
}

void Engine::State::start_one(Slot slot, Now now, Effects& out) {
  Site& site = sites[slot];
  const Slot flow = site.flows;
  const Slot at = flows[flow].jobs;
  Job& job = jobs[at];
  site.flows = flows[flow].next;  // the next sender's turn
  flows[flow].jobs = job.next;    // and this job is its sender's last, if it stays

  Attempt attempt{.job = at, .epoch = site.epoch, .started = now, .waiters = {}};
  StartAttempt effect{.attempt = {++last_attempt},
                      .message = messages[job.message].id,
                      .site = names.text(site.name),
                      .recipients = {},
                      .last_attempt = WallTime::max()};
  bool more = false;
  for (Slot w = job.waiters; w != no_slot; w = waiters[w].next) {
    Waiter& waiter = waiters[w];
    if (waiter.phase != Phase::waiting || waiter.due > now.mono) continue;
    if (attempt.waiters.size() == settings.recipients_per_attempt_max) {
      more = true;
      break;
    }
    waiter.phase = Phase::running;
    attempt.waiters.push_back(w);
    effect.recipients.push_back(waiter.index);
    effect.last_attempt = std::min(effect.last_attempt, WallTime(seconds(waiter.last_attempt_seconds)));
  }
  POSTIL_ASSERT(!attempt.waiters.empty());
  job.running += static_cast<std::uint32_t>(attempt.waiters.size());
  ++site.running;
  ++site.running_since_rest;
  attempts.emplace(last_attempt, std::move(attempt));
  out.push_back(std::move(effect));
  if (!more) {
    unplace(at);
    place(at, now);
  }
}

MonoTime Engine::State::wake_at(Now now) const {
  if (!judging.empty()) return now.mono;
  MonoTime at = never;
  if (!resting_sites.empty()) at = sites[resting_sites.top()].due;
  if (!stopping && !due_jobs.empty()) at = std::min(at, jobs[due_jobs.top()].due);
  return std::max(at, now.mono);
}

}  // namespace postil::queue
