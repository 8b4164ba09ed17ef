// The reasons why a message is not delivered (reasons.def): what everything that is refused, returned
// or delayed is counted and explained under. Five axes instead of one list, since the first digit of a
// code tells neither whose move it is nor whether waiting helps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace postil::knowledge {

enum class Reason : std::uint8_t {
#define REASON(identifier, group, persistence, who, action) identifier,
#include "knowledge/reasons.def"
#undef REASON
};

enum class Group : std::uint8_t {
  address,
  domain_dns,
  mailbox,
  sender_identity,
  authentication,
  reputation_policy,
  content,
  protocol_system,
  network,
  unknown,
};

// conditional: permanent until somebody changes something.
enum class Persistence : std::uint8_t { permanent, transient, conditional };

// Whose move it is. host_owner: of the host that gave the reply.
enum class Role : std::uint8_t { nobody, sender, sender_admin, developer, recipient, recipient_admin, host_owner };
inline constexpr Role roles[] = {Role::nobody,    Role::sender,          Role::sender_admin, Role::developer,
                                 Role::recipient, Role::recipient_admin, Role::host_owner};

enum class Action : std::uint8_t {
  retry,
  throttle,
  correct_address,
  suppress,
  fix_dns,
  fix_auth,
  fix_config,
  delist,
  contact,
  change_content,
};

struct ReasonEntry {
  Reason reason;
  std::string_view
      key;  // "user_unknown": stable, in JSON, metrics and receipts; the texts are reason.KEY.name, .what, .do
  Group group;
  Persistence persistence;
  Role act;
  Action action;
};

std::span<const ReasonEntry> reasons();
const ReasonEntry& entry(Reason reason);
const ReasonEntry* find_reason(std::string_view key);  // null when there is none

std::string_view to_string(Group group);  // "domain_dns"; the text is reason.group.KEY
std::string_view to_string(Persistence persistence);
std::string_view to_string(Role role);  // "sender_admin"; the text is explain.role.KEY
std::string_view to_string(Action action);
const Role* find_role(std::string_view key);  // null when there is none

}  // namespace postil::knowledge
