// One conversation with one address of a host. Nothing is sent but EHLO, STARTTLS and QUIT, and MAIL and RCPT where a
// recipient was asked for: no message.
#pragma once

#include "check/observer.hpp"

namespace postil::check {

struct HostProbe {
  Ports ports;
  const Options& options;  // lives as long as the check
  MonoTime deadline;
};

// connection: host, address and port are set; the rest is filled in. It outlives the call.
env::Awaitable<void> probe_mail(HostProbe probe, diagnose::Connection* connection, bool recipient);
// Whether the host speaks connection->version.
env::Awaitable<void> probe_version(HostProbe probe, diagnose::Connection* connection);

}  // namespace postil::check
