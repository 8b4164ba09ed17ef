#include "mailauth/dmarc.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

// As it stands in questions: names are compared in that form only.
std::string normal_domain(std::string_view text) {
  return question_name(dns_domain(text));
}

// Names without a common end have no common organizational domain: there is nothing to be asked.
bool same_last_label(std::string_view a, std::string_view b) {
  return a.substr(a.rfind('.') + 1) == b.substr(b.rfind('.') + 1);
}

}  // namespace

DmarcCheck::DmarcCheck(DmarcInput input) : input_(std::move(input)) {
  outcome_.author_domain = normal_domain(input_.author_domain);
  DmarcIdentifier spf;
  spf.domain = normal_domain(input_.spf_domain);
  spf.pass = input_.spf == SpfResult::pass;
  spf.temporary = input_.spf == SpfResult::temperror;
  if (askable_name(spf.domain)) outcome_.identifiers.push_back(std::move(spf));
  std::size_t passed = 0;
  for (const auto& signature : input_.signatures) {
    DmarcIdentifier dkim;
    dkim.kind = DmarcIdentifier::Kind::dkim;
    dkim.domain = normal_domain(signature.domain);
    dkim.selector = signature.selector;
    dkim.temporary = signature.temporary;
    dkim.pass = signature.pass && askable_name(dkim.domain) && ++passed <= dmarc_identifiers_max;
    outcome_.identifiers.push_back(std::move(dkim));
  }
  question_ = evaluate();
}

void DmarcCheck::answer(const dns::Answer& answer) {
  POSTIL_ASSERT(question_);
  if (question_->type == dns::Type::a) {
    author_status_ = answer.status;
  } else {
    tree_.take(*question_, answer);
  }
  question_ = evaluate();
}

std::optional<DnsQuestion> DmarcCheck::evaluate() {
  dns_failed_ = false;
  if (!askable_name(outcome_.author_domain) || outcome_.author_domain.front() == '[') {
    outcome_.reason = DmarcReason::malformed_domain;
    return std::nullopt;
  }
  if (auto question = find_policy()) return question;
  if (outcome_.policy_record && !outcome_.policy_record->record->usable()) {
    outcome_.reason = DmarcReason::unusable_record;
  } else if (outcome_.policy_record) {
    if (auto question = choose_policy()) return question;
    if (auto question = align()) return question;
    conclude();
  } else if (dns_failed_) {
    outcome_.result = DmarcResult::temperror;
    outcome_.reason = DmarcReason::dns_failure;
  }
  outcome_.names = tree_.all();
  return std::nullopt;
}

// [rfc9989 4.10.1] The author's domain, its organizational domain, its public suffix.
std::optional<DnsQuestion> DmarcCheck::find_policy() {
  const auto& author = outcome_.author_domain;
  const auto* own = tree_.at(author);
  if (own && own->record) {
    outcome_.policy_record = *own;
    outcome_.place = DmarcOutcome::Place::author;
    if (!input_.find_organizational_domain) return std::nullopt;
  }
  const auto walk = tree_.walk(author);
  if (walk.question) return walk.question;
  if (walk.failed) {
    dns_failed_ = true;
    return std::nullopt;
  }
  outcome_.organizational_domain = walk.organizational;
  if (walk.found.empty() || (own && own->record)) return std::nullopt;
  const auto at_organization = [&](const auto* found) { return found->domain == walk.organizational; };
  const auto found = std::ranges::find_if(walk.found, at_organization);
  const bool organizational = found != walk.found.end();
  outcome_.policy_record = organizational ? **found : *walk.found.back();
  outcome_.place = organizational ? DmarcOutcome::Place::organizational : DmarcOutcome::Place::public_suffix;
  return std::nullopt;
}

std::optional<DnsQuestion> DmarcCheck::choose_policy() {
  const auto& record = *outcome_.policy_record->record;
  if (outcome_.place == DmarcOutcome::Place::author) {
    outcome_.policy = record.policy();
    outcome_.policy_tag = "p";
  } else {
    if (record.np && record.policy_below(false) != record.policy_below(true)) {
      if (!author_status_) return DnsQuestion{outcome_.author_domain, dns::Type::a};
      outcome_.author_exists = *author_status_ != dns::Status::no_domain;  // [rfc9989 3.2.13]
    }
    outcome_.policy = record.policy_below(outcome_.author_exists);
    outcome_.policy_tag = !outcome_.author_exists ? "np" : record.sp ? "sp" : "p";
  }
  outcome_.applied_policy = record.testing ? one_step_less(outcome_.policy) : outcome_.policy;
  return std::nullopt;
}

// [rfc9989 4.10.2]
std::optional<DnsQuestion> DmarcCheck::align() {
  const auto& author = outcome_.author_domain;
  const auto& record = *outcome_.policy_record->record;
  for (auto& identifier : outcome_.identifiers) {
    if (!identifier.pass) continue;
    const auto mode = identifier.kind == DmarcIdentifier::Kind::spf ? record.aspf : record.adkim;
    identifier.aligned = identifier.domain == author;
    if (*identifier.aligned || mode == DmarcAlignment::strict || !same_last_label(identifier.domain, author)) continue;
    const auto authors_walk = tree_.walk(author);
    if (authors_walk.question) return authors_walk.question;
    const auto walk = tree_.walk(identifier.domain);
    if (walk.question) return walk.question;
    if (walk.failed || authors_walk.failed) {
      dns_failed_ = true;
      identifier.aligned.reset();
      continue;
    }
    outcome_.organizational_domain = authors_walk.organizational;
    identifier.organizational = walk.organizational;
    identifier.aligned = walk.organizational == authors_walk.organizational;
  }
  return std::nullopt;
}

void DmarcCheck::conclude() {
  const auto& identifiers = outcome_.identifiers;
  if (std::ranges::any_of(identifiers, [](const auto& i) { return i.aligned == true; })) {
    outcome_.result = DmarcResult::pass;
    outcome_.reason = DmarcReason::aligned;
  } else if (undecided()) {
    outcome_.result = DmarcResult::temperror;
    outcome_.reason = DmarcReason::dns_failure;
  } else {
    const bool any = std::ranges::any_of(identifiers, [](const auto& i) { return i.pass; });
    outcome_.result = DmarcResult::fail;
    outcome_.reason = any ? DmarcReason::not_aligned : DmarcReason::no_identifier;
  }
}

// DNS kept something back that could have made it a pass. [rfc9989 5.3.6]
bool DmarcCheck::undecided() const {
  const auto& record = *outcome_.policy_record->record;
  return std::ranges::any_of(outcome_.identifiers, [&](const DmarcIdentifier& identifier) {
    if (identifier.pass) return !identifier.aligned;
    const auto mode = identifier.kind == DmarcIdentifier::Kind::spf ? record.aspf : record.adkim;
    const bool could_align = mode == DmarcAlignment::strict
                                 ? identifier.domain == outcome_.author_domain
                                 : same_last_label(identifier.domain, outcome_.author_domain);
    return identifier.temporary && could_align;
  });
}

DmarcReportCheck::DmarcReportCheck(std::string_view policy_domain, const std::vector<ReportUri>& uris)
    : policy_domain_(normal_domain(policy_domain)) {
  for (const auto& uri : uris) {
    if (destinations_.size() >= report_uris_max) break;
    destinations_.emplace_back().uri = uri;
  }
  question_ = evaluate();
}

void DmarcReportCheck::answer(const dns::Answer& answer) {
  POSTIL_ASSERT(question_);
  if (question_->name == destinations_[next_].asked) {
    permission_ = answer;
  } else {
    tree_.take(*question_, answer);
  }
  question_ = evaluate();
}

std::optional<DnsQuestion> DmarcReportCheck::evaluate() {
  for (; next_ < destinations_.size(); ++next_) {
    if (auto question = judge(destinations_[next_])) return question;
    permission_.reset();
  }
  return std::nullopt;
}

std::optional<DnsQuestion> DmarcReportCheck::judge(DmarcDestination& destination) {
  using Verdict = DmarcDestination::Verdict;
  const auto host = question_name(destination.uri.host);
  if (host.empty()) {
    destination.verdict = Verdict::unsupported;
    return std::nullopt;
  }
  destination.verdict = Verdict::internal;
  if (host == policy_domain_) return std::nullopt;
  if (same_last_label(host, policy_domain_)) {
    const auto own = tree_.walk(policy_domain_);
    if (own.question) return own.question;
    const auto theirs = tree_.walk(host);
    if (theirs.question) return theirs.question;
    destination.verdict = Verdict::unknown;
    if (own.failed || theirs.failed) return std::nullopt;
    destination.verdict = Verdict::internal;
    if (own.organizational == theirs.organizational) return std::nullopt;
  }
  destination.verdict = Verdict::refused;
  const auto name = policy_domain_ + "._report._dmarc." + host;
  if (!askable_name(name)) return std::nullopt;
  destination.asked = name;
  if (!permission_) return DnsQuestion{name, dns::Type::txt};
  if (!permission_->definite()) {
    destination.verdict = Verdict::unknown;
    return std::nullopt;
  }
  for (const auto& text : dmarc_records(*permission_)) {
    destination.verdict = Verdict::authorized;
    for (auto& uri : parse_dmarc_record(text).rua) destination.overrides.push_back(std::move(uri));
  }
  // An override that leads to yet another host: neither is to be used.
  if (std::ranges::any_of(destination.overrides, [&](const auto& uri) { return uri.host != destination.uri.host; })) {
    destination.overrides.clear();
    destination.verdict = Verdict::refused;
  }
  return std::nullopt;
}

std::string_view to_string(DmarcResult result) {
  switch (result) {
    case DmarcResult::none:
      return "none";
    case DmarcResult::pass:
      return "pass";
    case DmarcResult::fail:
      return "fail";
    case DmarcResult::temperror:
      return "temperror";
  }
  return "?";
}

std::string_view to_string(DmarcReason reason) {
  switch (reason) {
    using enum DmarcReason;
    case aligned:
      return "aligned";
    case no_identifier:
      return "no_identifier";
    case not_aligned:
      return "not_aligned";
    case malformed_domain:
      return "malformed_domain";
    case no_record:
      return "no_record";
    case unusable_record:
      return "unusable_record";
    case dns_failure:
      return "dns_failure";
  }
  return "?";
}

std::string_view to_string(DmarcDestination::Verdict verdict) {
  switch (verdict) {
    using enum DmarcDestination::Verdict;
    case internal:
      return "internal";
    case authorized:
      return "authorized";
    case refused:
      return "refused";
    case unsupported:
      return "unsupported";
    case unknown:
      return "unknown";
  }
  return "?";
}

}  // namespace postil::mailauth
