// What SPF's check asks of DNS, and what it makes of the answers.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "dns/parse.hpp"
#include "dns/texts.hpp"
#include "mailauth/spf.hpp"

namespace postil::mailauth {
namespace {

constexpr std::size_t explanation_octets_max = 400;  // it has to fit into a reply line

bool is_void(const dns::Answer& answer) {
  return answer.status == dns::Status::no_data || answer.status == dns::Status::no_domain;
}

}  // namespace

void SpfCheck::ask(Waiting what, std::string name, dns::Type type) {
  ++questions_;
  question_ = {std::move(name), type};
  waiting_ = what;
}

// A for an IPv4 client, AAAA for an IPv6 one. [rfc7208 5]
void SpfCheck::ask_address(Waiting what, std::string name) {
  ask(what, std::move(name), input_.client.is_v4() ? dns::Type::a : dns::Type::aaaa);
}

void SpfCheck::ask_names_of_client() {
  ask(Waiting::ptr, dns::reverse_name(input_.client.text()).value_or(""), dns::Type::ptr);
}

void SpfCheck::answer(const dns::Answer& answer) {
  POSTIL_ASSERT(waiting_ != Waiting::nothing);
  const auto was = waiting_;
  waiting_ = Waiting::nothing;
  switch (was) {
    case Waiting::nothing:
      break;
    case Waiting::record:
      take_record(answer);
      break;
    case Waiting::address:
    case Waiting::exists:
      take_address(answer);
      break;
    case Waiting::mx:
      take_mx(answer);
      break;
    case Waiting::mx_host:
      take_mx_host(answer);
      break;
    case Waiting::ptr:
      take_ptr(answer);
      break;
    case Waiting::ptr_host:
      take_ptr_host(answer);
      break;
    case Waiting::explanation:
      take_explanation(answer);
      break;
  }
  run();
}

// [rfc7208 4.4, 4.5]
void SpfCheck::take_record(const dns::Answer& answer) {
  auto& here = node(stack_.back());
  here.status = answer.status;
  if (!answer.definite()) return fail(SpfResult::temperror, SpfReason::dns_failure, std::string(here.domain));
  here.records = spf_records(answer);
  here.lookalikes = dns::texts(answer, resembles_spf_record);
  if (is_void(answer) && here.parent) {
    ++here.void_lookups;  // no limit: the result is an error by itself
    ++outcome_.void_lookups;
    auto& parent = stack_[stack_.size() - 2];
    if (here.via == SpfNode::Via::include) term(parent).is_void = true;
  }
  if (here.records.empty()) {
    const bool unknown = answer.status == dns::Status::no_domain;
    return decide(SpfResult::none, unknown ? SpfReason::no_domain : SpfReason::no_record);
  }
  if (here.records.size() > 1) {
    return fail(SpfResult::permerror, SpfReason::several_records, std::string(here.domain),
                static_cast<int>(here.records.size()));
  }
  here.record = parse_spf_record(here.records.front());
  if (!here.record->valid()) fail(SpfResult::permerror, SpfReason::syntax, std::string(here.domain));
}

bool SpfCheck::holds_client(const dns::Answer& answer, int prefix4, int prefix6) const {
  const auto& client = input_.client;
  const int bits = client.is_v4() ? prefix4 + 96 : prefix6;
  if (input_.nobody) return !answer.records.empty() && (prefix4 == 0 || prefix6 == 0);
  return std::ranges::any_of(answer.records, [&](const dns::Data& data) {
    const auto* address = std::get_if<dns::Address>(&data);
    const auto ip = address ? address::Ip::parse(address->text) : std::nullopt;
    return ip && ip->is_v4() == client.is_v4() && same_bits(*ip, client, bits);
  });
}

// No definite answer ends the check. [rfc7208 5]
bool SpfCheck::dns_failed(const dns::Answer& answer) {
  if (answer.definite()) return false;
  fail(SpfResult::temperror, SpfReason::dns_failure, question_.name);
  next_term();
  return true;
}

void SpfCheck::take_address(const dns::Answer& answer) {
  if (dns_failed(answer)) return;
  if (is_void(answer)) count_void();
  if (stack_.empty()) return;
  const auto& current = mechanism(stack_.back());
  const bool found = current.kind == SpfMechanismKind::exists ? answer.status == dns::Status::ok
                                                              : holds_client(answer, current.prefix4, current.prefix6);
  settle(found);
}

void SpfCheck::take_mx(const dns::Answer& answer) {
  if (dns_failed(answer)) return;
  if (is_void(answer)) count_void();
  if (stack_.empty()) return;
  names_.clear();
  for (const auto& data : answer.records) {
    const auto* mx = std::get_if<dns::Mx>(&data);
    if (mx && !mx->exchange.empty()) names_.push_back(mx->exchange);
  }
  if (std::cmp_greater(names_.size(), limits_.mx_hosts)) {
    fail(SpfResult::permerror, SpfReason::too_many_mx, question_.name, static_cast<int>(names_.size()));
    return next_term();
  }
  if (counting()) return settle(false);
  next_mx_host();
}

void SpfCheck::next_mx_host() {
  if (names_.empty()) return settle(false);
  auto name = std::move(names_.front());
  names_.pop_front();
  ask_address(Waiting::mx_host, std::move(name));
}

void SpfCheck::take_mx_host(const dns::Answer& answer) {
  if (dns_failed(answer)) return;
  const auto& current = mechanism(stack_.back());
  if (holds_client(answer, current.prefix4, current.prefix6)) return settle(true);
  next_mx_host();
}

// [rfc7208 5.5] An error of DNS is no match here.
void SpfCheck::take_ptr(const dns::Answer& answer) {
  validated_.emplace();
  names_.clear();
  for (const auto& data : answer.records) {
    const auto* name = std::get_if<dns::NameTarget>(&data);
    if (name && !name->name.empty() && std::cmp_less(names_.size(), limits_.ptr_names)) names_.push_back(name->name);
  }
  if (is_void(answer) && !stack_.empty()) {
    const auto& frame = stack_.back();
    const auto& mechanisms = node(frame).record->mechanisms;
    if (frame.next < mechanisms.size() && mechanisms[frame.next].kind == SpfMechanismKind::ptr) count_void();
  }
  next_ptr_host();
}

// When all are asked, run() comes back to the term that needed the names.
void SpfCheck::next_ptr_host() {
  if (names_.empty()) return;
  ask_address(Waiting::ptr_host, names_.front());
}

void SpfCheck::take_ptr_host(const dns::Answer& answer) {
  if (holds_client(answer, 32, 128)) validated_->push_back(names_.front());
  names_.pop_front();
  next_ptr_host();
}

// [rfc7208 6.2] Whatever is wrong with it, there is then no explanation.
void SpfCheck::ask_explanation() {
  const auto& from = outcome_.nodes[final_node_];
  std::string name;
  const auto target = find_target(from.record->exp->value, from.domain, name);
  if (target == Target::later) return;
  if (target != Target::good) return finish();
  ask(Waiting::explanation, question_name(name), dns::Type::txt);
}

void SpfCheck::take_explanation(const dns::Answer& answer) {
  const auto* text = answer.records.size() == 1 ? std::get_if<dns::Text>(&answer.records.front()) : nullptr;
  if (answer.status != dns::Status::ok || !text) return finish();
  std::vector<SpfError> errors;
  explanation_ = parse_spf_macros(text->value, SpfMacroPlace::explain_string, 0, errors);
  if (!errors.empty()) return finish();
  explain();
}

void SpfCheck::explain() {
  if (explanation_->uses("p") && !validated_) return ask_names_of_client();
  const auto expanded = expand(*explanation_, macro_values(outcome_.nodes[final_node_].domain));
  const auto plain = [](char c) { return !is_8bit(c) && !is_control(c); };
  if (expanded && std::ranges::all_of(*expanded, plain)) {
    outcome_.explanation = expanded->substr(0, explanation_octets_max);
  }
  finish();
}

std::string_view to_string(SpfResult result) {
  switch (result) {
    case SpfResult::none:
      return "none";
    case SpfResult::neutral:
      return "neutral";
    case SpfResult::pass:
      return "pass";
    case SpfResult::fail:
      return "fail";
    case SpfResult::softfail:
      return "softfail";
    case SpfResult::temperror:
      return "temperror";
    case SpfResult::permerror:
      return "permerror";
  }
  return "?";
}

std::string_view to_string(SpfReason reason) {
  switch (reason) {
    using enum SpfReason;
    case matched:
      return "matched";
    case nothing_matched:
      return "nothing_matched";
    case redirected:
      return "redirected";
    case malformed_domain:
      return "malformed_domain";
    case no_domain:
      return "no_domain";
    case no_record:
      return "no_record";
    case several_records:
      return "several_records";
    case syntax:
      return "syntax";
    case include_without_record:
      return "include_without_record";
    case redirect_without_record:
      return "redirect_without_record";
    case loop:
      return "loop";
    case too_many_lookups:
      return "too_many_lookups";
    case too_many_void_lookups:
      return "too_many_void_lookups";
    case too_many_mx:
      return "too_many_mx";
    case dns_failure:
      return "dns_failure";
    case time_up:
      return "time_up";
  }
  return "?";
}

}  // namespace postil::mailauth
