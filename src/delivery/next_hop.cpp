#include "delivery/next_hop.hpp"

#include <algorithm>

#include "queue/site_rules.hpp"

namespace postil::delivery {

const Route* route_for(std::span<const Route> routes, std::string_view domain) {
  const auto holds = [&](const Route& route) {
    return std::ranges::any_of(route.domains,
                               [&](const std::string& pattern) { return queue::matches_name(pattern, domain); });
  };
  const auto found = std::ranges::find_if(routes, holds);
  return found == routes.end() ? nullptr : &*found;
}

std::shared_ptr<const Settings> settings_for(const Settings& settings, const Route& route) {
  auto out = std::make_shared<Settings>(settings);
  out->smarthost = route.to;
  out->client.login.reset();
  out->client.lmtp = route.to.lmtp;
  if (route.to.implicit_tls) {
    out->client.tls = smtp::TlsUse::implicit;
  } else if (out->client.tls == smtp::TlsUse::implicit) {  // of the smarthost
    out->client.tls =
        settings.tls_least == transport::Level::opportunistic ? smtp::TlsUse::opportunistic : smtp::TlsUse::required;
  }
  if (route.to.host.starts_with('/')) {
    out->client.tls = smtp::TlsUse::never;
    out->tls_least = transport::Level::never;
  }
  return out;
}

}  // namespace postil::delivery
