// Which job is tried next: sites take turns, in a site its senders, of a sender the oldest.
#include <algorithm>

#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {
// So that a step stays short when a million messages come due together; the next step follows at once.
constexpr int due_jobs_per_step_max = 4096;
// A sender with so few destinations ready and attempts under way waits behind nobody's flood.
constexpr std::uint32_t light_load_max = 4;
// So many more urgent messages of a sender go before one that is less urgent has its turn.
constexpr std::uint8_t passed_max = 4;
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
  Ring<Job>::remove(jobs, ring_of(flow, slot), slot);
  job.flow = no_slot;
  if (!flow.empty()) return;
  if (flow.judged) {
    site.judged = no_slot;
    std::erase(judging, flow.site);
  } else {
    leave_express(at);
    if (flow.sender != no_slot) --names.load(flow.sender);
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
  set_later(job.message, false);
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
    if (sender != no_slot && ++names.load(sender) <= light_load_max) join_express(at);
  }
  if (messages[job.message].urgency == Urgency::high) join_express(at);
  Slot& ring = ring_of(flows[at], slot);
  if (first) {
    Ring<Job>::push_front(jobs, ring, slot);
    site.flows = at;
  } else {
    Ring<Job>::push_back(jobs, ring, slot);
  }
  job.flow = at;
  site.judge_at = std::min(site.judge_at, judge_time(job));
  Group& group = groups[site.group];
  group.ends_at = std::min(group.ends_at, std::max(messages[job.message].life.expires_mono(), latest + overdue_step));
  update_ring(job.site);
}

Slot& Engine::State::ring_of(Flow& flow, Slot job) {
  return flow.jobs[static_cast<std::size_t>(messages[jobs[job].message].urgency)];
}

// Whose turn it is: the most urgent ones', but nobody is passed over for ever.
Slot& Engine::State::next_ring(Flow& flow) {
  std::size_t turn = urgency_count;
  for (std::size_t i = urgency_count; i-- > 0;) {
    if (flow.jobs[i] != no_slot && (turn == urgency_count || flow.passed[turn] < passed_max)) turn = i;
  }
  POSTIL_ASSERT(turn < urgency_count);
  flow.passed[turn] = 0;
  for (std::size_t i = turn + 1; i < urgency_count; ++i) {
    if (flow.jobs[i] != no_slot && flow.passed[i] < passed_max) ++flow.passed[i];
  }
  return flow.jobs[turn];
}

void Engine::State::join_express(Slot slot) {
  Flow& flow = flows[slot];
  if (flow.express) return;
  flow.express = true;
  const Slot group = sites[flow.site].group;
  Ring<Flow, &Flow::express_prev, &Flow::express_next>::push_back(flows, groups[group].express, slot);
}

void Engine::State::pop_due(Now now) {
  for (int i = 0; i < due_jobs_per_step_max && !due_jobs.empty(); ++i) {
    const Slot job = due_jobs.top();
    if (jobs[job].due > now.mono) break;
    due_jobs.remove(job);
    for (Slot w = jobs[job].waiters; w != no_slot; w = waiters[w].next) {
      if (waiters[w].reason == Reason::held_by_sender) waiters[w].reason = Reason::new_message;
    }
    put_into_flow(job, false);
  }
}

Site::Place Engine::State::place_of(const Site& site) const {
  if (site.flows == no_slot) return Site::Place::none;
  switch (site.mode) {
    case Site::Mode::open:
      return Site::Place::ready;
    case Site::Mode::resting:
      return Site::Place::none;
    case Site::Mode::probing:
      return site.running_since_rest == 0 ? Site::Place::probes : Site::Place::none;
  }
  return Site::Place::none;
}

void Engine::State::update_ring(Slot slot) {
  Site& site = sites[slot];
  Group& group = groups[site.group];
  const Site::Place wanted = place_of(site);
  if (wanted != site.place) {
    if (site.place == Site::Place::ready) Ring<Site>::remove(sites, group.ready, slot);
    if (site.place == Site::Place::probes) Ring<Site>::remove(sites, group.probes, slot);
    if (wanted == Site::Place::ready) Ring<Site>::push_back(sites, group.ready, slot);
    if (wanted == Site::Place::probes) Ring<Site>::push_back(sites, group.probes, slot);
    site.place = wanted;
  }
  update_group(site.group);
}

void Engine::State::leave_express(Slot slot) {
  Flow& flow = flows[slot];
  if (!flow.express) return;
  flow.express = false;
  const Slot group = sites[flow.site].group;
  Ring<Flow, &Flow::express_prev, &Flow::express_next>::remove(flows, groups[group].express, slot);
}

void Engine::State::start_attempts(Now now, Effects& out) {
  if (stopping) return;
  while (start_next(now, out)) {
  }
}

// Flows of senders with little under way take turns with all others, and a part of the places is kept for them; so do
// probes with what goes to open sites. Gives whether there was anything to do.
bool Engine::State::start_next(Now now, Effects& out) {
  const std::size_t places = attempts.size() - probes_running;
  const bool ready = ready_groups != no_slot && places < settings.attempts_max - settings.attempts_max / 8;
  const bool probe = probe_groups != no_slot && probes_running < settings.probes_max - settings.probes_max / 8;
  if (express_groups != no_slot && places < settings.attempts_max && (express_turn || !(ready || probe))) {
    express_turn = false;
    start_express(now, out);
    return true;
  }
  express_turn = true;
  if (!ready && !probe) return false;
  const bool probes = probe && (probe_turn || !ready);
  probe_turn = !probes;
  const Slot group = probes ? probe_groups : ready_groups;
  const Slot site = probes ? groups[group].probes : groups[group].ready;
  start_one(site, sites[site].flows, now, out);
  return true;
}

void Engine::State::start_express(Now now, Effects& out) {
  const Slot group = express_groups;
  const Slot flow = groups[group].express;
  const Slot site = flows[flow].site;
  const bool may = sites[site].place == Site::Place::ready ||
                   (sites[site].place == Site::Place::probes && probes_running < settings.probes_max);
  if (may) return start_one(site, flow, now, out);
  leave_express(flow);  // it has its turn among the others of its site
  update_group(group);
}

void Engine::State::start_one(Slot slot, Slot flow, Now now, Effects& out) {
  Site& site = sites[slot];
  Group& group = groups[site.group];
  Slot& ring = next_ring(flows[flow]);
  const Slot at = ring;
  Job& job = jobs[at];
  leave_express(flow);
  if (site.flows == flow) site.flows = flows[flow].next;  // the next sender's turn
  ring = job.next;                                        // and this job is its sender's last, if it stays
  if (group.ready == slot) group.ready = site.next;       // the next site's, and the next group's
  if (ready_groups == site.group) ready_groups = group.ready_next;
  if (probe_groups == site.group) probe_groups = group.probe_next;
  if (express_groups == site.group) express_groups = group.express_next;

  Attempt attempt{
      .job = at, .epoch = site.epoch, .probe = site.place == Site::Place::probes, .started = now, .waiters = {}};
  const Message& message = messages[job.message];
  StartAttempt effect{.attempt = {++last_attempt},
                      .message = message.id,
                      .site = names.text(site.name),
                      .recipients = {},
                      .last_attempt = WallTime::max(),
                      .hosts = group.hosts.empty() ? 0 : hash_of_text(group.hosts),
                      .limits = group.pace.limits(),
                      .sender = message.sender == no_slot ? std::string() : names.text(message.sender),
                      .login = message.login == no_slot ? std::string() : names.text(message.login)};
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
  group.pace.start(now.mono);
  probes_running += attempt.probe;
  const Slot sender = message.fair_key();
  if (sender != no_slot) ++names.load(sender);
  attempts.emplace(last_attempt, std::move(attempt));
  out.push_back(std::move(effect));
  if (!more) {
    unplace(at);
    place(at, now);
  }
  // Urgent ones go before others again; with their last job the flow has gone.
  const bool urgent = flows[flow].site == slot && flows[flow].jobs[static_cast<std::size_t>(Urgency::high)] != no_slot;
  if (urgent) join_express(flow);
  update_ring(slot);
}

MonoTime Engine::State::wake_at(Now now) const {
  if (!judging.empty()) return now.mono;
  MonoTime at = never;
  if (!resting_sites.empty()) at = sites[resting_sites.top()].due;
  if (!deadlines.empty()) at = std::min(at, messages[deadlines.top()].due);
  if (!stopping && !due_jobs.empty()) at = std::min(at, jobs[due_jobs.top()].due);
  if (!stopping && !timed_groups.empty()) at = std::min(at, groups[timed_groups.top()].due);
  return std::max(at, now.mono);
}

}  // namespace postil::queue
