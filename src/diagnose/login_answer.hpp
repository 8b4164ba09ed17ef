// What a server's answer to AUTH says: whether a further try would tell more, and whose fault it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diagnose/observations.hpp"
#include "reply/reply.hpp"

namespace postil::diagnose {

enum class LoginAnswer : std::uint8_t {
  let_in,
  wrong,         // user or password, as far as this mechanism tells
  mechanism,     // not this mechanism; the password was not judged
  no_tls,        // not without TLS
  permission,    // the account may not, or is switched off or locked
  app_password,  // the account's own password does not do here
  later,         // it could not be checked now
};
// By the recogniser's rules, then by the codes [rfc4954 6] [rfc5248 2.4]. Pure.
LoginAnswer login_answer(const reply::RemoteReply& reply);

// What the host offers where a login would be tried: over TLS, if that came about.
std::vector<std::string> offered_mechanisms(const Connection& connection);
// Of those that are offered, the ones that a check can try, the strongest first; at most login_mechanisms_max.
inline constexpr std::size_t login_mechanisms_max = 7;
std::vector<std::string> usable_mechanisms(const Connection& connection);
// Whether it sends the password itself.
bool shows_password(std::string_view mechanism);

}  // namespace postil::diagnose
