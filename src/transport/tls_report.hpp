// What a domain's owner is told of TLS in a day's report: sessions by the policy that they stood under, and failures by
// their type. [rfc8460 4.3] The reporter counts with TlsReport; delivery tells each session as a TlsSession.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/tls_facts.hpp"
#include "transport/requirement.hpp"

namespace postil::transport {

enum class ReportPolicy : std::uint8_t { no_policy_found, tlsa, sts };
std::string_view to_string(ReportPolicy policy);  // "no-policy-found", "tlsa", "sts"
std::optional<ReportPolicy> parse_report_policy(std::string_view text);

// The result types of RFC 8460, as they are written there.
enum class TlsResult : std::uint8_t {
  success,
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_expired,
  certificate_not_trusted,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  dane_required,
  sts_policy_fetch_error,
  sts_policy_invalid,
  sts_webpki_invalid,
};
std::string_view to_string(TlsResult result);  // "certificate-host-mismatch"
std::optional<TlsResult> parse_tls_result(std::string_view text);

// One session, or one that could not be had.
struct TlsSession {
  std::string domain;         // whose reports it goes into: that of the mail, or the configured next hop
  std::string policy_domain;  // DANE: the TLSA base domain [rfc8460 1.1]; "" = `domain`
  ReportPolicy policy = ReportPolicy::no_policy_found;
  std::vector<std::string> policy_lines;  // policy-string: the TLSA records, or the lines of the policy
  std::vector<std::string> mx_patterns;   // mx-host of an MTA-STS policy
  TlsResult result = TlsResult::success;
  std::string sending_ip;      // may be empty
  std::string receiving_host;  // the MX host's name
  std::string receiving_ip;
  std::string reason;  // for people; failure-reason-code
};
// The result type for a handshake that failed.
TlsResult result_of(crypto::TlsFault fault);

// Counts of a span of time. Bounded: what is beyond is left out and counted in dropped(). Of what is known already,
// sessions are always counted.
class TlsReport {
 public:
  // failures_max: kinds of failures under one policy. octets_max: of all texts and entries, about.
  explicit TlsReport(std::size_t domains_max = 20'000, std::size_t failures_max = 100,
                     std::size_t octets_max = 16 * 1024 * 1024)
      : domains_max_(domains_max), failures_max_(failures_max), octets_max_(octets_max) {}

  struct Failure {
    TlsResult result = TlsResult::validation_failure;
    std::string sending_ip, receiving_host, receiving_ip, reason;
    std::uint64_t sessions = 0;
  };
  struct Policy {
    ReportPolicy type = ReportPolicy::no_policy_found;
    std::string domain;  // as TlsSession::policy_domain
    std::vector<std::string> lines, mx_patterns;
    std::uint64_t successful = 0, failed = 0;
    std::vector<Failure> failures;  // at most failures_max kinds; `failed` counts all
  };
  using Domains = std::map<std::string, std::vector<Policy>>;

  void add(const TlsSession& session);
  const Domains& domains() const { return domains_; }
  std::uint64_t dropped() const { return dropped_; }
  // What was counted; begins anew.
  Domains take();
  // Takes up again what was kept of domains(), of a domain that is not there; what is beyond the bounds is left out.
  void restore(const std::string& domain, std::vector<Policy> policies);

 private:
  bool room_for(std::size_t octets);
  Policy* policy_of(const TlsSession& session);
  std::size_t domains_max_, failures_max_, octets_max_;
  std::size_t octets_ = 0;
  Domains domains_;
  std::uint64_t dropped_ = 0;
};

}  // namespace postil::transport
