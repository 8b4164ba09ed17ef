// Messages that are to be delivered by a time that their sender named (BY) [rfc2852 4.1.3]: when it comes, those that
// wait go back, or their sender is told that they are late. What is being tried just then is decided by its attempt.
#include <algorithm>
#include <utility>

#include "base/bytes.hpp"
#include "queue/engine_state.hpp"

namespace postil::queue {

void Engine::State::set_deadline(Slot slot, const Envelope& envelope, bool recovered, Now now) {
  Message& message = messages[slot];
  message.by = envelope.by;
  if (message.by == By::none) return;
  message.due = message.life.arrived_mono + (envelope.deliver_by - envelope.arrived);
  // Of what was late when it came, or became so while we were down, the first attempt that fails tells.
  if (message.by == By::give_back || (!recovered && message.due > now.mono)) deadlines.insert(slot);
}

void Engine::State::end_deadlines(Now now, Effects& out) {
  while (!deadlines.empty() && messages[deadlines.top()].due <= now.mono) {
    const Slot message = deadlines.top();
    deadlines.remove(message);
    deadline_passed(message, now, out);
  }
}

// What kept it waiting is in `state`.
void Engine::State::end_late(Slot waiter, RecipientState& state, Message& message, Persist& persist) {
  if (state.diagnostic.empty()) state.diagnostic = describe(state.reason);
  state.last_reason = std::exchange(state.reason, Reason::deliver_by_over);
  state.last_code = state.code;
  state.code = {5, 4, 7};  // delivery time expired
  end_waiter(waiter, RecipientStatus::expired, state, message, persist);
}

void Engine::State::deadline_passed(Slot slot, Now now, Effects& out) {
  Message& message = messages[slot];
  Persist persist;
  persist.changes.id = message.id;
  persist.changes.held = message.held;
  std::vector<Slot> touched;
  for (Slot at = message.jobs; at != no_slot; at = jobs[at].sibling) {
    for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
      Waiter& waiter = waiters[w];
      const bool late = message.by == By::notify && !waiter.delay_notified && told(message, waiter).delay;
      if (waiter.phase != Phase::waiting || (message.by == By::notify && !late)) continue;
      RecipientState& state = persist.changes.recipients.emplace_back(state_of(w, now));
      if (const auto& failure = sites[jobs[at].site].failure) {
        state.reason = failure->reason;
        state.code = failure->code;
        state.remote = printable(failure->remote, diagnostic_octets_max);
        state.diagnostic = printable(failure->diagnostic, diagnostic_octets_max);
        state.diagnostic_remote = failure->diagnostic_remote;
      }
      if (late) {
        waiter.delay_notified = 1;
        state.delay_notified = true;
        state.code = {4, 4, 7};
        state.next_attempt = now.wall + std::max(waiter.due - now.mono, Duration(0));
        persist.delayed.push_back(waiter.index);
      } else {
        end_late(w, state, message, persist);
      }
    }
    touched.push_back(at);
  }
  const bool tell = !persist.changes.recipients.empty();
  for (Slot at : touched) finish_job(at, now, persist);  // the last one may free the message
  if (tell) out.push_back(std::move(persist));
}

}  // namespace postil::queue
