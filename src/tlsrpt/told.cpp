#include "tlsrpt/told.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace postil::tlsrpt {
namespace {

namespace json = boost::json;
using i18n::Translator;

bool known(const std::string& result) {
  const auto found = transport::parse_tls_result(result);
  return found && *found != transport::TlsResult::success;
}

// What is wrong at the host is its admin's affair, what is wrong in DNS or with the policy the domain's.
std::string_view role(const std::string& result) {
  using transport::TlsResult;
  const auto found = transport::parse_tls_result(result);
  return found && *found >= TlsResult::tlsa_invalid ? "domain" : "host";
}

std::string_view effect(const Policy& policy) {
  if (policy.type == "tlsa") return "tlsa";
  if (policy.type != "sts") return "none";
  const auto says = [&](std::string_view mode) { return std::ranges::find(policy.lines, mode) != policy.lines.end(); };
  return says("mode: enforce") ? "enforce" : says("mode: testing") ? "testing" : "none";
}

struct Sums {
  std::uint64_t good = 0, failed = 0;
};

Sums sums_of(const Report& report) {
  Sums out;
  for (const auto& policy : report.policies) {
    out.good += policy.successful;
    out.failed += policy.failed;
  }
  return out;
}

json::array strings(const std::vector<std::string>& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(json::string(text));
  return out;
}

json::object failure_json(const Failure& failure, const Translator& tr) {
  return {{"result", failure.result},
          {"known", known(failure.result)},
          {"sessions", failure.sessions},
          {"receiving_host", failure.receiving_host},
          {"receiving_helo", failure.receiving_helo},
          {"receiving_ip", failure.receiving_ip},
          {"sending_ip", failure.sending_ip},
          {"reason", failure.reason},
          {"information", failure.information},
          {"what", result_text(failure.result, "what", tr)},
          {"who", role(failure.result)},
          {"do", result_text(failure.result, "do", tr)}};
}

}  // namespace

std::vector<FailureKind> kinds_of(const Policy& policy) {
  std::vector<FailureKind> out;
  for (const auto& failure : policy.failures) {
    auto kind = std::ranges::find(out, failure.result, &FailureKind::result);
    if (kind == out.end()) kind = out.insert(out.end(), {failure.result, 0, {}});
    kind->sessions += failure.sessions;
    kind->where.push_back(&failure);
  }
  for (auto& kind : out) std::ranges::stable_sort(kind.where, std::greater{}, &Failure::sessions);
  std::ranges::stable_sort(out, std::greater{}, &FailureKind::sessions);
  return out;
}

std::string result_text(const std::string& result, std::string_view what, const Translator& tr) {
  return tr.text(fmt::format("tls_report.result.{}.{}", known(result) ? result : "unknown", what),
                 {{"result", result}});
}

std::string role_text(const std::string& result, const Translator& tr) {
  return tr.text(fmt::format("tls_report.role.{}", role(result)));
}

std::string policy_text(const Policy& policy, const Translator& tr) {
  if (policy.type == "sts" || policy.type == "tlsa") return tr.text("tls_report.policy." + policy.type);
  if (policy.type == "no-policy-found" || policy.type.empty()) return tr.text("tls_report.policy.none");
  return tr.text("tls_report.policy.other", {{"kind", policy.type}});
}

std::string effect_text(const Policy& policy, const Translator& tr) {
  return tr.text(fmt::format("tls_report.effect.{}", effect(policy)));
}

std::string heading_text(const Report& report, const Translator& tr) {
  if (report.organization.empty()) return tr.text("tls_report.nameless");
  return tr.text("tls_report.heading", {{"organization", report.organization}});
}

std::string covers_text(const Report& report, const Translator& tr) {
  const std::string day = report.begin.substr(0, 10);
  const bool whole_day = report.begin == day + "T00:00:00Z" && report.end == day + "T23:59:59Z";
  if (whole_day) return tr.text("tls_report.covers_day", {{"day", day}});
  return tr.text("tls_report.covers", {{"begin", report.begin}, {"end", report.end}});
}

std::string verdict_text(const Report& report, const Translator& tr) {
  const Sums sums = sums_of(report);
  return tr.text(sums.failed > 0  ? "tls_report.some_failed"
                 : sums.good == 0 ? "tls_report.no_session"
                                  : "tls_report.all_good");
}

std::string host_of(const Failure& failure) {
  if (failure.receiving_ip.empty()) return failure.receiving_host;
  if (failure.receiving_host.empty()) return fmt::format("[{}]", failure.receiving_ip);
  return fmt::format("{} [{}]", failure.receiving_host, failure.receiving_ip);
}

std::string told_as_json(const Received& received, const Translator& tr) {
  const Report& report = received.report;
  const Sums sums = sums_of(report);
  json::array policies;
  for (const auto& policy : report.policies) {
    json::array failures;
    for (const auto& failure : policy.failures) failures.emplace_back(failure_json(failure, tr));
    policies.emplace_back(json::object{{"type", policy.type},
                                       {"domain", policy.domain},
                                       {"policy", strings(policy.lines)},
                                       {"mx", strings(policy.mx_patterns)},
                                       {"successful", policy.successful},
                                       {"failed", policy.failed},
                                       {"failures", std::move(failures)}});
  }
  return json::serialize(json::object{{"schema", "postil.tls_report/1"},
                                      {"language", tr.language_of("tls_report")},
                                      {"mail", received.mail},
                                      {"signed", received.signature_field},
                                      {"from", received.from},
                                      {"submitter", received.submitter},
                                      {"organization", report.organization},
                                      {"contact", report.contact},
                                      {"id", report.id},
                                      {"begin", report.begin},
                                      {"end", report.end},
                                      {"successful", sums.good},
                                      {"failed", sums.failed},
                                      {"policies", std::move(policies)},
                                      {"truncated", report.truncated}});
}

}  // namespace postil::tlsrpt
