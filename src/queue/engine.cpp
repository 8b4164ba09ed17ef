#include "queue/engine.hpp"

#include <algorithm>

#include "address/domain.hpp"
#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {

// A domain in letters outside ASCII and its A-label form are one site.
std::string site_name(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::string_view domain = address.substr(at + 1);
  if (has_8bit(domain)) {
    if (auto ascii = address::to_ascii(domain)) return *std::move(ascii);
  }
  return to_lower(domain);
}

EngineSettings sane(EngineSettings settings) {
  settings.attempts_max = std::max(settings.attempts_max, 1u);
  settings.attempts_per_site_max = std::max(settings.attempts_per_site_max, 1u);
  settings.recipients_per_attempt_max = std::max(settings.recipients_per_attempt_max, 1u);
  settings.messages_per_connection_max = std::max(settings.messages_per_connection_max, 1u);
  settings.probes_max = std::max(settings.probes_max, 1u);
  return settings;
}

}  // namespace

std::uint64_t hash_of(MessageId id) {
  return mix(id.value + 0x9e3779b97f4a7c15u);
}
std::uint64_t hash_of(Slot site, Slot sender) {
  return mix((std::uint64_t{site} << 32) + sender + 1);
}

Engine::State::State(EngineSettings s)
    : settings(sane(std::move(s))),
      random(settings.random),
      names(settings.random),
      due_jobs(jobs),
      resting_sites(sites),
      deadlines(messages),
      timed_groups(groups) {}

Engine::Engine(EngineSettings settings) : state_(std::make_unique<State>(std::move(settings))) {}
Engine::~Engine() = default;

std::vector<Effect> Engine::step(Now now, Input input) {
  State& state = *state_;
  now.mono = state.latest = std::max(state.latest, now.mono);
  std::vector<Effect> out;
  state.forget_idle_groups(now);
  std::visit([&](auto& value) { state.take(now, value, out); }, input);
  state.go_on(now, out);
  return out;
}

void Engine::stop_starting() {
  state_->stopping = true;
}

void Engine::State::go_on(Now now, Effects& out) {
  end_deadlines(now, out);
  judge_some(now, out);
  end_rests(now);
  update_timed(now, out);
  pop_due(now);
  start_attempts(now, out);
  out.push_back(WakeAt{wake_at(now)});
}

void Engine::State::take(Now, const TimeCame&, Effects&) {}

Slot Engine::State::find(MessageId id) const {
  return by_id.find(hash_of(id), [&](Slot slot) { return messages[slot].id == id; });
}

Slot Engine::State::site_for(Slot domain) {
  const bool own = own_site(domain);
  const Slot name = own ? domain : names.hold(settings.fixed_site);
  Slot slot = names.site(name);
  if (slot == no_slot) {
    slot = sites.take();
    sites[slot].name = name;
    names.hold(name);
    names.site(name) = slot;
    join_group(slot);
  }
  if (!own) names.release(name);
  return slot;
}

bool Engine::State::own_site(Slot domain) const {
  const auto matches = [&](const std::string& pattern) { return matches_name(pattern, names.text(domain)); };
  return settings.fixed_site.empty() || std::ranges::any_of(settings.own_sites, matches);
}

Slot Engine::State::add_to_job(Slot message, Slot site, Slot waiter) {
  Slot job = sites[site].newest_job;
  if (job == no_slot || jobs[job].message != message || jobs[job].site != site) {
    job = jobs.take();
    jobs[job].message = message;
    jobs[job].site = site;
    jobs[job].sibling = messages[message].jobs;
    messages[message].jobs = job;
    sites[site].newest_job = job;
    ++sites[site].jobs;
  }
  waiters[waiter].next = jobs[job].waiters;
  jobs[job].waiters = waiter;
  return job;
}

void Engine::State::take(Now now, const Arrived& input, Effects& out) {
  const Envelope& envelope = *input.envelope;
  if (find(envelope.id) != no_slot) return;  // is here already
  std::vector<const RecipientState*> states(envelope.recipients.size());
  if (input.state) {
    for (const RecipientState& state : input.state->recipients) {
      if (state.index < states.size()) states[state.index] = &state;
    }
  }
  const Slot slot = messages.take();
  Message& message = messages[slot];
  message.id = envelope.id;
  message.life = {envelope.arrived, envelope.expires, input.state ? recovered_arrival(now, envelope.arrived) : now.mono,
                  std::max(envelope.release - envelope.arrived, Duration(0))};
  message.kind = envelope.kind;
  message.urgency = envelope.priority > 0 ? Urgency::high : envelope.priority == 0 ? Urgency::normal : Urgency::low;
  message.held = input.state && input.state->held;
  if (!envelope.login.empty()) message.login = names.hold(envelope.login);
  if (!envelope.sender.empty()) message.sender = names.hold(envelope.sender);
  const Duration wait_max = settings.retry_max * 2;
  for (std::size_t i = envelope.recipients.size(); i-- > 0;) {  // each goes to the front of its job
    const RecipientState* state = states[i];
    if (state && state->status != RecipientStatus::waiting) continue;
    const Slot at = waiters.take();
    Waiter& waiter = waiters[at];
    waiter.index = static_cast<std::uint32_t>(i);
    waiter.due = now.mono;
    waiter.notify = envelope.recipients[i].notify & 15;
    waiter.domain = names.hold(site_name(envelope.recipients[i].address));
    if (state) {
      waiter.due += std::clamp(state->next_attempt - now.wall, Duration(0), wait_max);
      waiter.attempts = state->attempts;
      waiter.reason = state->reason;
      waiter.delay_notified = state->delay_notified;
      waiter.last_attempt_seconds = static_cast<std::uint32_t>(unix_microseconds(state->last_attempt) / 1'000'000);
      if (state->refused_since != WallTime{}) {
        waiter.refused_since_seconds = static_cast<std::int32_t>(
            std::chrono::floor<seconds>(recovered_arrival(now, state->refused_since).time_since_epoch()).count());
      }
    }
    if (message.life.begins_mono() > now.mono && waiter.attempts == 0) {
      waiter.due = message.life.begins_mono();
      waiter.reason = Reason::held_by_sender;
    }
    add_to_job(slot, site_for(waiter.domain), at);
    ++message.open;
  }
  if (message.open == 0) {  // the end of its last recipient was written, its deletion was not
    out.push_back(Persist{.changes = {.id = envelope.id, .held = message.held, .recipients = {}}, .finished = true});
    free_message(slot);
    return;
  }
  by_id.insert(hash_of(envelope.id), slot, [this](Slot other) { return hash_of(messages[other].id); });
  recipients += message.open;
  held += message.held;
  set_later(slot, message.life.begins_mono() > now.mono);
  set_deadline(slot, envelope, input.state != nullptr, now);
  for (Slot job = message.jobs; job != no_slot; job = jobs[job].sibling) place(job, now);
}

bool Engine::State::belongs(const Waiter& waiter, Slot site) const {
  if (own_site(waiter.domain)) return sites[site].name == waiter.domain;
  return names.text(sites[site].name) == settings.fixed_site;
}

// The destination of mail has changed: jobs are made anew for all that is not being tried.
void Engine::State::regroup(Slot slot, Now now) {
  Message& message = messages[slot];
  Slot moved = no_slot;
  for (Slot* link = &message.jobs; *link != no_slot;) {
    const Slot job = *link;
    for (Slot* at = &jobs[job].waiters; *at != no_slot;) {
      const Slot waiter = *at;
      if (waiters[waiter].phase == Phase::running || belongs(waiters[waiter], jobs[job].site)) {
        at = &waiters[waiter].next;
      } else {
        *at = waiters[waiter].next;
        waiters[waiter].next = moved;
        moved = waiter;
      }
    }
    unplace(job);
    if (jobs[job].waiters == no_slot) {
      *link = jobs[job].sibling;
      free_job(job);
    } else {
      sites[jobs[job].site].newest_job = job;  // others may join it
      link = &jobs[job].sibling;
    }
  }
  while (moved != no_slot) {
    const Slot waiter = moved;
    moved = waiters[waiter].next;
    add_to_job(slot, site_for(waiters[waiter].domain), waiter);
  }
  for (Slot job = message.jobs; job != no_slot; job = jobs[job].sibling) place(job, now);
}

void Engine::State::take(Now now, SettingsChanged& input, Effects&) {
  const bool moves = input.settings.fixed_site != settings.fixed_site || input.settings.own_sites != settings.own_sites;
  settings = sane(std::move(input.settings));
  if (moves) {
    std::vector<Slot> all;
    each_message([&](Slot slot) { all.push_back(slot); });
    std::sort(all.begin(), all.end(), [&](Slot a, Slot b) { return messages[a].id < messages[b].id; });
    for (Slot slot : all) regroup(slot, now);
  }
  for (Slot slot = 0; slot < groups.end(); ++slot) {
    if (!groups[slot].domains.empty()) set_limits(slot, groups[slot].domains.front());
  }
  for (Slot slot = 0; slot < sites.end(); ++slot) {
    if (sites[slot].jobs == 0) continue;
    if (groups[sites[slot].group].domains.empty()) set_limits(sites[slot].group, names.text(sites[slot].name));
    update_group(sites[slot].group);
  }
}

void Engine::State::free_job(Slot job) {
  const Slot site = jobs[job].site;
  jobs.give_back(job);
  POSTIL_ASSERT(sites[site].jobs > 0);
  --sites[site].jobs;
  free_site_if_unused(site);
}

// Without jobs already.
void Engine::State::set_later(Slot slot, bool later) {
  Message& message = messages[slot];
  if (message.later == later) return;
  message.later = later;
  if (message.login != no_slot) names.later(message.login) += later ? 1 : std::uint32_t(-1);
}

void Engine::State::free_message(Slot slot) {
  Message& message = messages[slot];
  POSTIL_ASSERT(message.jobs == no_slot && message.open == 0);
  set_later(slot, false);
  if (message.heap_at != no_slot) deadlines.remove(slot);
  if (message.login != no_slot) names.release(message.login);
  if (message.sender != no_slot) names.release(message.sender);
  if (find(message.id) == slot) {
    held -= message.held;
    by_id.erase(hash_of(message.id), slot, [this](Slot other) { return hash_of(messages[other].id); });
  }
  messages.give_back(slot);
}

}  // namespace postil::queue
