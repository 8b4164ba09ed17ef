#include "cli/tls_report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/answer_text.hpp"
#include "tlsrpt/told.hpp"

namespace postil::cli {
namespace {

using i18n::Translator;
using tlsrpt::Failure;
using tlsrpt::FailureKind;
using tlsrpt::Policy;
using tlsrpt::Report;

constexpr std::size_t hosts_shown_max = 3;

void write_kind(std::ostream& out, const FailureKind& kind, const Translator& tr, bool long_form) {
  out << fmt::format("\n  {} x {}\n", kind.sessions, kind.result);
  write_paragraph(out, tlsrpt::result_text(kind.result, "what", tr));
  Rows rows;
  rows.add(tlsrpt::role_text(kind.result, tr), tlsrpt::result_text(kind.result, "do", tr));
  const std::size_t shown = long_form ? kind.where.size() : std::min(kind.where.size(), hosts_shown_max);
  for (std::size_t i = 0; i < shown; ++i) {
    const Failure& failure = *kind.where[i];
    rows.add(tr.text("tls_report.label.host"), tlsrpt::host_of(failure));
    rows.add(tr.text("tls_report.label.code"), failure.reason);
    rows.add(tr.text("tls_report.label.more"), failure.information);
    if (long_form) rows.add(tr.text("tls_report.label.from"), failure.sending_ip);
  }
  rows.write(out);
}

void write_policy(std::ostream& out, const Policy& policy, const Translator& tr, bool long_form) {
  out << fmt::format("\n{}  {}\n", policy.domain, tlsrpt::policy_text(policy, tr));
  Rows rows;
  rows.add(tr.text("tls_report.label.good"), fmt::to_string(policy.successful));
  rows.add(tr.text("tls_report.label.failed"), fmt::to_string(policy.failed));
  if (long_form) {
    for (const auto& line : policy.lines) rows.add(tr.text("tls_report.label.policy"), line);
  }
  rows.write(out);
  if (policy.failed > 0) write_paragraph(out, tlsrpt::effect_text(policy, tr));
  if (policy.failed > 0 && policy.failures.empty()) write_paragraph(out, tr.text("tls_report.no_details"));
  for (const auto& kind : tlsrpt::kinds_of(policy)) write_kind(out, kind, tr, long_form);
}

}  // namespace

void write_tls_report(std::ostream& out, const tlsrpt::Received& received, const Translator& tr, bool long_form) {
  const Report& report = received.report;
  out << tlsrpt::heading_text(report, tr) << '\n';
  write_paragraph(out, tlsrpt::covers_text(report, tr));
  write_paragraph(out, tlsrpt::verdict_text(report, tr));
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
    out << fmt::format("{}  {}  {}/{}\n", policy.domain, tlsrpt::policy_text(policy, tr), policy.successful,
                       policy.successful + policy.failed);
    for (const auto& kind : tlsrpt::kinds_of(policy)) {
      out << fmt::format("{}  {} x {}  {}\n", policy.domain, kind.sessions, kind.result,
                         tlsrpt::result_text(kind.result, "what", tr));
    }
  }
}

}  // namespace postil::cli
