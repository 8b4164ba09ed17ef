// What a server says of itself in its reply to EHLO. [rfc5321 4.1.1.1]
#pragma once

#include "reply/reply.hpp"
#include "smtp/client_session.hpp"

namespace postil::smtp {

// From a positive reply to EHLO; its first line is the greeting. Keywords in any case; odd ones and odd parameters are
// passed over: SIZE with no number that fits is a SIZE without limit, AUTH without mechanisms is none.
Extensions parse_extensions(const reply::RemoteReply& reply);

}  // namespace postil::smtp
