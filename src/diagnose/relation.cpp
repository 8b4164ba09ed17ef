#include "diagnose/relation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Stage;

bool has(const std::vector<std::string>& list, const std::string& one) {
  return std::ranges::find(list, one) != list.end();
}

bool any_stage(const Answer& side) {
  return std::ranges::find(side.stages, Stage::any) != side.stages.end();
}

// Commands that have no place of their own in the order of a session, and carry no message.
bool is_aside(Stage stage) {
  return stage == Stage::vrfy || stage == Stage::help || stage == Stage::etrn;
}

bool at_any_time(const Answer& side) {
  return any_stage(side) || carries_no_message(side) || is_noted_of_connecting(side);
}

// The stages that have a place in the order.
std::vector<Stage> ordered(const Answer& side) {
  std::vector<Stage> out;
  std::ranges::remove_copy_if(side.stages, std::back_inserter(out), is_aside);
  return out;
}

// The two go together in one reply: one is a basic code alone, the other an enhanced code alone.
bool belong(const Answer& basic, const Answer& enhanced) {
  if (basic.kind != Kind::basic_code || enhanced.kind != Kind::enhanced_code) return false;
  const bool one_class = basic.outcome == enhanced.outcome || enhanced.outcome == Outcome::mixed;
  return one_class && (has(enhanced.basic, basic.subject) || has(basic.enhanced, enhanced.subject) ||
                       has(enhanced.related, basic.subject));
}

bool field_for(const Answer& field, const Answer& other) {
  if (field.standing != knowledge::Standing::field) return false;
  return std::ranges::find(field.confused, other.subject, &Confusion::code) != field.confused.end() ||
         (other.kind == Kind::enhanced_code && has(field.related, other.subject));
}

std::string cause_of(const std::string& enhanced) {
  const auto dot = enhanced.find('.');
  return dot == std::string::npos ? std::string() : enhanced.substr(dot);
}

std::string where_of(const Answer& a, const Answer& b) {
  if (a.stages.empty() || b.stages.empty() || any_stage(a) || any_stage(b)) return "anywhere";
  if (share_a_command(a, b)) return "same_command";
  if (always_before(a, b)) return "before";
  return always_before(b, a) ? "after" : "anywhere";
}

// Two enhanced codes of one class.
std::optional<std::string> by_detail(const Answer& first, const Answer& second) {
  const auto a = enhanced_of(first);
  const auto b = enhanced_of(second);
  if (a.empty() || b.empty()) return std::nullopt;
  // "Something about security" for now and for good need not be the same thing.
  const bool undefined = cause_of(a).ends_with(".0") && first.outcome != second.outcome;
  if (undefined) return std::nullopt;
  if (cause_of(a) == cause_of(b)) {
    if (a == b || first.outcome == second.outcome) return "same_detail";
    if (first.outcome == Outcome::mixed || second.outcome == Outcome::mixed) return "class_open";
    return first.outcome == Outcome::success ? "same_cause_success" : "same_cause_two_classes";
  }
  if (first.outcome != second.outcome || first.outcome == Outcome::success) return std::nullopt;
  const auto subject = split(a, '.')[1];
  if (subject != split(b, '.')[1] || subject.size() != 1 || subject[0] > '7') return std::nullopt;
  return fmt::format("same_subject.{}", subject);
}

std::string by_outcome(const Answer& first, const Answer& second) {
  if (first.outcome == Outcome::mixed || second.outcome == Outcome::mixed) return "open";
  auto pair = fmt::format("{}_{}", to_string(first.outcome), to_string(second.outcome));
  const auto where = where_of(first, second);
  if (first.outcome == Outcome::permanent && first.persistence == knowledge::Persistence::permanent &&
      second.persistence == knowledge::Persistence::conditional) {
    return "for_good_or_until_a_change";
  }
  const bool split_by_place = pair == "success_temporary" || pair == "success_permanent";
  if (split_by_place) return pair + "." + where;
  if (pair == "temporary_temporary" || pair == "temporary_permanent" || pair == "permanent_permanent") {
    if (where == "same_command" || where == "anywhere") return pair + "." + where;
    return pair + ".elsewhere";
  }
  return pair;
}

}  // namespace

std::string basic_of(const Answer& side) {
  const auto digits = side.subject.substr(0, 3);
  return digits.size() == 3 && std::ranges::all_of(digits, is_digit) ? digits : "";
}

std::string enhanced_of(const Answer& side) {
  if (side.kind == Kind::enhanced_code) return side.subject;
  return side.subject.size() > 4 ? side.subject.substr(4) : "";
}

bool share_a_command(const Answer& a, const Answer& b) {
  return std::ranges::any_of(a.stages,
                             [&](Stage stage) { return std::ranges::find(b.stages, stage) != b.stages.end(); });
}

bool is_noted_of_connecting(const Answer& side) {
  const auto noted = std::ranges::find(side.emitters, knowledge::Emitter::sending) != side.emitters.end();
  return noted && side.stages == std::vector{Stage::connect};
}

bool carries_no_message(const Answer& side) {
  return !side.stages.empty() && std::ranges::all_of(side.stages, is_aside);
}

bool always_before(const Answer& a, const Answer& b) {
  if (a.stages.empty() || b.stages.empty() || at_any_time(a) || at_any_time(b)) return false;
  return std::ranges::max(ordered(a)) < std::ranges::min(ordered(b));
}

Relation relation_of(const Answer& a, const Answer& b) {
  if (belong(a, b)) return {"belongs", &a, &b};
  if (belong(b, a)) return {"belongs", &b, &a};
  if (field_for(a, b)) return {"field", &a, &b};
  if (field_for(b, a)) return {"field", &b, &a};
  // Success before refusal, temporary before permanent: one sentence for either order. Of two refusals for good, the
  // one that no change helps comes first.
  bool in_order = a.outcome <= b.outcome;
  if (a.outcome == b.outcome && a.persistence && b.persistence) in_order = *a.persistence <= *b.persistence;
  const Answer& first = in_order ? a : b;
  const Answer& second = in_order ? b : a;
  if (!basic_of(a).empty() && basic_of(a) == basic_of(b)) return {"same_basic", &first, &second};
  if (const auto key = by_detail(first, second)) return {*key, &first, &second};
  return {by_outcome(first, second), &first, &second};
}

}  // namespace postil::diagnose
