#include "delivery/host_policy.hpp"

#include <fmt/format.h>

#include "base/assert.hpp"

namespace postil::delivery {
namespace {

using transport::Basis;
using transport::Requirement;
using transport::TlsResult;

// What a policy makes of a session.
TlsResult result_under(const SessionTold& told, bool webpki) {
  if (!told.offered) return TlsResult::starttls_not_supported;
  if (told.fault != crypto::TlsFault::none) return transport::result_of(told.fault);
  if (told.facts == nullptr) return TlsResult::starttls_not_supported;
  if (webpki && !told.facts->peer_verified && told.facts->dane_match.empty()) {
    return transport::result_of(told.facts->verify_fault);
  }
  return told.failed ? TlsResult::validation_failure : TlsResult::success;
}

void add_dane(const transport::DaneResult& dane, transport::TlsSession& session) {
  session.policy = transport::ReportPolicy::tlsa;
  if (dane.base != session.domain) session.policy_domain = dane.base;
  for (const auto& record : dane.records.usable) session.policy_lines.push_back(transport::to_text(record));
  for (const auto& one : dane.records.unusable) session.policy_lines.push_back(transport::to_text(one.record));
}

void add_sts(const transport::StsPolicy& policy, transport::TlsSession& session) {
  session.policy = transport::ReportPolicy::sts;
  session.policy_lines = {"version: STSv1", fmt::format("mode: {}", transport::to_string(policy.mode))};
  for (const auto& mx : policy.mx) session.policy_lines.push_back(fmt::format("mx: {}", mx));
  session.policy_lines.push_back(fmt::format("max_age: {}", policy.max_age_seconds));
  session.mx_patterns = policy.mx;
}

}  // namespace

transport::MessageNeeds needs_of(const queue::Envelope& envelope) {
  return {envelope.requiretls, envelope.tls_optional, envelope.sender.empty()};
}

bool same_tls(const Settings& a, const Settings& b) {
  return &a == &b ||
         (a.tls_least == b.tls_least && a.tls_ca_file == b.tls_ca_file && a.tls_policies == b.tls_policies &&
          a.dane == b.dane && a.mta_sts == b.mta_sts && a.client.tls == b.client.tls);
}

smtp::TlsUse tls_use(const Requirement& requirement, smtp::TlsUse configured) {
  if (configured == smtp::TlsUse::implicit) return configured;
  switch (requirement.tls) {
    case Requirement::Tls::never:
      return smtp::TlsUse::never;
    case Requirement::Tls::must:
      return smtp::TlsUse::required;
    case Requirement::Tls::may:
      break;
  }
  return configured;
}

env::TlsClientRequest tls_request(const Requirement& requirement, const std::string& host) {
  env::TlsClientRequest request;
  request.server_name = requirement.sni.empty() ? host : requirement.sni;
  request.verify = requirement.webpki;
  request.ca_file = requirement.ca_file;
  request.names = requirement.names;
  request.tlsa = requirement.tlsa;
  request.dane_names = requirement.dane_names;
  return request;
}

route::Cause cause_of(transport::Obstacle obstacle) {
  switch (obstacle) {
    case transport::Obstacle::dane_lookup:
    case transport::Obstacle::dane_bogus:
      return route::Cause::dane_lookup_failed;
    case transport::Obstacle::dane_missing:
      return route::Cause::dane_missing;
    case transport::Obstacle::sts_not_listed:
      return route::Cause::sts_not_listed;
    case transport::Obstacle::none:
      break;
  }
  POSTIL_ASSERT(!"nothing stands against the host");
}

route::Judgement under_policy(route::Judgement judgement, const transport::MessageRuling& ruling,
                              const smtp::Outcome& outcome, crypto::TlsFault fault) {
  const bool tls = outcome.trouble == smtp::Trouble::tls_failed || outcome.trouble == smtp::Trouble::tls_refused ||
                   outcome.trouble == smtp::Trouble::tls_not_offered;
  if (!tls || judgement.cause != route::Cause::tls_failed) return judgement;
  if (ruling.must_offer_requiretls) {
    auto refused = route::judge_cause(route::Cause::requiretls_unsupported);
    refused.status = {5, 7, 10};  // [rfc8689 4.2.1]
    return refused;
  }
  switch (ruling.ruling.requirement.basis) {
    case Basis::dane:
      judgement.cause = route::Cause::dane_failed;
      break;
    case Basis::sts:
      judgement.cause = route::Cause::sts_failed;
      break;
    case Basis::dane_and_sts: {
      const bool authority = fault == crypto::TlsFault::not_trusted || fault == crypto::TlsFault::host_mismatch ||
                             fault == crypto::TlsFault::expired;
      judgement.cause = authority ? route::Cause::sts_failed : route::Cause::dane_failed;
      break;
    }
    default:
      break;
  }
  return judgement;
}

void tell_session(Services& services, const SessionTold& told) {
  transport::TlsSession session;
  session.domain = told.policy.domain;
  session.receiving_host = told.host;
  session.receiving_ip = told.address;
  session.reason = told.reason;
  session.sending_ip = told.local_address;
  const auto give = [&](transport::TlsSession one) {
    if (one.policy != transport::ReportPolicy::no_policy_found && one.result != TlsResult::success) {
      services.events.emit({event::Name::tls_policy_failed,
                            {{"domain", one.domain},
                             {"policy", std::string(transport::to_string(one.policy))},
                             {"remote", fmt::format("{} [{}]", one.receiving_host, one.receiving_ip)},
                             {"result", std::string(transport::to_string(one.result))},
                             {"delivered", !told.failed},
                             {"reason", one.reason}}});
    }
    if (services.tls_session) services.tls_session(one);
  };
  const auto obstacle = told.policy.ruling.obstacle;
  bool any = false;
  if (told.policy.dane && told.policy.dane->kind != transport::DaneResult::Kind::none) {
    any = true;
    auto one = session;
    add_dane(*told.policy.dane, one);
    one.result = obstacle == transport::Obstacle::dane_bogus    ? TlsResult::dnssec_invalid
                 : obstacle == transport::Obstacle::dane_lookup ? TlsResult::tlsa_invalid
                                                                : result_under(told, false);
    give(std::move(one));
  }
  if (told.policy.sts && told.policy.sts->mode != transport::StsMode::none) {
    any = true;
    auto one = session;
    add_sts(*told.policy.sts, one);
    const bool unlisted = obstacle == transport::Obstacle::sts_not_listed || told.policy.ruling.sts_fails_in_testing;
    one.result = unlisted ? TlsResult::validation_failure : result_under(told, true);
    if (unlisted) one.reason = "the policy does not name the host";
    give(std::move(one));
  }
  if (any || session.domain.empty()) return;
  session.result = result_under(told, false);
  if (obstacle == transport::Obstacle::dane_missing) {  // the configuration wants DANE
    session.policy = transport::ReportPolicy::tlsa;
    session.policy_domain = told.host;
    session.result = TlsResult::dane_required;
  }
  give(std::move(session));
}

}  // namespace postil::delivery
