#include "mailauth/spf.hpp"

#include <algorithm>
#include <ranges>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace postil::mailauth {
namespace {

using Kind = SpfMechanismKind;

// Of count_everything only; check_host is held by the limits of the RFC.
constexpr int questions_max = 200;
constexpr std::size_t nodes_max = 100;
constexpr std::string_view message_letters = "slipvhcrt";

// What check_host() can be asked about: two labels or more, no address literal [rfc7208 4.3].
bool checkable(std::string_view domain) {
  if (!askable_name(domain) || domain.front() == '[') return false;
  const auto dot = domain.find('.');
  return dot != std::string_view::npos && dot + 1 < domain.size();
}

SpfResult result_of(char qualifier) {
  switch (qualifier) {
    case '-':
      return SpfResult::fail;
    case '~':
      return SpfResult::softfail;
    case '?':
      return SpfResult::neutral;
    default:
      return SpfResult::pass;
  }
}

}  // namespace

bool same_bits(const address::Ip& a, const address::Ip& b, int bits) {
  for (int bit = 0; bit < bits; ++bit) {
    const auto octet = static_cast<std::size_t>(bit / 8);
    const int mask = 0x80 >> (bit % 8);
    if ((a.octets()[octet] & mask) != (b.octets()[octet] & mask)) return false;
  }
  return true;
}

// Whether an address is in the network of an ip4 or ip6 mechanism.
static bool in_network(const address::Ip& client, const SpfMechanism& mechanism) {
  const bool four = mechanism.kind == Kind::ip4;
  const int bits = four ? mechanism.prefix4 + 96 : mechanism.prefix6;
  return client.is_v4() == four && same_bits(client, mechanism.network, bits);
}

// All addresses of its family: those who write it mean everybody.
static bool everybodys(const SpfMechanism& mechanism) {
  return mechanism.kind == Kind::ip4 ? mechanism.prefix4 == 0 : mechanism.prefix6 == 0;
}

SpfInput spf_mail_from(const address::Ip& client, std::string_view helo, std::string_view mail_from) {
  if (mail_from.starts_with('<') && mail_from.ends_with('>')) mail_from = mail_from.substr(1, mail_from.size() - 2);
  if (mail_from.empty()) return spf_helo(client, helo);
  const auto at = mail_from.rfind('@');
  SpfInput input;
  input.client = client;
  input.helo = helo;
  input.sender = mail_from;
  input.domain = at == std::string_view::npos ? mail_from : mail_from.substr(at + 1);
  return input;
}

SpfInput spf_helo(const address::Ip& client, std::string_view helo) {
  SpfInput input;
  input.client = client;
  input.helo = input.domain = helo;
  input.sender = "postmaster@" + input.helo;
  return input;
}

SpfCheck::SpfCheck(SpfInput input, SpfLimits limits, SpfMode mode)
    : input_(std::move(input)), limits_(limits), mode_(mode) {
  const auto at = input_.sender.rfind('@');
  sender_local_ = at == std::string::npos ? "" : input_.sender.substr(0, at);
  if (sender_local_.empty()) sender_local_ = "postmaster";
  sender_domain_ = dns_domain(at == std::string::npos ? input_.sender : input_.sender.substr(at + 1));
  if (sender_domain_.empty()) sender_domain_ = dns_domain(input_.domain);
  input_.domain = dns_domain(input_.domain);
  if (const auto helo = dns_domain(input_.helo); !helo.empty()) input_.helo = helo;
  if (input_.receiver.empty()) input_.receiver = "unknown";
  push(SpfNode::Via::start, input_.domain);
  if (!checkable(input_.domain)) {
    waiting_ = Waiting::nothing;
    decide(SpfResult::none, SpfReason::malformed_domain);
    run();
  }
}

bool SpfCheck::live() const {
  return std::ranges::none_of(stack_, [&](const Frame& f) { return outcome_.nodes[f.node].result.has_value(); });
}

bool SpfCheck::questions_left() {
  if (!counting() || (questions_ < questions_max && outcome_.nodes.size() < nodes_max)) return true;
  outcome_.incomplete = true;
  return false;
}

void SpfCheck::run() {
  while (waiting_ == Waiting::nothing && !finished_) step();
}

void SpfCheck::step() {
  if (stack_.empty()) return conclude();
  Frame& frame = stack_.back();
  const auto& here = node(frame);
  if (!here.record || (here.result && !counting())) return pop();
  const auto& mechanisms = here.record->mechanisms;
  const bool after_all = frame.next > 0 && mechanisms[frame.next - 1].kind == Kind::all;
  if (frame.next < mechanisms.size() && !after_all) return run_term();
  if (here.record->redirect && here.record->valid() && !frame.redirected && !here.record->has_all()) {
    return run_redirect();
  }
  decide(SpfResult::neutral, SpfReason::nothing_matched);
  pop();
}

void SpfCheck::push(SpfNode::Via via, std::string_view domain) {
  SpfNode child;
  child.via = via;
  child.domain = domain;
  if (!stack_.empty()) {
    child.parent = stack_.back().node;
    if (via == SpfNode::Via::include) term(stack_.back()).node = outcome_.nodes.size();
  }
  Frame frame;
  frame.node = outcome_.nodes.size();
  outcome_.nodes.push_back(std::move(child));
  stack_.push_back(frame);
  ask(Waiting::record, question_name(domain), dns::Type::txt);
}

// The record on top is done: what its result means for the one that named it.
void SpfCheck::pop() {
  const auto child = stack_.back().node;
  stack_.pop_back();
  if (stack_.empty()) return;
  const auto& done = outcome_.nodes[child];
  POSTIL_ASSERT(done.result);
  const auto result = *done.result;
  if (done.via == SpfNode::Via::redirect) {
    if (result == SpfResult::none) {
      fail(SpfResult::permerror, SpfReason::redirect_without_record, std::string(done.domain));
    } else {
      decide(result, SpfReason::redirected);
    }
    return;
  }
  switch (result) {  // the table of [rfc7208 5.2]
    case SpfResult::pass:
      return settle(true);
    case SpfResult::fail:
    case SpfResult::softfail:
    case SpfResult::neutral:
      return settle(false);
    case SpfResult::none:
      fail(SpfResult::permerror, SpfReason::include_without_record, std::string(done.domain));
      return next_term();
    case SpfResult::temperror:
    case SpfResult::permerror:  // fail() has told the parents
      term(stack_.back()).outcome = SpfTermOutcome::error;
      return next_term();
  }
}

// The result of the record on top, unless it has one.
void SpfCheck::decide(SpfResult result, SpfReason reason) {
  auto& here = node(stack_.back());
  if (here.result) return;
  here.result = result;
  here.reason = reason;
}

// An error of the record on top is one of all records that led to it, up to one whose result is known already.
void SpfCheck::fail(SpfResult result, SpfReason reason, std::string_view name, int count) {
  bool open = true;
  for (const auto& frame : stack_ | std::views::reverse) {
    auto& here = node(frame);
    if (here.result) {
      open = false;
      break;
    }
    here.result = result;
    here.reason = reason;
    if (frame.begun && frame.next < here.record->mechanisms.size()) here.terms.back().outcome = SpfTermOutcome::error;
  }
  if (open) {
    outcome_.name = name;
    outcome_.count = count;
  }
  if (!counting()) stack_.clear();
}

void SpfCheck::settle(bool match) {
  auto& frame = stack_.back();
  auto& here = node(frame);
  auto& open = term(frame);
  if (open.outcome != SpfTermOutcome::error) open.outcome = match ? SpfTermOutcome::match : SpfTermOutcome::no_match;
  if (match && !here.result) {
    here.matched = frame.next;
    decide(result_of(mechanism(frame).qualifier), SpfReason::matched);
  }
  next_term();
}

// After an error outside of count_everything there is no record left to go on with.
void SpfCheck::next_term() {
  if (stack_.empty()) return;
  ++stack_.back().next;
  stack_.back().begun = false;
}

SpfMacroValues SpfCheck::macro_values(std::string_view domain) const {
  SpfMacroValues values;
  values.sender_local = sender_local_;
  values.sender_domain = sender_domain_;
  values.domain = domain;
  values.client = input_.client;
  values.helo = input_.helo;
  values.receiver = input_.receiver;
  values.unix_seconds = input_.unix_seconds;
  if (validated_ && !validated_->empty()) {
    values.validated_name = validated_->front();
    const auto best = [&](auto fits) {
      const auto found = std::ranges::find_if(*validated_, fits);
      if (found != validated_->end()) values.validated_name = *found;
      return found != validated_->end();
    };
    if (!best([&](const auto& name) { return iequals(name, domain); })) {
      best([&](const auto& name) { return same_or_below(name, domain); });
    }
  }
  return values;
}

SpfCheck::Target SpfCheck::find_target(const SpfMacroString& text, std::string_view domain, std::string& out) {
  if (counting() && text.uses(message_letters)) return Target::depends_on_message;
  if (text.uses("sl") && has_8bit(sender_local_)) return Target::never_matches;  // [rfc8616 4]
  if (text.uses("p") && !validated_) {
    ask_names_of_client();
    return Target::later;
  }
  const auto expanded = expand(text, macro_values(domain));
  if (!expanded) return Target::malformed;
  out = fitted_name(*expanded);
  return askable_name(out) ? Target::good : Target::malformed;
}

void SpfCheck::run_term() {
  auto& frame = stack_.back();
  auto& here = node(frame);
  const auto& current = mechanism(frame);
  const bool first = !frame.begun;
  if (first) {
    frame.begun = true;
    here.terms.emplace_back().mechanism = frame.next;
  }
  if (current.kind == Kind::all) return settle(true);
  if (current.kind == Kind::ip4 || current.kind == Kind::ip6) {
    return settle(input_.nobody ? everybodys(current) : in_network(input_.client, current));
  }
  if (first) {
    here.terms.back().lookup = true;
    if (!count_lookup()) return;
  }
  std::string name = here.domain;
  const auto target = current.target ? find_target(*current.target, here.domain, name) : Target::good;
  const auto kind = current.kind;  // the nodes may move from here on
  run_target(kind, target, name);
}

void SpfCheck::run_target(Kind kind, Target target, const std::string& name) {
  auto& open = term(stack_.back());
  const bool include = kind == Kind::include;
  if (target == Target::later) return;
  if (target == Target::never_matches) return settle(false);
  const bool unknown = target == Target::depends_on_message || (counting() && kind == Kind::ptr);
  if (unknown || !questions_left()) {
    if (include) outcome_.incomplete = true;
    open.outcome = SpfTermOutcome::not_asked;
    return next_term();
  }
  open.target = name;
  // A name that cannot be asked matches nothing [rfc7208 4.8]; a record that is included has to be there.
  if (include && (target == Target::malformed || !checkable(name))) {
    fail(SpfResult::permerror, SpfReason::include_without_record, name);
    return next_term();
  }
  if (target == Target::malformed) return settle(false);
  switch (kind) {
    case Kind::include:
      if (loops(name)) {
        fail(SpfResult::permerror, SpfReason::loop, name);
        return next_term();
      }
      return push(SpfNode::Via::include, name);
    case Kind::a:
      return ask_address(Waiting::address, question_name(name));
    case Kind::exists:  // A, whatever the client's family [rfc7208 5.7]
      return ask(Waiting::exists, question_name(name), dns::Type::a);
    case Kind::mx:
      return ask(Waiting::mx, question_name(name), dns::Type::mx);
    case Kind::ptr:
      if (!validated_) return ask_names_of_client();
      return settle(std::ranges::any_of(*validated_, [&](const auto& own) { return same_or_below(own, name); }));
    case Kind::all:
    case Kind::ip4:
    case Kind::ip6:
      break;
  }
  POSTIL_ASSERT(false);
}

void SpfCheck::run_redirect() {
  auto& frame = stack_.back();
  const auto& here = node(frame);
  if (!frame.begun) {
    frame.begun = true;
    if (!count_lookup()) return;
  }
  std::string name;
  const auto target = find_target(here.record->redirect->value, here.domain, name);
  if (target == Target::later) return;
  frame.redirected = true;
  if (target == Target::never_matches) return;
  if (target == Target::depends_on_message || !questions_left()) {
    outcome_.incomplete = true;
    return;
  }
  if (target == Target::malformed || !checkable(name)) {
    return fail(SpfResult::permerror, SpfReason::redirect_without_record, name);
  }
  if (loops(name)) return fail(SpfResult::permerror, SpfReason::loop, name);
  push(SpfNode::Via::redirect, name);
}

// A record that is on the way to itself would never come to an end: all that it depends on stays the same.
bool SpfCheck::loops(std::string_view domain) const {
  return std::ranges::any_of(stack_, [&](const Frame& frame) {
    return question_name(outcome_.nodes[frame.node].domain) == question_name(domain);
  });
}

// False: that was one too many, and the check is over.
bool SpfCheck::count_lookup() {
  ++outcome_.lookups;
  ++node(stack_.back()).lookups;
  if (!live() || ++live_lookups_ <= limits_.lookups) return true;
  fail(SpfResult::permerror, SpfReason::too_many_lookups, "", outcome_.lookups);
  return counting();
}

void SpfCheck::count_void() {
  auto& frame = stack_.back();
  term(frame).is_void = true;
  ++node(frame).void_lookups;
  ++outcome_.void_lookups;
  if (live() && ++live_voids_ > limits_.void_lookups) {
    fail(SpfResult::permerror, SpfReason::too_many_void_lookups, "", outcome_.void_lookups);
  }
}

void SpfCheck::time_up() {
  if (done()) return;
  waiting_ = Waiting::nothing;
  if (stack_.empty()) return finish();  // only the explanation is missing
  outcome_.incomplete = counting();
  fail(SpfResult::temperror, SpfReason::time_up, "");
  stack_.clear();
  run();
}

void SpfCheck::conclude() {
  if (explanation_) return explain();
  auto& nodes = outcome_.nodes;
  final_node_ = 0;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const bool goes_on = nodes[final_node_].reason == SpfReason::redirected && nodes[i].via == SpfNode::Via::redirect;
    if (goes_on && nodes[i].parent == final_node_) final_node_ = i;
  }
  const auto& final_node = nodes[final_node_];
  outcome_.result = *nodes.front().result;
  outcome_.reason = final_node.reason;
  if (outcome_.name.empty()) outcome_.name = final_node.domain;
  if (final_node.matched) {
    outcome_.matched_node = final_node_;
    outcome_.matched_mechanism = final_node.matched;
  }
  const bool explained = outcome_.result == SpfResult::fail && final_node.matched && final_node.record->exp;
  if (explained && !counting()) return ask_explanation();
  finish();
}

void SpfCheck::finish() {
  finished_ = true;
  auto& nodes = outcome_.nodes;
  for (std::size_t i = nodes.size(); i-- > 1;) {  // children stand behind their parents
    nodes[*nodes[i].parent].lookups += nodes[i].lookups;
    nodes[*nodes[i].parent].void_lookups += nodes[i].void_lookups;
  }
  for (auto& parent : nodes)
    for (auto& one : parent.terms)
      if (one.node) one.lookups_below = nodes[*one.node].lookups;
}

std::string_view SpfOutcome::matched_text() const {
  if (!matched_node || !matched_mechanism) return {};
  const auto& record = *nodes[*matched_node].record;
  return record.text(record.mechanisms[*matched_mechanism].where);
}

}  // namespace postil::mailauth
