#include "cli/tls_report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "cli/answer_text.hpp"
#include "i18n/columns.hpp"

namespace postil::cli {
namespace {

namespace json = boost::json;
using i18n::Translator;
using tlsrpt::Failure;
using tlsrpt::Policy;
using tlsrpt::Report;

constexpr std::size_t hosts_shown_max = 3;

// Of all that has the same reason: one explanation, and where it happened.
struct Kind {
  std::string result;
  std::uint64_t sessions = 0;
  std::vector<const Failure*> where;  // most sessions first
};

std::vector<Kind> kinds_of(const Policy& policy) {
  std::vector<Kind> out;
  for (const auto& failure : policy.failures) {
    auto kind = std::ranges::find(out, failure.result, &Kind::result);
    if (kind == out.end()) kind = out.insert(out.end(), {failure.result, 0, {}});
    kind->sessions += failure.sessions;
    kind->where.push_back(&failure);
  }
  for (auto& kind : out) std::ranges::stable_sort(kind.where, std::greater{}, &Failure::sessions);
  std::ranges::stable_sort(out, std::greater{}, &Kind::sessions);
  return out;
}

bool known(const std::string& result) {
  const auto found = transport::parse_tls_result(result);
  return found && *found != transport::TlsResult::success;
}

std::string result_text(const std::string& result, std::string_view what, const Translator& tr) {
  return tr.text(fmt::format("tls_report.result.{}.{}", known(result) ? result : "unknown", what),
                 {{"result", result}});
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

std::string policy_name(const Policy& policy, const Translator& tr) {
  if (policy.type == "sts" || policy.type == "tlsa") return tr.text("tls_report.policy." + policy.type);
  if (policy.type == "no-policy-found" || policy.type.empty()) return tr.text("tls_report.policy.none");
  return tr.text("tls_report.policy.other", {{"kind", policy.type}});
}

std::string host_of(const Failure& failure) {
  if (failure.receiving_ip.empty()) return failure.receiving_host;
  if (failure.receiving_host.empty()) return fmt::format("[{}]", failure.receiving_ip);
  return fmt::format("{} [{}]", failure.receiving_host, failure.receiving_ip);
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

std::string covers(const Report& report, const Translator& tr) {
  const std::string day = report.begin.substr(0, 10);
  const bool whole_day = report.begin == day + "T00:00:00Z" && report.end == day + "T23:59:59Z";
  if (whole_day) return tr.text("tls_report.covers_day", {{"day", day}});
  return tr.text("tls_report.covers", {{"begin", report.begin}, {"end", report.end}});
}

std::string verdict(const Report& report, const Translator& tr) {
  const Sums sums = sums_of(report);
  return tr.text(sums.failed > 0  ? "tls_report.some_failed"
                 : sums.good == 0 ? "tls_report.no_session"
                                  : "tls_report.all_good");
}

void write_kind(std::ostream& out, const Kind& kind, const Translator& tr, bool long_form) {
  out << fmt::format("\n  {} x {}\n", kind.sessions, kind.result);
  write_paragraph(out, result_text(kind.result, "what", tr));
  Rows rows;
  rows.add(tr.text(fmt::format("tls_report.role.{}", role(kind.result))), result_text(kind.result, "do", tr));
  const std::size_t shown = long_form ? kind.where.size() : std::min(kind.where.size(), hosts_shown_max);
  for (std::size_t i = 0; i < shown; ++i) {
    const Failure& failure = *kind.where[i];
    rows.add(tr.text("tls_report.label.host"), host_of(failure));
    rows.add(tr.text("tls_report.label.code"), failure.reason);
    rows.add(tr.text("tls_report.label.more"), failure.information);
    if (long_form) rows.add(tr.text("tls_report.label.from"), failure.sending_ip);
  }
  rows.write(out);
}

void write_policy(std::ostream& out, const Policy& policy, const Translator& tr, bool long_form) {
  out << fmt::format("\n{}  {}\n", policy.domain, policy_name(policy, tr));
  Rows rows;
  rows.add(tr.text("tls_report.label.good"), fmt::to_string(policy.successful));
  rows.add(tr.text("tls_report.label.failed"), fmt::to_string(policy.failed));
  if (long_form) {
    for (const auto& line : policy.lines) rows.add(tr.text("tls_report.label.policy"), line);
  }
  rows.write(out);
  if (policy.failed > 0) write_paragraph(out, tr.text(fmt::format("tls_report.effect.{}", effect(policy))));
  if (policy.failed > 0 && policy.failures.empty()) write_paragraph(out, tr.text("tls_report.no_details"));
  for (const auto& kind : kinds_of(policy)) write_kind(out, kind, tr, long_form);
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

void write_tls_report(std::ostream& out, const tlsrpt::Received& received, const Translator& tr, bool long_form) {
  const Report& report = received.report;
  out << (report.organization.empty() ? tr.text("tls_report.nameless")
                                      : tr.text("tls_report.heading", {{"organization", report.organization}}))
      << '\n';
  write_paragraph(out, covers(report, tr));
  write_paragraph(out, verdict(report, tr));
  if (received.mail && !received.signature_field) write_paragraph(out, tr.text("tls_report.unsigned"));
  Rows rows;
  rows.add(tr.text("tls_report.label.contact"), report.contact);
  rows.add(tr.text("tls_report.label.report"), report.id);
  rows.write(out);
  for (const auto& policy : report.policies) write_policy(out, policy, tr, long_form);
  if (report.truncated) out << '\n' << tr.text("tls_report.truncated") << '\n';
}

void write_tls_report_lines(std::ostream& out, const tlsrpt::Received& received, const Translator& tr) {
  for (const auto& policy : received.report.policies) {
    out << fmt::format("{}  {}  {}/{}\n", policy.domain, policy_name(policy, tr), policy.successful,
                       policy.successful + policy.failed);
    for (const auto& kind : kinds_of(policy)) {
      out << fmt::format("{}  {} x {}  {}\n", policy.domain, kind.sessions, kind.result,
                         result_text(kind.result, "what", tr));
    }
  }
}

std::string tls_report_json(const tlsrpt::Received& received, const Translator& tr) {
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

}  // namespace postil::cli
