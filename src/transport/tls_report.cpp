#include "transport/tls_report.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace postil::transport {
namespace {

constexpr std::size_t policies_max = 10;        // of one domain: it may change its policy in a day
constexpr std::size_t entry_octets = 200;       // of a domain, policy or kind of failure beside its texts
constexpr std::size_t reason_octets_max = 200;  // failure-reason-code is a short text [rfc8460 4.3.3]
constexpr std::string_view policy_names[] = {"no-policy-found", "tlsa", "sts"};
constexpr std::string_view result_names[] = {"success",
                                             "starttls-not-supported",
                                             "certificate-host-mismatch",
                                             "certificate-expired",
                                             "certificate-not-trusted",
                                             "validation-failure",
                                             "tlsa-invalid",
                                             "dnssec-invalid",
                                             "dane-required",
                                             "sts-policy-fetch-error",
                                             "sts-policy-invalid",
                                             "sts-webpki-invalid"};

template <class Enum, std::size_t count>
std::optional<Enum> find_name(const std::string_view (&names)[count], std::string_view text) {
  const auto found = std::ranges::find(names, text);
  if (found == std::end(names)) return {};
  return static_cast<Enum>(found - std::begin(names));
}

std::size_t octets_of(const std::vector<std::string>& lines) {
  std::size_t sum = 0;
  for (const auto& line : lines) sum += line.size() + sizeof(std::string);
  return sum;
}

std::size_t octets_of(const TlsReport::Failure& failure) {
  return entry_octets + failure.sending_ip.size() + failure.receiving_host.size() + failure.receiving_ip.size() +
         failure.reason.size();
}

std::size_t octets_of(const TlsReport::Policy& policy) {
  std::size_t sum = entry_octets + policy.domain.size() + octets_of(policy.lines) + octets_of(policy.mx_patterns);
  for (const auto& failure : policy.failures) sum += octets_of(failure);
  return sum;
}

}  // namespace

std::string_view to_string(ReportPolicy policy) {
  return policy_names[static_cast<std::size_t>(policy)];
}

std::optional<ReportPolicy> parse_report_policy(std::string_view text) {
  return find_name<ReportPolicy>(policy_names, text);
}

std::string_view to_string(TlsResult result) {
  return result_names[static_cast<std::size_t>(result)];
}

std::optional<TlsResult> parse_tls_result(std::string_view text) {
  return find_name<TlsResult>(result_names, text);
}

TlsResult result_of(crypto::TlsFault fault) {
  switch (fault) {
    case crypto::TlsFault::none:
      return TlsResult::success;
    case crypto::TlsFault::host_mismatch:
      return TlsResult::certificate_host_mismatch;
    case crypto::TlsFault::expired:
      return TlsResult::certificate_expired;
    case crypto::TlsFault::not_trusted:
      return TlsResult::certificate_not_trusted;
    case crypto::TlsFault::dane_mismatch:
      return TlsResult::validation_failure;
    case crypto::TlsFault::other:
      return TlsResult::validation_failure;
  }
  return TlsResult::validation_failure;
}

bool TlsReport::room_for(std::size_t octets) {
  if (octets > octets_max_ - std::min(octets_, octets_max_)) {
    ++dropped_;
    return false;
  }
  octets_ += octets;
  return true;
}

// Null: there is no room for another one.
TlsReport::Policy* TlsReport::policy_of(const TlsSession& session) {
  auto domain = domains_.find(session.domain);
  const auto same = [&](const Policy& one) {
    return one.type == session.policy && one.domain == session.policy_domain && one.lines == session.policy_lines;
  };
  if (domain != domains_.end()) {
    const auto known = std::ranges::find_if(domain->second, same);
    if (known != domain->second.end()) return &*known;
  }
  const std::size_t policies = domain == domains_.end() ? 0 : domain->second.size();
  if (policies >= policies_max || (policies == 0 && domains_.size() >= domains_max_)) {
    ++dropped_;
    return nullptr;
  }
  Policy made{session.policy, session.policy_domain, session.policy_lines, session.mx_patterns, 0, 0, {}};
  const std::size_t name_octets = policies == 0 ? entry_octets + session.domain.size() : 0;
  if (!room_for(octets_of(made) + name_octets)) return nullptr;
  return &domains_[session.domain].emplace_back(std::move(made));
}

void TlsReport::add(const TlsSession& session) {
  Policy* policy = policy_of(session);
  if (policy == nullptr) return;
  if (session.result == TlsResult::success) {
    ++policy->successful;
    return;
  }
  ++policy->failed;
  const auto same = std::ranges::find_if(policy->failures, [&](const Failure& one) {
    return one.result == session.result && one.receiving_host == session.receiving_host &&
           one.receiving_ip == session.receiving_ip && one.sending_ip == session.sending_ip;
  });
  if (same != policy->failures.end()) {
    ++same->sessions;
    return;
  }
  Failure made{session.result,
               session.sending_ip,
               session.receiving_host,
               session.receiving_ip,
               session.reason.substr(0, reason_octets_max),
               1};
  if (policy->failures.size() < failures_max_ && room_for(octets_of(made))) policy->failures.push_back(std::move(made));
}

TlsReport::Domains TlsReport::take() {
  dropped_ = 0;
  octets_ = 0;
  return std::exchange(domains_, {});
}

void TlsReport::restore(const std::string& domain, std::vector<Policy> policies) {
  std::size_t octets = entry_octets + domain.size();
  for (const auto& policy : policies) octets += octets_of(policy);
  const bool fits = !policies.empty() && policies.size() <= policies_max && domains_.size() < domains_max_;
  if (!fits || domains_.contains(domain) || !room_for(octets)) return;
  domains_.emplace(domain, std::move(policies));
}

}  // namespace postil::transport
