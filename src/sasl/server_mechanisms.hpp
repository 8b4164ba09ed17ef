// The mechanisms themselves and what they share; used by server.cpp only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sasl/server.hpp"

namespace postil::sasl {

// Longer names are not looked up: an address has 320 octets at most, and some people log in with odder names.
inline constexpr std::size_t user_octets_max = 512;

Failed failed(reply::TextId text);

// The user name as a client sent it, prepared; nothing when it is empty, too long or no name.
std::optional<std::string> prepared_user(std::string_view sent);

// Whether the client may act as authzid: only as itself, which it may say or leave out.
bool acts_as_itself(std::string_view authzid, std::string_view prepared_authcid);

// The end of a login. proven: the client has shown that it knows the secret; only then it is told more about the
// account than that the login failed.
Step finish(const Credentials& found, bool proven, std::string_view mechanism);

std::unique_ptr<ServerMechanism> make_plain();
std::unique_ptr<ServerMechanism> make_login();
std::unique_ptr<ServerMechanism> make_scram(const MechanismInfo& mechanism, ServerContext context);
std::unique_ptr<ServerMechanism> make_external(ServerContext context);

}  // namespace postil::sasl
