#include "sasl/server.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "sasl/prepare.hpp"
#include "sasl/server_mechanisms.hpp"

namespace postil::sasl {

const std::vector<MechanismInfo>& mechanisms() {
  static const std::vector<MechanismInfo> all = {
      {.name = "SCRAM-SHA-256-PLUS", .password_in_clear = false, .channel_binding = true, .client_first = true},
      {.name = "SCRAM-SHA-1-PLUS", .password_in_clear = false, .channel_binding = true, .client_first = true},
      {.name = "SCRAM-SHA-256", .password_in_clear = false, .channel_binding = false, .client_first = true},
      {.name = "SCRAM-SHA-1", .password_in_clear = false, .channel_binding = false, .client_first = true},
      {.name = "PLAIN", .password_in_clear = true, .channel_binding = false, .client_first = true},
      {.name = "LOGIN", .password_in_clear = true, .channel_binding = false, .client_first = true},
      {.name = "EXTERNAL", .password_in_clear = false, .channel_binding = false, .client_first = true},
  };
  return all;
}

const MechanismInfo* find_mechanism(std::string_view name) {
  const auto found = std::ranges::find_if(mechanisms(), [name](const auto& each) { return iequals(each.name, name); });
  return found == mechanisms().end() ? nullptr : &*found;
}

std::unique_ptr<ServerMechanism> make_server(const MechanismInfo& mechanism, ServerContext context) {
  if (mechanism.name == "PLAIN") return make_plain();
  if (mechanism.name == "LOGIN") return make_login();
  if (mechanism.name == "EXTERNAL") return make_external(std::move(context));
  POSTIL_ASSERT(mechanism.name.starts_with("SCRAM-"));
  return make_scram(mechanism, std::move(context));
}

Failed failed(reply::TextId text) {
  return Failed{text};
}

std::optional<std::string> prepared_user(std::string_view sent) {
  if (sent.size() > user_octets_max) return std::nullopt;
  auto prepared = saslprep(sent);
  if (!prepared || prepared->size() > user_octets_max) return std::nullopt;
  return std::move(*prepared);
}

bool acts_as_itself(std::string_view authzid, std::string_view prepared_authcid) {
  if (authzid.empty()) return true;
  const auto prepared = prepared_user(authzid);
  return prepared && iequals(*prepared, prepared_authcid);
}

Step finish(const Credentials& found, bool proven, std::string_view mechanism) {
  if (!found.exists || !proven) return failed(reply::TextId::auth_credentials);
  if (found.disabled) return failed(reply::TextId::auth_account_disabled);
  const bool off =
      std::ranges::any_of(found.mechanisms_off, [mechanism](const auto& name) { return iequals(name, mechanism); });
  if (off) return failed(reply::TextId::auth_mechanism_off);
  return Done{found.user};
}

}  // namespace postil::sasl
