// The world of the demo: a DNS of its own and hosts on loopback that answer what their names say. 550.demo.test is a
// domain whose host refuses recipients with 550; 556.demo.test has a null MX; nothing leaves the machine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/clock.hpp"
#include "env/network.hpp"
#include "env/resolver.hpp"

namespace postil::app {

struct DemoDomain {
  int code;
  std::string_view stage;     // where its host says it: greeting, mail, rcpt, data, end, dns
  std::string_view enhanced;  // "" = none
  std::string_view text;
};
const std::vector<DemoDomain>& demo_domains();
std::string demo_domain_name(const DemoDomain& domain);  // "550.demo.test"
std::string demo_address(const DemoDomain& domain);      // loopback address of its host

class DemoResolver : public env::Resolver {
 public:
  env::Awaitable<dns::Answer> query(std::string name, dns::Type type, MonoTime deadline) override;
};

// The host of demo.test itself: takes everything, for the bounces that come back.
const DemoDomain& demo_inbox();

// Called with a message that a host took, whole, with CRLF.
using DemoInbox = std::function<void(const std::string& message)>;

// Serves one host of the demo until the listener is closed. inbox: may be empty.
env::Awaitable<void> serve_demo_host(std::shared_ptr<env::Listener> listener, const DemoDomain& domain,
                                     env::Clock& clock, DemoInbox inbox);

}  // namespace postil::app
