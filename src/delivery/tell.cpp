#include "delivery/tell.hpp"

#include <algorithm>
#include <cmath>

#include "message/date.hpp"

namespace postil::delivery {

void tell(Services& services, MessageId id, event::Event told) {
  told.fields.insert(told.fields.begin(), {"id", to_string(id)});
  services.history.add(id, event::to_json(told, services.clock.wall()));
  services.events.emit(told);
}

void tell_pace(Services& services, const queue::PaceChanged& changed) {
  const queue::PaceChange& change = changed.change;
  const bool slower = change.cause != queue::PaceCause::recovered;
  event::Event told{slower ? event::Name::pace_slowed : event::Name::pace_raised,
                    {{"site", changed.site},
                     {"reason", std::string(queue::to_string(change.cause))},
                     {"connections_before", static_cast<std::int64_t>(change.connections_before)},
                     {"connections", static_cast<std::int64_t>(change.connections)},
                     {"per_minute_before", std::llround(change.rate_before * 60)},
                     {"per_minute", std::llround(change.rate * 60)}}};
  if (slower) {
    told.fields.push_back({"remote", change.remote});
    told.fields.push_back({"reply", change.said});
  }
  tell(services, changed.message, std::move(told));
}

void tell_results(Services& services, const queue::Persist& persist) {
  const MessageId id = persist.changes.id;
  for (const auto& state : persist.changes.recipients) {
    event::Name name = event::Name::recipient_deferred;
    switch (state.status) {
      case queue::RecipientStatus::waiting:
        name = event::Name::recipient_deferred;
        break;
      case queue::RecipientStatus::delivered:
        name = event::Name::recipient_delivered;
        break;
      case queue::RecipientStatus::failed:
      case queue::RecipientStatus::expired:
        name = event::Name::recipient_failed;
        break;
      case queue::RecipientStatus::removed:
        name = event::Name::recipient_removed;
        break;
    }
    event::Event told{name,
                      {{"recipient", static_cast<std::int64_t>(state.index)},
                       {"reason", std::string(queue::to_string(state.reason))},
                       {"status", reply::to_string(state.code)},
                       {"attempts", static_cast<std::int64_t>(state.attempts)},
                       {"remote", state.remote},
                       {"reply", state.diagnostic}}};
    if (state.diagnostic_time != WallTime{})  // the reply was given to an earlier message
      told.fields.push_back({"said", message::rfc3339_date(state.diagnostic_time)});
    if (state.status == queue::RecipientStatus::waiting) {
      const auto wait = std::chrono::duration_cast<seconds>(state.next_attempt - services.clock.wall());
      told.fields.push_back({"next_in_seconds", static_cast<std::int64_t>(wait.count())});
    }
    tell(services, id, std::move(told));
  }
  // Who drops a message wants no bounce: nothing is missing then.
  const auto wanted = [&](std::uint32_t index) {
    const auto state = std::ranges::find(persist.changes.recipients, index, &queue::RecipientState::index);
    return state == persist.changes.recipients.end() || state->reason != queue::Reason::dropped_by_admin;
  };
  const auto untold = std::ranges::count_if(persist.unreported, wanted);
  if (untold > 0) {
    tell(services, id, {event::Name::bounce_dropped, {{"recipients", static_cast<std::int64_t>(untold)}}});
  }
  if (persist.finished) tell(services, id, {event::Name::message_finished, {}});
}

std::string admin_word(queue::Admin::Action action) {
  switch (action) {
    case queue::Admin::Action::retry:
      return "retry";
    case queue::Admin::Action::hold:
      return "hold";
    case queue::Admin::Action::release:
      return "release";
    case queue::Admin::Action::return_to_sender:
      return "return";
    case queue::Admin::Action::drop:
      return "drop";
  }
  return "retry";
}

}  // namespace postil::delivery
