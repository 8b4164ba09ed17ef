#include "diagnose/spf_mend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "address/ip.hpp"
#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

using mailauth::Span;
using mailauth::SpfMechanismKind;
using mailauth::SpfNode;
using mailauth::SpfOutcome;
using mailauth::SpfProblem;
using mailauth::SpfRecord;
using mailauth::SpfTermOutcome;

constexpr std::string_view version = "v=spf1";
constexpr std::size_t record_octets_max = 2000;  // a longer one does not fit into an answer by UDP

struct Term {
  std::string text;
  Span where;
};

std::vector<Term> terms_of(std::string_view raw) {
  std::vector<Term> out;
  for (std::size_t at = version.size(); at < raw.size();) {
    const auto end = std::min(raw.find(' ', at), raw.size());
    if (end > at) out.push_back({std::string(raw.substr(at, end - at)), {at, end - at}});
    at = end + 1;
  }
  return out;
}

bool overlap(Span a, Span b) {
  return a.position < b.position + std::max<std::size_t>(b.length, 1) && b.position < a.position + a.length;
}

std::string record_of(const std::vector<std::string>& terms) {
  std::string out(version);
  for (const auto& term : terms) out += " " + term;
  return out;
}

bool good(const std::string& term) {
  return mailauth::parse_spf_record(record_of({term})).valid();
}

// "+ipv4:192.0.2.1" as "+ip4:192.0.2.1", an address alone as ip4 or ip6.
std::string with_known_name(std::string_view term) {
  const std::string_view qualifier =
      term.substr(0, std::string_view("+-~?").find(term.front()) == std::string_view::npos ? 0 : 1);
  const auto rest = term.substr(qualifier.size());
  const auto value = rest.substr(0, rest.find('/'));
  if (const auto ip = address::Ip::parse(value)) {
    return fmt::format("{}{}:{}", qualifier, ip->is_v4() ? "ip4" : "ip6", rest);
  }
  const auto colon = rest.find_first_of(":=");
  const auto name = to_lower(rest.substr(0, colon));
  if (colon == std::string_view::npos || (name != "ip" && name != "ipv4" && name != "ipv6")) return {};
  const auto network = rest.substr(colon + 1);
  const auto ip = address::Ip::parse(network.substr(0, network.find('/')));
  return ip ? fmt::format("{}{}:{}", qualifier, ip->is_v4() ? "ip4" : "ip6", network) : std::string();
}

std::string corrected(std::string term, SpfProblem problem) {
  const auto cut_at = [&term](std::string_view letters) { return term.substr(0, term.find_first_of(letters)); };
  switch (problem) {
    case SpfProblem::modifier_needs_equals:
      if (const auto colon = term.find(':'); colon != std::string_view::npos) term[colon] = '=';
      return term;
    case SpfProblem::qualifier_before_modifier:
      return term.substr(1);
    case SpfProblem::unknown_mechanism:
      return with_known_name(term);
    case SpfProblem::ip4_holds_ip6:
    case SpfProblem::ip6_holds_ip4:
      if (const auto digit = term.find(':'); digit != std::string_view::npos && digit > 0) term[digit - 1] ^= '4' ^ '6';
      return term;
    case SpfProblem::argument_not_allowed:
      return cut_at(":/=");
    case SpfProblem::prefix_missing:
    case SpfProblem::prefix_not_a_number:
    case SpfProblem::prefix_out_of_range:
      return cut_at("/");
    case SpfProblem::prefix_leading_zero:
      if (const auto zero = term.find("/0"); zero != std::string_view::npos) term.erase(zero + 1, 1);
      return term;
    default:
      return {};
  }
}

// The networks that an included record lets pass, as terms; nothing when it depends on more than networks.
std::optional<std::vector<std::string>> networks_of(const SpfOutcome& outcome, std::size_t index) {
  const SpfNode& node = outcome.nodes[index];
  if (!node.record || !node.record->valid()) return std::nullopt;
  const auto& record = *node.record;
  std::vector<std::string> out;
  for (std::size_t i = 0; i < record.mechanisms.size(); ++i) {
    const auto& mechanism = record.mechanisms[i];
    if (mechanism.kind == SpfMechanismKind::all) {
      return mechanism.qualifier == '+' ? std::nullopt : std::optional(std::move(out));
    }
    if (mechanism.qualifier != '+') return std::nullopt;
    if (mechanism.kind == SpfMechanismKind::ip4 || mechanism.kind == SpfMechanismKind::ip6) {
      const auto text = record.text(mechanism.where);
      out.emplace_back(text.substr(text.starts_with('+') ? 1 : 0));
      continue;
    }
    const auto term = std::ranges::find(node.terms, i, &mailauth::SpfTerm::mechanism);
    if (mechanism.kind != SpfMechanismKind::include || term == node.terms.end() || !term->node) return std::nullopt;
    auto below = networks_of(outcome, *term->node);
    if (!below) return std::nullopt;
    for (auto& one : *below) out.push_back(std::move(one));
  }
  if (record.redirect) return std::nullopt;
  return out;
}

// Which term of the first record leads to a node.
std::optional<Span> way_to(const SpfOutcome& outcome, std::size_t index) {
  while (outcome.nodes[index].parent && *outcome.nodes[index].parent != 0) index = *outcome.nodes[index].parent;
  const auto& start = outcome.nodes.front();
  if (index == 0 || !start.record) return std::nullopt;
  for (const auto& term : start.terms) {
    if (term.node == index) return start.record->mechanisms[term.mechanism].where;
  }
  return start.record->redirect ? std::optional(start.record->redirect->where) : std::nullopt;
}

}  // namespace

std::string spf_without(const SpfRecord& record, const std::vector<Span>& pieces) {
  std::vector<std::string> kept;
  for (auto& term : terms_of(record.raw)) {
    const bool named = std::ranges::any_of(pieces, [&](Span piece) { return overlap(term.where, piece); });
    if (!named) kept.push_back(std::move(term.text));
  }
  return record_of(kept);
}

std::string spf_corrected(const SpfRecord& record) {
  std::string raw = record.raw;
  std::ranges::replace_if(raw, is_control, ' ');
  const auto again = mailauth::parse_spf_record(raw);
  std::vector<std::string> kept;
  bool redirect = false;
  for (auto& term : terms_of(raw)) {
    const auto at =
        std::ranges::find_if(again.errors, [&](const auto& error) { return overlap(term.where, error.where); });
    const bool is_redirect = to_lower(term.text.substr(0, 9)) == "redirect=";
    if (is_redirect && redirect) continue;
    redirect = redirect || is_redirect;
    auto text = at == again.errors.end() ? term.text : corrected(term.text, at->problem);
    if (!text.empty() && good(text)) kept.push_back(std::move(text));
  }
  if (kept.empty()) kept.emplace_back("~all");
  return record_of(kept);
}

std::string spf_joined(const std::vector<std::string>& records) {
  std::vector<std::string> kept;
  std::set<std::string> seen;
  bool strict = true;
  for (const auto& text : records) {
    const auto record = mailauth::parse_spf_record(spf_corrected(mailauth::parse_spf_record(text)));
    strict = strict && record.has_all() && std::ranges::all_of(record.mechanisms, [](const auto& one) {
               return one.kind != SpfMechanismKind::all || one.qualifier == '-';
             });
    for (const auto& one : record.mechanisms) {
      std::string term(record.text(one.where));
      if (one.kind != SpfMechanismKind::all && seen.insert(to_lower(term)).second) kept.push_back(std::move(term));
    }
    // Beside the terms of another record a redirect would decide too late.
    if (record.redirect && !record.has_all()) {
      std::string term = "include:" + std::string(record.text(record.redirect->where).substr(9));
      if (seen.insert(to_lower(term)).second) kept.push_back(std::move(term));
    }
  }
  kept.emplace_back(strict ? "-all" : "~all");
  return record_of(kept);
}

std::string spf_flattened(const SpfOutcome& outcome, int lookups_max) {
  const auto& start = outcome.nodes.front();
  if (!start.record || !start.record->valid() || outcome.incomplete) return {};
  struct Choice {
    Span where;
    std::vector<std::string> networks;
    int saved = 0;
  };
  std::vector<Choice> choices;
  for (const auto& term : start.terms) {
    const auto& mechanism = start.record->mechanisms[term.mechanism];
    if (!term.node || mechanism.qualifier != '+') continue;
    if (auto networks = networks_of(outcome, *term.node)) {
      choices.push_back({mechanism.where, std::move(*networks), 1 + term.lookups_below});
    }
  }
  // Few networks for many look-ups come first.
  std::ranges::stable_sort(choices, [](const Choice& a, const Choice& b) {
    return static_cast<std::size_t>(b.saved) * a.networks.size() <
           static_cast<std::size_t>(a.saved) * b.networks.size();
  });
  int left = outcome.lookups;
  std::size_t used = 0;
  while (left > lookups_max && used < choices.size()) left -= choices[used++].saved;
  if (left > lookups_max) return {};
  choices.resize(used);
  std::vector<std::string> kept;
  for (const auto& term : terms_of(start.record->raw)) {
    const auto chosen = std::ranges::find(choices, term.where, &Choice::where);
    if (chosen == choices.end()) {
      kept.push_back(term.text);
    } else {
      kept.insert(kept.end(), chosen->networks.begin(), chosen->networks.end());
    }
  }
  auto out = record_of(kept);
  return out.size() <= record_octets_max ? out : std::string();
}

std::vector<Span> spf_culprits(const SpfOutcome& outcome) {
  std::vector<Span> out;
  const auto& start = outcome.nodes.front();
  if (!start.record) return out;
  for (const auto& term : start.terms) {
    if (term.outcome == SpfTermOutcome::error) out.push_back(start.record->mechanisms[term.mechanism].where);
  }
  // Once the record is in error, terms are not marked any more.
  for (std::size_t i = 1; i < outcome.nodes.size(); ++i) {
    const auto way = way_to(outcome, i);
    if (outcome.nodes[i].result == mailauth::SpfResult::none && way) out.push_back(*way);
  }
  const bool by_redirect = out.empty() && outcome.reason == mailauth::SpfReason::loop;
  if (by_redirect && start.record->redirect) out.push_back(start.record->redirect->where);
  return out;
}

std::vector<SpfVoid> spf_voids(const SpfOutcome& outcome) {
  std::vector<SpfVoid> out;
  for (std::size_t i = 0; i < outcome.nodes.size(); ++i) {
    const auto& node = outcome.nodes[i];
    if (!node.record) continue;
    for (const auto& term : node.terms) {
      if (!term.is_void) continue;
      const auto own = i == 0 ? std::optional(node.record->mechanisms[term.mechanism].where) : way_to(outcome, i);
      if (own) out.push_back({term.target, *own, i == 0});
    }
  }
  return out;
}

}  // namespace postil::diagnose
