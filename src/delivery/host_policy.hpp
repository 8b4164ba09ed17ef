// What a connection to one host of a domain must prove, for one message; and how it is told when it does not.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "delivery/services.hpp"
#include "route/trouble.hpp"
#include "transport/dane.hpp"
#include "transport/requirement.hpp"

namespace postil::delivery {

// Never changes. A connection that was made under it may be used again for the same site until `until`.
struct HostPolicy {
  std::string site;    // as the engine names it
  std::string domain;  // whose policies were asked
  transport::HostRuling ruling;
  std::shared_ptr<const transport::StsPolicy> sts;
  std::optional<transport::DaneResult> dane;
  std::shared_ptr<const Settings> settings;
  MonoTime until{};
};

transport::MessageNeeds needs_of(const queue::Envelope& envelope);

// Whether both leave the same to a host: a connection made under one may be used under the other.
bool same_tls(const Settings& a, const Settings& b);

// How the handshake is asked for. configured: Settings::client.tls, which may ask for more.
smtp::TlsUse tls_use(const transport::Requirement& requirement, smtp::TlsUse configured);
env::TlsClientRequest tls_request(const transport::Requirement& requirement, const std::string& host);

route::Cause cause_of(transport::Obstacle obstacle);
// A session's judgement under a policy: TLS that could not be had gets the policy's name as its cause.
route::Judgement under_policy(route::Judgement judgement, const transport::MessageRuling& ruling,
                              const smtp::Outcome& outcome, crypto::TlsFault fault);

// A session with a host, or one that could not be had, as the reports count it.
struct SessionTold {
  const HostPolicy& policy;
  std::string host, address;
  const crypto::TlsFacts* facts = nullptr;  // null: TLS is not up
  crypto::TlsFault fault = crypto::TlsFault::none;
  bool failed = false;  // under the policy nothing was sent
  bool offered = true;  // STARTTLS was offered
  std::string reason;
  std::string local_address = {};  // from which the connection was made; "" = there was none
};
// Tells Services::tls_session, once for each policy of the domain, and emits tls_policy_failed for a failure under one;
// in mode testing too. Nothing for a domain without policies and TLS.
void tell_session(Services& services, const SessionTold& told);

}  // namespace postil::delivery
