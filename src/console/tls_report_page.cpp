// What the box answers to a TLS report: whether all is well; of each policy its sessions, and what failed and why.
#include <fmt/format.h>

#include <algorithm>

#include "console/draft.hpp"
#include "tlsrpt/told.hpp"

namespace postil::console {
namespace {

constexpr std::size_t hosts_shown_max = 3;

void add_fact(Fields to, const Draft& draft, std::string_view label, const std::string& value) {
  if (value.empty()) return;
  auto fact = to.add("FACT");
  fact.set("LABEL", draft.tr.text(fmt::format("tls_report.label.{}", label)));
  fact.set("VALUE", value);
}

void add_failures(Fields to, const Draft& draft, const tlsrpt::FailureKind& kind) {
  auto fields = to.add("FAILURE");
  fields.set("RESULT", kind.result);
  fields.set("SESSIONS", fmt::to_string(kind.sessions));
  fields.set("WHAT_HTML", draft.markup(tlsrpt::result_text(kind.result, "what", draft.tr)));
  fields.set("ROLE", tlsrpt::role_text(kind.result, draft.tr));
  fields.set("DO_HTML", draft.markup(tlsrpt::result_text(kind.result, "do", draft.tr)));
  for (std::size_t i = 0; i < std::min(kind.where.size(), hosts_shown_max); ++i) {
    const auto& failure = *kind.where[i];
    auto where = fields.add("WHERE");
    add_fact(where, draft, "host", tlsrpt::host_of(failure));
    add_fact(where, draft, "code", failure.reason);
    add_fact(where, draft, "more", failure.information);
  }
}

void add_policy(Fields to, const Draft& draft, const tlsrpt::Policy& policy) {
  auto fields = to.add("POLICY");
  fields.set("DOMAIN", policy.domain);
  fields.set("KIND", tlsrpt::policy_text(policy, draft.tr));
  add_fact(fields, draft, "good", fmt::to_string(policy.successful));
  add_fact(fields, draft, "failed", fmt::to_string(policy.failed));
  if (policy.failed == 0) return;
  fields.add("NOTE").set("TEXT", tlsrpt::effect_text(policy, draft.tr));
  if (policy.failures.empty()) fields.add("NOTE").set("TEXT", draft.tr.text("tls_report.no_details"));
  for (const auto& kind : tlsrpt::kinds_of(policy)) add_failures(fields, draft, kind);
}

}  // namespace

void fill_tls_report(Draft& draft, Fields main, const tlsrpt::Received& received) {
  const auto& report = received.report;
  draft.title = tlsrpt::heading_text(report, draft.tr);
  auto fields = main.include("TLS_REPORT", "tls_report.html");
  fields.set("T_TITLE", draft.title);
  fields.set("VERDICT", tlsrpt::verdict_text(report, draft.tr));
  fields.set("COVERS", tlsrpt::covers_text(report, draft.tr));
  if (received.mail && !received.signature_field) fields.add("NOTE").set("TEXT", draft.tr.text("tls_report.unsigned"));
  if (report.truncated) fields.add("NOTE").set("TEXT", draft.tr.text("tls_report.truncated"));
  add_fact(fields, draft, "contact", report.contact);
  add_fact(fields, draft, "report", report.id);
  for (const auto& policy : report.policies) add_policy(fields, draft, policy);
}

}  // namespace postil::console
