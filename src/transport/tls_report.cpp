#include "transport/tls_report.hpp"

#include <algorithm>
#include <utility>

namespace postil::transport {
namespace {

constexpr std::size_t policies_max = 10;  // of one domain: it may change its policy in a day

}  // namespace

std::string_view to_string(ReportPolicy policy) {
  switch (policy) {
    case ReportPolicy::no_policy_found:
      return "no-policy-found";
    case ReportPolicy::tlsa:
      return "tlsa";
    case ReportPolicy::sts:
      return "sts";
  }
  return "no-policy-found";
}

std::string_view to_string(TlsResult result) {
  switch (result) {
    case TlsResult::success:
      return "success";
    case TlsResult::starttls_not_supported:
      return "starttls-not-supported";
    case TlsResult::certificate_host_mismatch:
      return "certificate-host-mismatch";
    case TlsResult::certificate_expired:
      return "certificate-expired";
    case TlsResult::certificate_not_trusted:
      return "certificate-not-trusted";
    case TlsResult::validation_failure:
      return "validation-failure";
    case TlsResult::tlsa_invalid:
      return "tlsa-invalid";
    case TlsResult::dnssec_invalid:
      return "dnssec-invalid";
    case TlsResult::dane_required:
      return "dane-required";
    case TlsResult::sts_policy_fetch_error:
      return "sts-policy-fetch-error";
    case TlsResult::sts_policy_invalid:
      return "sts-policy-invalid";
    case TlsResult::sts_webpki_invalid:
      return "sts-webpki-invalid";
  }
  return "validation-failure";
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

void TlsReport::add(const TlsSession& session) {
  if (!domains_.contains(session.domain) && domains_.size() >= domains_max_) {
    ++dropped_;
    return;
  }
  auto& policies = domains_[session.domain];
  auto policy = std::ranges::find_if(
      policies, [&](const Policy& one) { return one.type == session.policy && one.lines == session.policy_lines; });
  if (policy == policies.end()) {
    if (policies.size() >= policies_max) {
      ++dropped_;
      return;
    }
    policies.push_back({session.policy, session.policy_lines, session.mx_patterns, 0, 0, {}});
    policy = std::prev(policies.end());
  }
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
  } else if (policy->failures.size() < failures_max_) {
    policy->failures.push_back(
        {session.result, session.sending_ip, session.receiving_host, session.receiving_ip, session.reason, 1});
  }
}

TlsReport::Domains TlsReport::take() {
  dropped_ = 0;
  return std::exchange(domains_, {});
}

}  // namespace postil::transport
