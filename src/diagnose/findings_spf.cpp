// SPF: the record and all that it includes, and whether an address may send [rfc7208].
#include <fmt/format.h>

#include <algorithm>

#include "address/ip.hpp"
#include "base/bytes.hpp"
#include "diagnose/findings_areas.hpp"
#include "diagnose/mail_auth.hpp"
#include "diagnose/spf_mend.hpp"
#include "dns/mx.hpp"

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
constexpr std::size_t pieces_max = 5;  // of a record, shown in a sentence

std::vector<Advice> to_publish(const std::string& domain, const std::string& record) {
  return {{Advice::Kind::publish, txt_line(domain, record)}};
}

std::vector<Advice> to_run(std::string command) {
  return {{Advice::Kind::run, std::move(command)}};
}

// As tools for DNS write it.
std::string_view said_by_dns(dns::Status status) {
  switch (status) {
    case dns::Status::ok:
    case dns::Status::no_data:
      return "NODATA";
    case dns::Status::no_domain:
      return "NXDOMAIN";
    case dns::Status::timed_out:
      return "TIMEOUT";
    case dns::Status::server_failure:
    case dns::Status::bogus:
    case dns::Status::malformed:
      break;
  }
  return "SERVFAIL";
}

// Every record that was read, those below indented, with the look-ups that they cost.
std::vector<std::string> tree(const SpfOutcome& outcome) {
  std::vector<std::string> out;
  std::vector<std::size_t> depth(outcome.nodes.size());
  for (std::size_t i = 0; i < outcome.nodes.size(); ++i) {
    const SpfNode& node = outcome.nodes[i];
    if (node.parent) depth[i] = depth[*node.parent] + 1;
    const std::string margin(2 * std::min<std::size_t>(depth[i], 10), ' ');
    for (const auto& record : node.records) out.push_back(margin + txt_line(node.domain, record));
    for (const auto& term : node.terms) {
      if (!term.is_void || term.node) continue;
      out.push_back(fmt::format("{}  {}  -> {}.  -", margin,
                                printable(node.record->text(node.record->mechanisms[term.mechanism].where), 100),
                                printable(term.target, 253)));
    }
    if (node.records.empty() && i > 0) {
      out.push_back(fmt::format("{}{}.  TXT  -  ({})", margin, node.domain, said_by_dns(node.status)));
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
    sound_ = whole(*record);
    if (outcome_.lookups >= lookups_near) {
      add(Id::spf_lookups_near, {{"lookups", fmt::to_string(outcome_.lookups)}}, fewer_lookups());
    }
    void_terms(*record);
    ends(*record);
    remarks();
    if (!bad_) add(Id::spf_ok, {{"lookups", fmt::to_string(outcome_.lookups)}});
  }

 private:
  void add(Finding finding) {
    const auto word = entry(finding.id).word;
    bad_ = bad_ || word == Word::fail || word == Word::warn;
    finding.evidence = evidence_;
    out_.add(std::move(finding));
  }

  void add(Id id, i18n::Args args, std::vector<Advice> advice = {}, std::vector<Phrase> phrases = {}) {
    add({.id = id,
         .about = {},
         .args = std::move(args),
         .evidence = {},
         .advice = std::move(advice),
         .phrases = std::move(phrases)});
  }

  void add_list(Id id, std::string_view name, const std::vector<std::string>& items, std::vector<Advice> advice) {
    Finding finding{.id = id, .about = {}, .args = {}, .evidence = {}, .advice = std::move(advice)};
    finding.add_list(name, items);
    add(std::move(finding));
  }

  void several() {
    const SpfNode* culprit = nullptr;
    for (const auto& node : outcome_.nodes) {
      if (node.records.size() > 1 && culprit == nullptr) culprit = &node;
    }
    const auto& node = culprit == nullptr ? outcome_.nodes.front() : *culprit;
    add(Id::spf_several, {}, to_publish(node.domain, spf_joined(node.records)));
  }

  void missing() {
    const auto& start = outcome_.nodes.front();
    const std::vector<Advice> advice = to_publish(domain_, first_record());
    for (const auto& text : start.lookalikes) {
      evidence_.push_back(txt_line(domain_, text));
      add(Id::spf_lookalike, {{"record", printable(text, 200)}}, advice);
    }
    if (start.lookalikes.empty()) add(Id::spf_missing, {{"domain", domain_}}, advice);
  }

  // The hosts that take its mail send it, too, more often than not. Without MX records "mx" names nothing.
  std::string first_record() const {
    if (!may_have_mail_host(out_.seen())) return "v=spf1 -all";
    const auto* mx = out_.seen().dns.find(domain_, dns::Type::mx);
    const bool by_mx = mx != nullptr && dns::classify_mx(*mx).kind != dns::MxSet::Kind::implicit;
    return by_mx ? "v=spf1 mx -all" : "v=spf1 a -all";
  }

  // Of an included record only its owner can change anything.
  void syntax() {
    for (const auto& node : outcome_.nodes) {
      if (!node.record) continue;
      const auto advice =
          node.parent ? to_run(fmt::format("postil check {} --only spf", plain_name(node.domain, domain_))) : mended();
      for (const auto& error : node.record->errors) {
        const auto piece = printable(node.record->text(error.where), 80);
        const std::string problem(to_string(error.problem));
        add(Id::spf_syntax,
            {{"domain", node.domain},
             {"piece", piece.empty() ? printable(node.record->raw, 80) : piece},
             {"problem", problem}},
            advice, {{"problem", "spf." + problem}});
      }
    }
  }

  std::vector<Advice> fewer_lookups() const {
    const auto record = spf_flattened(outcome_, lookups_near - 1);
    if (!record.empty()) return to_publish(domain_, record);
    return to_run(fmt::format("postil check {} --only spf --long", domain_));
  }

  // The record without what is in error; a record in which nothing else stands is to be written anew.
  std::vector<Advice> without(const std::vector<mailauth::Span>& pieces) const {
    const auto& record = outcome_.nodes.front().record;
    if (!record || pieces.empty()) return to_run(fmt::format("postil check {} --only spf --long", domain_));
    return to_publish(domain_, spf_without(*record, pieces));
  }

  // The record without what ends it in an error.
  std::vector<Advice> mended() const {
    const auto& record = outcome_.nodes.front().record;
    const auto left = record ? spf_without(*record, spf_culprits(outcome_)) : std::string();
    const auto sound = record ? spf_corrected(mailauth::parse_spf_record(left)) : std::string();
    if (!record || sound == record->raw) return to_run(fmt::format("postil check {} --only spf --long", domain_));
    return to_publish(domain_, sound);
  }

  // Further includes without a record, which the first error hides from receivers.
  void other_includes() {
    for (const auto& node : outcome_.nodes) {
      if (!node.parent || node.result != SpfResult::none || node.domain == outcome_.name) continue;
      add(Id::spf_include, {{"name", printable(node.domain, 253)}}, mended());
    }
  }

  // Names of which DNS knows nothing: those in the record itself are the owner's to take out.
  void too_many_voids() {
    std::vector<std::string> names;
    std::vector<mailauth::Span> own, leading;
    for (const auto& one : spf_voids(outcome_)) {
      if (std::ranges::find(names, one.name) == names.end()) names.push_back(printable(one.name, 253));
      (one.direct ? own : leading).push_back(one.own);
    }
    if (names.empty()) names.push_back(domain_);
    add_list(Id::spf_void, "name", names, without(own.empty() ? leading : own));
  }

  void void_terms(const mailauth::SpfRecord& record) {
    for (const auto& one : spf_voids(outcome_)) {
      if (!one.direct) continue;
      add(Id::spf_void_term, {{"term", printable(record.text(one.own), 80)}, {"name", printable(one.name, 253)}},
          to_publish(domain_, sound_));
    }
  }

  // What makes the whole record void; true when something does.
  bool errors() {
    if (outcome_.lookups > lookups_max) {
      add(Id::spf_lookups, {{"lookups", fmt::to_string(outcome_.lookups)}}, fewer_lookups());
    }
    other_includes();
    const i18n::Args name{{"name", outcome_.name.empty() ? domain_ : outcome_.name}};
    switch (outcome_.reason) {
      case SpfReason::malformed_domain:
      case SpfReason::no_domain:
      case SpfReason::no_record:
        missing();
        return true;
      case SpfReason::several_records:
        several();
        return true;
      case SpfReason::syntax:
        syntax();
        return true;
      case SpfReason::include_without_record:
      case SpfReason::redirect_without_record:
        add(Id::spf_include, name, mended());
        return true;
      case SpfReason::loop:
        add(Id::spf_loop, name, mended());
        return true;
      case SpfReason::too_many_lookups:
        return true;
      case SpfReason::too_many_void_lookups:
        too_many_voids();
        return true;
      case SpfReason::too_many_mx:
        add(Id::spf_many_mx, name, mended());
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
    const bool by_all = outcome_.matched_node == std::size_t{0} &&
                        record.mechanisms[*outcome_.matched_mechanism].kind == mailauth::SpfMechanismKind::all;
    if (outcome_.result == SpfResult::pass && !by_all) {
      pass_any(record);
      return;
    }
    if (record.redirect && !record.has_all()) return;
    const auto all =
        std::ranges::find(record.mechanisms, mailauth::SpfMechanismKind::all, &mailauth::SpfMechanism::kind);
    const char qualifier = all == record.mechanisms.end() ? '?' : all->qualifier;
    if (qualifier == '+') {
      add(Id::spf_pass_all, {}, to_publish(domain_, sound_));
    } else if (qualifier == '?') {
      add(Id::spf_no_end, {}, to_publish(domain_, sound_));
    } else if (qualifier == '~') {
      add(Id::spf_soft, {});
    }
  }

  // A term that matches whoever sends: a network of all addresses, an include of a record with +all ...
  void pass_any(const mailauth::SpfRecord& record) {
    std::vector<mailauth::Span> pieces;
    if (outcome_.matched_node == std::size_t{0}) {
      pieces.push_back(record.mechanisms[*outcome_.matched_mechanism].where);
    } else if (record.redirect) {
      pieces.push_back(record.redirect->where);
    }
    auto left = spf_without(record, pieces);
    if (!mailauth::parse_spf_record(left).has_all()) left += " -all";
    add(Id::spf_pass_any, {{"term", printable(outcome_.matched_text(), 100)}}, to_publish(domain_, left));
  }

  static std::string ended(const mailauth::SpfRecord& record, std::string_view end) {
    const auto all =
        std::ranges::find(record.mechanisms, mailauth::SpfMechanismKind::all, &mailauth::SpfMechanism::kind);
    std::string text = record.raw;
    if (all == record.mechanisms.end()) return std::string(trim(text)) + " " + std::string(end);
    return text.replace(all->where.position, all->where.length, end);
  }

  // Of its own record: others' are not the owner's to change.
  void remarks() {
    const auto& record = *outcome_.nodes.front().record;
    std::vector<mailauth::Span> idle;
    for (const auto& remark : record.remarks) {
      if (remark.remark == SpfRemark::ptr_used || remark.remark == SpfRemark::p_macro_used) {
        add(Id::spf_ptr, {}, to_publish(domain_, sound_));
      }
      if (no_effect(remark.remark)) idle.push_back(remark.where);
    }
    if (idle.empty()) return;
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < idle.size() && i < pieces_max; ++i) {
      pieces.push_back(printable(record.text(idle[i]), 80));
    }
    if (idle.size() > pieces_max) pieces.emplace_back("...");
    add_list(Id::spf_no_effect, "piece", pieces, to_publish(domain_, sound_));
  }

  static bool no_effect(SpfRemark remark) {
    return remark == SpfRemark::after_all || remark == SpfRemark::redirect_ignored ||
           remark == SpfRemark::mechanism_as_modifier || remark == SpfRemark::unknown_modifier ||
           remark == SpfRemark::repeated_term;
  }

  // The record as it should be: without what names nothing, has no effect or is not to be used, and with an end. All
  // advice shows this one, so that what mends one fault leaves no other.
  std::string whole(const mailauth::SpfRecord& record) const {
    std::vector<mailauth::Span> pieces;
    for (const auto& one : spf_voids(outcome_)) {
      if (one.direct) pieces.push_back(one.own);
    }
    for (const auto& remark : record.remarks) {
      const bool dated = remark.remark == SpfRemark::ptr_used || remark.remark == SpfRemark::p_macro_used;
      if (dated || no_effect(remark.remark)) pieces.push_back(remark.where);
    }
    const auto left = mailauth::parse_spf_record(spf_without(record, pieces));
    const auto all = std::ranges::find(left.mechanisms, mailauth::SpfMechanismKind::all, &mailauth::SpfMechanism::kind);
    if (all == left.mechanisms.end()) return left.redirect ? left.raw : ended(left, "~all");
    return all->qualifier == '+' ? ended(left, "-all") : all->qualifier == '?' ? ended(left, "~all") : left.raw;
  }

  Findings& out_;
  const SpfOutcome& outcome_;
  const std::string& domain_;
  std::vector<std::string> evidence_;
  std::string sound_;  // the record that all advice about its terms shows
  bool bad_ = false;
};

void find_sender(Findings& out) {
  const auto& request = out.seen().request;
  const std::string ip = sender_ip(request);
  if (ip.empty()) return;
  auto check = spf_sender_check(request, out.seen().time);
  answer_from(out.seen().dns, check);
  const auto& outcome = check.outcome();
  const std::string record =
      !outcome.nodes.empty() && outcome.nodes.front().records.size() == 1 ? outcome.nodes.front().records.front() : "";
  Finding finding;
  finding.evidence = tree(outcome);
  finding.args = {{"ip", ip}, {"result", std::string(to_string(outcome.result))}};
  if (outcome.result == SpfResult::pass) {
    finding.id = Id::spf_ip_pass;
    finding.args.emplace_back("term", printable(outcome.matched_text(), 100));
  } else if (outcome.result == SpfResult::permerror || outcome.result == SpfResult::temperror) {
    finding.id = outcome.result == SpfResult::permerror ? Id::spf_ip_error : Id::spf_ip_unknown;
    if (finding.id == Id::spf_ip_error) {
      finding.advice = to_run(fmt::format("postil check {} --only spf", request.subject.domain));
    }
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
