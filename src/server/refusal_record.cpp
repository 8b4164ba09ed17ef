#include "server/refusal_record.hpp"

#include <fmt/format.h>

#include "event/event.hpp"
#include "reply/catalogue.hpp"
#include "server/refusal_rule.hpp"

namespace postil::server {

void record_refusal(Services& services, const smtp::RefusalRecord& refusal, const std::string& peer,
                    SessionId session) {
  const auto& entry = reply::entry(refusal.reply.text);
  const std::string status = refusal.reply.enhanced ? " " + reply::to_string(refusal.reply.enhanced) : std::string();
  const std::string rule = refusal.reply.rule.empty() ? std::string(rule_of(refusal.reply)) : refusal.reply.rule;
  event::Event told{event::Name::command_refused,
                    {{"receipt", to_string(refusal.id)},
                     {"session", static_cast<std::int64_t>(session.value)},
                     {"peer", peer},
                     {"stage", refusal.stage},
                     {"key", std::string(entry.key)},
                     {"reply", fmt::format("{}{} {}", refusal.reply.code, status, reply::text_of(refusal.reply))},
                     {"rule", rule},
                     {"sender", refusal.sender},
                     {"recipient", refusal.recipient},
                     {"login", refusal.login},
                     {"helo", refusal.helo}}};
  services.events.emit(told);
  // One peer that is refused for the same again and again is one record with a count.
  const std::string repeat = fmt::format("{}|{}|{}|{}", peer, entry.key, refusal.sender, refusal.recipient);
  services.history.add(refusal.id, event::to_json(told, services.clock.wall()), repeat);
}

}  // namespace postil::server
