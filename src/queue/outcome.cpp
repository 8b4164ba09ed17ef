// Results of attempts: what becomes of each recipient, what is written, and who is told.
#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {
namespace {

constexpr std::size_t last_reply_octets_max = 200;

WallTime from_seconds(std::uint32_t value) {
  return WallTime(seconds(value));
}
std::uint32_t to_seconds(WallTime time) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(unix_microseconds(time), 0) / 1'000'000);
}

// The status of a failure that began as a temporary one.
reply::EnhancedCode permanent(reply::EnhancedCode code, reply::EnhancedCode otherwise) {
  if (!code || code.klass == 2) return otherwise;
  code.klass = 5;
  return code;
}

}  // namespace

RecipientState Engine::State::state_of(Slot slot, Now now) const {
  const Waiter& waiter = waiters[slot];
  RecipientState state;
  state.index = waiter.index;
  state.reason = waiter.reason;
  state.attempts = waiter.attempts;
  state.delay_notified = waiter.delay_notified;
  if (waiter.last_attempt_seconds) state.last_attempt = from_seconds(waiter.last_attempt_seconds);
  if (waiter.refused()) state.refused_since = now.wall - (now.mono - waiter.refused_since());
  return state;
}

void Engine::State::take(Now now, const AttemptDone& input, Effects& out) {
  const auto found = attempts.find(input.attempt.value);
  if (found == attempts.end()) return;
  const Attempt attempt = std::move(found->second);
  attempts.erase(found);
  const Slot at = attempt.job;
  const Slot message_at = jobs[at].message;
  const Slot site_at = jobs[at].site;
  Message& message = messages[message_at];
  Site& site = sites[site_at];
  end_attempt(attempt);

  std::vector<const RecipientResult*> by_index;
  for (const RecipientResult& result : input.results) by_index.push_back(&result);
  std::sort(by_index.begin(), by_index.end(),
            [](auto* a, auto* b) { return a->index != b->index ? a->index < b->index : a < b; });
  Persist persist;
  persist.changes.id = message.id;
  persist.changes.held = message.held;
  persist.changes.recipients.reserve(attempt.waiters.size());
  for (Slot waiter : attempt.waiters) {
    const std::uint32_t index = waiters[waiter].index;
    const auto result = std::lower_bound(by_index.begin(), by_index.end(), index,
                                         [](const RecipientResult* r, std::uint32_t i) { return r->index < i; });
    const bool given = result != by_index.end() && (*result)->index == index;
    settle(waiter, given ? **result : RecipientResult{.index = index}, now, message, persist);
    if (given && (*result)->outcome != RecipientResult::Outcome::delivered && !(*result)->diagnostic.empty())
      site.last_reply = printable((*result)->diagnostic, last_reply_octets_max);
  }
  Pace& pace = groups[site.group].pace;
  const PaceChange* change = nullptr;
  if (input.throttle) {
    change = pace.slow(now, attempt.started.mono, *input.throttle);
  } else if (input.site == SiteHealth::good) {
    change = pace.well(now);
  }
  if (change) out.push_back(PaceChanged{message.id, names.text(site.name), *change});
  learn(site_at, attempt, input, now);
  finish_job(at, now, persist);
  out.push_back(std::move(persist));
}

// What was counted for it.
void Engine::State::end_attempt(const Attempt& attempt) {
  Job& job = jobs[attempt.job];
  Site& site = sites[job.site];
  --site.running;
  if (attempt.epoch == site.epoch) --site.running_since_rest;
  job.running -= static_cast<std::uint32_t>(attempt.waiters.size());
  groups[site.group].pace.end();
  probes_running -= attempt.probe;
  const Slot sender = messages[job.message].fair_key();
  if (sender != no_slot) --names.load(sender);
}

bool Engine::State::any_due(const Job& job, Now now) const {
  for (Slot at = job.waiters; at != no_slot; at = waiters[at].next) {
    if (waiters[at].phase == Phase::waiting && waiters[at].due <= now.mono) return true;
  }
  return false;
}

// After recipients of the job have ended or come back from an attempt.
void Engine::State::finish_job(Slot at, Now now, Persist& persist) {
  Job& job = jobs[at];
  const Slot message_at = job.message;
  bool astray = false;
  for (Slot* link = &job.waiters; *link != no_slot;) {
    const Slot waiter = *link;
    if (waiters[waiter].phase == Phase::ended) {
      *link = waiters[waiter].next;
      names.release(waiters[waiter].domain);
      waiters.give_back(waiter);
    } else {
      astray |= !belongs(waiters[waiter], job.site);
      link = &waiters[waiter].next;
    }
  }
  if (job.waiters == no_slot) {
    unplace(at);
    for (Slot* link = &messages[message_at].jobs;; link = &jobs[*link].sibling) {
      if (*link != at) continue;
      *link = job.sibling;
      break;
    }
    free_job(at);
  } else if (astray) {
    regroup(message_at, now);
  } else {
    if (job.flow != no_slot && !any_due(job, now)) unplace(at);
    place(at, now);
    update_ring(job.site);
  }
  if (messages[message_at].jobs == no_slot) {
    persist.finished = true;
    free_message(message_at);
  }
}

void Engine::State::end_waiter(Slot slot, RecipientStatus status, RecipientState& state, Message& message,
                               Persist& persist) {
  Waiter& waiter = waiters[slot];
  POSTIL_ASSERT(waiter.phase != Phase::ended && message.open > 0);
  waiter.phase = Phase::ended;
  state.status = status;
  state.next_attempt = WallTime{};
  --message.open;
  --recipients;
  if (status == RecipientStatus::delivered) return;
  const bool tell = told(message, waiter).failure && state.reason != Reason::dropped_by_admin;
  (tell ? persist.failed : persist.unreported).push_back(waiter.index);
}

void Engine::State::settle(Slot slot, const RecipientResult& result, Now now, Message& message, Persist& persist) {
  Waiter& waiter = waiters[slot];
  POSTIL_ASSERT(waiter.phase == Phase::running);
  waiter.phase = Phase::waiting;
  if (result.reason != Reason::shut_down || result.outcome != RecipientResult::Outcome::deferred) {
    if (waiter.attempts < UINT16_MAX) ++waiter.attempts;
    waiter.last_attempt_seconds = to_seconds(now.wall);
  }
  RecipientState& state = persist.changes.recipients.emplace_back(state_of(slot, now));
  if (state.last_attempt != WallTime{}) state.last_attempt = now.wall;
  state.reason = result.reason;
  state.code = result.code;
  state.remote = printable(result.remote, diagnostic_octets_max);
  state.diagnostic = printable(result.diagnostic, diagnostic_octets_max);
  state.diagnostic_remote = result.diagnostic_remote;
  state.diagnostic_time = result.diagnostic_time;

  if (result.outcome == RecipientResult::Outcome::delivered) {
    state.reason = Reason::delivered;
    delivered.add(now.mono);
    end_waiter(slot, RecipientStatus::delivered, state, message, persist);
    const auto wanted = told(message, waiter);
    if ((result.relayed_without_dsn && wanted.success) || (result.tell_relayed && wanted.any))
      persist.relayed.push_back(waiter.index);
  } else if (message.pending != Pending::none) {
    remove_waiter(slot, message.pending, state, message, persist);
  } else if (result.outcome == RecipientResult::Outcome::failed) {
    end_waiter(slot, RecipientStatus::failed, state, message, persist);
  } else {
    defer(slot, now, now, message, state, persist);
  }
}

// Goes on waiting, or its time is over. `tried`: when the attempt was made that failed. state has what it met.
void Engine::State::defer(Slot slot, Now tried, Now now, Message& message, RecipientState& state, Persist& persist) {
  Waiter& waiter = waiters[slot];
  if (state.reason == Reason::shut_down) {  // says nothing of the message: it is the first to be tried again
    waiter.reason = state.reason;
    waiter.due = now.mono;
    state.next_attempt = now.wall;
    return;
  }
  const bool refused = state.reason == Reason::refused_us;
  if (refused && !waiter.refused()) {
    waiter.refused_since_seconds =
        static_cast<std::int32_t>(std::chrono::floor<seconds>(now.mono.time_since_epoch()).count());
    state.refused_since = now.wall;
  }
  if (message.by == By::give_back && now.mono >= message.due) return end_late(slot, state, message, persist);
  if (lifetime_over(message.life, tried)) {
    if (state.diagnostic.empty()) state.diagnostic = describe(state.reason);
    state.last_reason = std::exchange(state.reason, Reason::expired);
    state.last_code = state.code;
    state.code = {5, 4, 7};  // delivery time expired [rfc3463 3.5]
    end_waiter(slot, RecipientStatus::expired, state, message, persist);
    return;
  }
  if (refused && now.mono - waiter.refused_since() >= settings.refused_us_lifetime) {
    state.code = permanent(state.code, {5, 3, 2});
    end_waiter(slot, RecipientStatus::failed, state, message, persist);
    return;
  }
  if (delay_notice_due(message, waiter, refused, now)) {
    waiter.delay_notified = 1;
    state.delay_notified = true;
    if (message.by == By::notify) state.code = {4, 4, 7};  // [rfc2852 4.1.3]
    persist.delayed.push_back(waiter.index);
  }
  const Duration wait = recipient_wait(settings, state.reason, waiter.reason, waiter.attempts, random);
  waiter.reason = state.reason;
  waiter.due = now.mono + wait;
  state.next_attempt = now.wall + wait;
}

// A refusal of us as a whole is told at once: waiting does not mend it, a person must act.
bool Engine::State::delay_notice_due(const Message& message, const Waiter& waiter, bool refused_us, Now now) const {
  if (waiter.delay_notified || !told(message, waiter).delay) return false;
  if (refused_us) return true;
  if (message.by == By::notify) return now.mono >= message.due;  // its sender has said when
  return settings.delay_notice_after > Duration(0) &&
         now.mono - message.life.begins_mono() >= settings.delay_notice_after;
}

}  // namespace postil::queue
