// From the configuration to what each part of the server works with.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/limits.hpp"
#include "config/config.hpp"
#include "delivery/services.hpp"
#include "queue/engine.hpp"
#include "server/session_driver.hpp"

namespace postil::app {

struct ListenerPlan {
  env::Endpoint at;
  smtp::Job job = smtp::Job::submission;
  bool implicit_tls = false;
};
// Every SMTP listener that the configuration asks for, the Unix socket of the sendmail command too.
std::vector<ListenerPlan> listeners(const config::Config& config);
// The key that asks for it: "submission.listen_tls".
std::string_view config_key(const ListenerPlan& plan);
// Whether [proxy] or [xclient] is about this listener.
bool covers(const config::Intermediaries& who, const ListenerPlan& plan);

std::shared_ptr<const smtp::ServerSettings> session_settings(
    const config::Config& config, const ListenerPlan& plan, bool have_certificate,
    std::function<std::vector<std::string>(std::string_view)> help);
// own_addresses, here and below: canonical, those at which mail to the port of deliver.port comes back to us.
policy::Aliases aliases(const config::Config& config, std::vector<std::string> own_addresses = {});
std::shared_ptr<const server::Policy> policy(const config::Config& config, std::vector<std::string> own_addresses = {});
server::SessionLimits session_limits(const config::Config& config);
// password: of the smarthost's login, read from its file by the caller.
std::shared_ptr<const delivery::Settings> delivery_settings(const config::Config& config, std::string password,
                                                            std::vector<std::string> own_addresses,
                                                            std::shared_ptr<const mailauth::DkimKeys> dkim = nullptr);
queue::EngineSettings engine_settings(const config::Config& config, std::uint64_t random);

}  // namespace postil::app
