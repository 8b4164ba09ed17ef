// SPF: the record and all that it includes, and whether an address may send [rfc7208].
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"

namespace postil::diagnose {
namespace {

using Id = FindingId;
using mailauth::SpfNode;
using mailauth::SpfOutcome;
using mailauth::SpfReason;
using mailauth::SpfRemark;
using mailauth::SpfResult;

constexpr int lookups_max = 10;
constexpr int lookups_near = 9;

// Every record that was read, those below indented, with the look-ups that they cost.
std::vector<std::string> tree(const SpfOutcome& outcome) {
  std::vector<std::string> out;
  std::vector<std::size_t> depth(outcome.nodes.size());
  for (std::size_t i = 0; i < outcome.nodes.size(); ++i) {
    const SpfNode& node = outcome.nodes[i];
    if (node.parent) depth[i] = depth[*node.parent] + 1;
    const std::string margin(2 * std::min<std::size_t>(depth[i], 10), ' ');
    for (const auto& record : node.records) out.push_back(margin + txt_line(node.domain, record));
    if (node.records.empty() && i > 0) {
      out.push_back(fmt::format("{}{}.  TXT  -  ({})", margin, node.domain, dns::to_string(node.status)));
    }
  }
  return out;
}

// The record with one term more, in front of what decides about the rest.
std::string with_address(const std::string& record, const std::string& ip) {
  const std::string term = (ip.find(':') == std::string::npos ? "ip4:" : "ip6:") + ip;
  if (record.empty()) return fmt::format("v=spf1 {} -all", term);
  return fmt::format("{} {}{}", record.substr(0, 6), term, record.substr(6));
}

class Spf {
 public:
  Spf(Findings& out, const SpfOutcome& outcome)
      : out_(out), outcome_(outcome), domain_(out.seen().request.subject.domain), evidence_(tree(outcome)) {}

  void find() {
    if (outcome_.nodes.empty()) return;
    if (errors()) return;
    const auto& record = outcome_.nodes.front().record;
    if (!record) return;
    if (outcome_.lookups >= lookups_near) {
      add(Id::spf_lookups_near, {{"lookups", fmt::to_string(outcome_.lookups)}});
    }
    ends(*record);
    remarks();
    if (!bad_) add(Id::spf_ok, {{"lookups", fmt::to_string(outcome_.lookups)}});
  }

 private:
  void add(Id id, i18n::Args args, std::vector<Advice> advice = {}) {
    const auto word = entry(id).word;
    bad_ = bad_ || word == Word::fail || word == Word::warn;
    out_.add({.id = id, .about = {}, .args = std::move(args), .evidence = evidence_, .advice = std::move(advice)});
  }

  void missing() {
    const auto& start = outcome_.nodes.front();
    const std::string value = takes_mail(out_.seen()) ? "v=spf1 mx -all" : "v=spf1 -all";
    const std::vector<Advice> advice = {{Advice::Kind::publish, txt_line(domain_, value)}};
    for (const auto& text : start.lookalikes) {
      evidence_.push_back(txt_line(domain_, text));
      add(Id::spf_lookalike, {{"record", printable(text, 200)}}, advice);
    }
    if (start.lookalikes.empty()) add(Id::spf_missing, {{"domain", domain_}}, advice);
  }

  void syntax() {
    for (const auto& node : outcome_.nodes) {
      if (!node.record) continue;
      for (const auto& error : node.record->errors) {
        const auto piece = printable(node.record->text(error.where), 80);
        add(Id::spf_syntax, {{"domain", node.domain},
                             {"piece", piece.empty() ? printable(node.record->raw, 80) : piece},
                             {"problem", std::string(to_string(error.problem))}});
      }
    }
  }

  // What makes the whole record void; true when something does.
  bool errors() {
    if (outcome_.lookups > lookups_max) {
      add(Id::spf_lookups, {{"lookups", fmt::to_string(outcome_.lookups)}});
    }
    const i18n::Args name{{"name", outcome_.name.empty() ? domain_ : outcome_.name}};
    switch (outcome_.reason) {
      case SpfReason::malformed_domain:
      case SpfReason::no_domain:
      case SpfReason::no_record:
        missing();
        return true;
      case SpfReason::several_records:
        add(Id::spf_several, {});
        return true;
      case SpfReason::syntax:
        syntax();
        return true;
      case SpfReason::include_without_record:
      case SpfReason::redirect_without_record:
        add(Id::spf_include, name);
        return true;
      case SpfReason::loop:
        add(Id::spf_loop, name);
        return true;
      case SpfReason::too_many_lookups:
        return true;
      case SpfReason::too_many_void_lookups:
        add(Id::spf_void, name);
        return true;
      case SpfReason::too_many_mx:
        add(Id::spf_many_mx, name);
        return true;
      case SpfReason::dns_failure:
      case SpfReason::time_up:
        add(Id::spf_unknown, name);
        return true;
      case SpfReason::matched:
      case SpfReason::nothing_matched:
      case SpfReason::redirected:
        break;
    }
    return outcome_.lookups > lookups_max;
  }

  // What hosts get that no term names.
  void ends(const mailauth::SpfRecord& record) {
    if (record.redirect && !record.has_all()) return;
    const auto all =
        std::ranges::find(record.mechanisms, mailauth::SpfMechanismKind::all, &mailauth::SpfMechanism::kind);
    const char qualifier = all == record.mechanisms.end() ? '?' : all->qualifier;
    if (qualifier == '+') {
      add(Id::spf_pass_all, {}, {{Advice::Kind::publish, txt_line(domain_, ended(record, "-all"))}});
    } else if (qualifier == '?') {
      add(Id::spf_no_end, {}, {{Advice::Kind::publish, txt_line(domain_, ended(record, "~all"))}});
    } else if (qualifier == '~') {
      add(Id::spf_soft, {});
    }
  }

  static std::string ended(const mailauth::SpfRecord& record, std::string_view end) {
    const auto all =
        std::ranges::find(record.mechanisms, mailauth::SpfMechanismKind::all, &mailauth::SpfMechanism::kind);
    std::string text = record.raw;
    if (all == record.mechanisms.end()) return std::string(trim(text)) + " " + std::string(end);
    return text.replace(all->where.position, all->where.length, end);
  }

  void remarks() {
    for (const auto& node : outcome_.nodes) {
      if (!node.record || node.parent) continue;  // of its own record: others' are not the owner's to change
      for (const auto& remark : node.record->remarks) {
        const std::string piece = printable(node.record->text(remark.where), 80);
        if (remark.remark == SpfRemark::ptr_used || remark.remark == SpfRemark::p_macro_used) add(Id::spf_ptr, {});
        const bool no_effect = remark.remark == SpfRemark::after_all || remark.remark == SpfRemark::redirect_ignored ||
                               remark.remark == SpfRemark::mechanism_as_modifier ||
                               remark.remark == SpfRemark::unknown_modifier ||
                               remark.remark == SpfRemark::repeated_term;
        if (no_effect) add(Id::spf_no_effect, {{"piece", piece}});
      }
    }
  }

  Findings& out_;
  const SpfOutcome& outcome_;
  const std::string& domain_;
  std::vector<std::string> evidence_;
  bool bad_ = false;
};

void find_sender(Findings& out) {
  const auto& request = out.seen().request;
  const std::string ip = sender_ip(request);
  if (ip.empty()) return;
  auto check = spf_sender_check(request, out.seen().time);
  answer_from(out.seen().dns, check);
  const auto& outcome = check.outcome();
  if (outcome.result == SpfResult::permerror || outcome.result == SpfResult::temperror) return;  // said above
  const std::string record =
      !outcome.nodes.empty() && outcome.nodes.front().records.size() == 1 ? outcome.nodes.front().records.front() : "";
  Finding finding;
  finding.evidence = tree(outcome);
  finding.args = {{"ip", ip}, {"result", std::string(to_string(outcome.result))}};
  if (outcome.result == SpfResult::pass) {
    finding.id = Id::spf_ip_pass;
    finding.args.emplace_back("term", printable(outcome.matched_text(), 100));
  } else {
    const bool refused = outcome.result == SpfResult::fail || outcome.result == SpfResult::softfail;
    finding.id = refused ? Id::spf_ip_fail : Id::spf_ip_neutral;
    finding.advice = {{Advice::Kind::publish, txt_line(request.subject.domain, with_address(record, ip))}};
  }
  out.add(std::move(finding));
}

}  // namespace

void find_spf(Findings& out) {
  const auto& request = out.seen().request;
  if (!out.wants(Part::spf) || request.subject.kind == SubjectKind::ip) return;
  auto check = spf_record_check(request, out.seen().time);
  answer_from(out.seen().dns, check);
  Spf(out, check.outcome()).find();
  find_sender(out);
  if (!takes_mail(out.seen())) {
    out.add({.id = Id::nullmx_sender, .about = {}, .args = {}, .evidence = {}, .advice = {}});
  }
}

}  // namespace postil::diagnose
