// What people ask for. Recipients that are being tried just now: "hold" and "release" hold for the message and so
// for them too; "retry" is what happens already; "return" and "drop" wait for the attempt's end and come too late
// if it delivers.
#include <algorithm>

#include "queue/engine_state.hpp"

namespace postil::queue {

void Engine::State::take(Now now, const Admin& input, Effects& out) {
  const bool backwards = input.action == Admin::Action::retry;  // each goes before all others: the first comes last
  for (std::size_t i = 0; i < input.ids.size(); ++i) {
    const Slot message = find(input.ids[backwards ? input.ids.size() - 1 - i : i]);
    if (message == no_slot) continue;
    switch (input.action) {
      case Admin::Action::retry:
        retry(message, now);
        break;
      case Admin::Action::hold:
        set_held(message, true, now, out);
        break;
      case Admin::Action::release:
        set_held(message, false, now, out);
        break;
      case Admin::Action::return_to_sender:
        remove(message, Pending::return_to_sender, now, out);
        break;
      case Admin::Action::drop:
        remove(message, Pending::drop, now, out);
        break;
    }
  }
}

// Nothing is written: after a crash the message is tried when it would have been. Why it waits stays until the try has
// said more. What is held, by us or by its sender, waits for its release alone.
void Engine::State::retry(Slot slot, Now now) {
  if (messages[slot].held || messages[slot].life.begins_mono() > now.mono) return;
  for (Slot at = messages[slot].jobs; at != no_slot; at = jobs[at].sibling) {
    bool any = false;
    for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
      Waiter& waiter = waiters[w];
      if (waiter.phase != Phase::waiting) continue;
      waiter.due = std::min(waiter.due, now.mono);
      any = true;
    }
    if (!any) continue;
    unplace(at);
    place(at, now, true);
    end_rest(jobs[at].site);  // one probe, and it is this job
  }
}

// What its sender wants to leave later leaves now. Nothing is written, as with a retry: its first attempt tells that it
// was let go.
void Engine::State::let_go(Slot slot, Now now) {
  Message& message = messages[slot];
  message.life.hold = now.mono - message.life.arrived_mono;
  for (Slot at = message.jobs; at != no_slot; at = jobs[at].sibling) {
    for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
      waiters[w].due = std::min(waiters[w].due, now.mono);
      waiters[w].reason = Reason::new_message;
    }
    place(at, now);
  }
}

void Engine::State::set_held(Slot slot, bool hold, Now now, Effects& out) {
  Message& message = messages[slot];
  if (message.held == hold) {
    if (!hold && message.life.begins_mono() > now.mono) let_go(slot, now);
    return;
  }
  message.held = hold;
  held += hold ? 1 : std::uint64_t(-1);
  for (Slot at = message.jobs; at != no_slot; at = jobs[at].sibling) {
    if (hold) {
      unplace(at);
    } else {
      place(at, now);
    }
  }
  out.push_back(Persist{.changes = {.id = message.id, .held = hold, .recipients = {}}});
}

void Engine::State::remove_waiter(Slot waiter, Pending how, RecipientState& state, Message& message, Persist& persist) {
  const bool drop = how == Pending::drop;
  state.reason = drop ? Reason::dropped_by_admin : Reason::returned_by_admin;
  if (state.code.klass != 5) state.code = {5, 3, 0};  // "other mail system status" [rfc3463 3.4]
  if (state.diagnostic.empty()) {
    state.diagnostic = drop ? "removed from the queue by an administrator" : "returned by an administrator";
  }
  end_waiter(waiter, RecipientStatus::removed, state, message, persist);
}

void Engine::State::remove(Slot slot, Pending how, Now now, Effects& out) {
  Message& message = messages[slot];
  Persist persist;
  persist.changes.id = message.id;
  persist.changes.held = message.held;
  bool running = false;
  std::vector<Slot> touched;
  for (Slot at = message.jobs; at != no_slot; at = jobs[at].sibling) {
    running |= jobs[at].running > 0;
    bool any = false;
    for (Slot w = jobs[at].waiters; w != no_slot; w = waiters[w].next) {
      if (waiters[w].phase != Phase::waiting) continue;
      remove_waiter(w, how, persist.changes.recipients.emplace_back(state_of(w, now)), message, persist);
      any = true;
    }
    if (any) touched.push_back(at);
  }
  if (running) message.pending = how;
  for (Slot at : touched) finish_job(at, now, persist);  // the last one may free the message
  if (!touched.empty()) out.push_back(std::move(persist));
}

}  // namespace postil::queue
