#include "knowledge/reasons.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::knowledge {
namespace {

constexpr ReasonEntry entries[] = {
#define REASON(identifier, group, persistence, who, action) \
  {Reason::identifier, #identifier, Group::group, Persistence::persistence, Role::who, Action::action},
#include "knowledge/reasons.def"
#undef REASON
};

}  // namespace

std::span<const ReasonEntry> reasons() {
  return entries;
}

const ReasonEntry& entry(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  POSTIL_ASSERT(index < std::size(entries));
  return entries[index];
}

const ReasonEntry* find_reason(std::string_view key) {
  const auto* at = std::ranges::find(entries, key, &ReasonEntry::key);
  return at == std::end(entries) ? nullptr : at;
}

std::string_view to_string(Group group) {
  switch (group) {
    case Group::address:
      return "address";
    case Group::domain_dns:
      return "domain_dns";
    case Group::mailbox:
      return "mailbox";
    case Group::sender_identity:
      return "sender_identity";
    case Group::authentication:
      return "authentication";
    case Group::reputation_policy:
      return "reputation_policy";
    case Group::content:
      return "content";
    case Group::protocol_system:
      return "protocol_system";
    case Group::network:
      return "network";
    case Group::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Persistence persistence) {
  switch (persistence) {
    case Persistence::permanent:
      return "permanent";
    case Persistence::transient:
      return "transient";
    case Persistence::conditional:
      return "conditional";
  }
  return "conditional";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::nobody:
      return "nobody";
    case Role::sender:
      return "sender";
    case Role::sender_admin:
      return "sender_admin";
    case Role::developer:
      return "developer";
    case Role::recipient:
      return "recipient";
    case Role::recipient_admin:
      return "recipient_admin";
    case Role::host_owner:
      return "host_owner";
  }
  return "nobody";
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::retry:
      return "retry";
    case Action::throttle:
      return "throttle";
    case Action::correct_address:
      return "correct_address";
    case Action::suppress:
      return "suppress";
    case Action::fix_dns:
      return "fix_dns";
    case Action::fix_auth:
      return "fix_auth";
    case Action::fix_config:
      return "fix_config";
    case Action::delist:
      return "delist";
    case Action::contact:
      return "contact";
    case Action::change_content:
      return "change_content";
  }
  return "contact";
}

const Role* find_role(std::string_view key) {
  const auto* at = std::ranges::find_if(roles, [key](Role role) { return to_string(role) == key; });
  return at == std::end(roles) ? nullptr : at;
}

}  // namespace postil::knowledge
