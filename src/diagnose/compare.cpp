#include "diagnose/compare.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Stage;

// "" for an enhanced code alone.
std::string basic_of(const Answer& side) {
  const auto digits = side.subject.substr(0, 3);
  return std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; }) && digits.size() == 3 ? digits : "";
}

int code_of(const Answer& side) {
  const auto basic = basic_of(side);
  return basic.empty() ? 0 : std::stoi(basic);
}

i18n::Args codes(const Answer& a, const Answer& b) {
  return {{"a", a.subject}, {"b", b.subject}};
}

// Success before refusal, temporary before permanent: one sentence for either order.
bool in_order(const Answer& a, const Answer& b) {
  return a.outcome <= b.outcome;
}

std::string relation_of(Outcome first, Outcome second) {
  const auto name = std::string(to_string(first)) + "_" + std::string(to_string(second));
  return first == Outcome::mixed || second == Outcome::mixed ? "open" : name;
}

bool only_at_connect(const Answer& side) {
  return side.stages.size() == 1 && side.stages.front() == Stage::connect;
}
bool closes(const Answer& side) {
  return code_of(side) == 421 || code_of(side) == 221;
}

bool share_a_command(const Answer& a, const Answer& b) {
  return std::ranges::any_of(a.stages, [&](Stage stage) {
    return stage == Stage::any || std::ranges::find(b.stages, stage) != b.stages.end() ||
           std::ranges::find(b.stages, Stage::any) != b.stages.end();
  });
}

void judge_session(PairFinding& out, const Answer& a, const Answer& b) {
  out.session.args = codes(a, b);
  if (a.stages.empty() || b.stages.empty()) {
    out.session.text = "compare.session.open";
  } else if (only_at_connect(a) || only_at_connect(b)) {
    const Answer& greeting = only_at_connect(a) ? a : b;
    const Answer& other = only_at_connect(a) ? b : a;
    // After a refusing greeting nothing else is served; only the goodbye differs.
    out.one_session = closes(other) ? Verdict::yes : Verdict::no;
    out.session = {closes(other) ? "compare.session.greeting_then_close" : "compare.session.greeting",
                   {{"greeting", greeting.subject}, {"other", other.subject}}};
  } else if (closes(a) || closes(b)) {
    const Answer& last = closes(a) ? a : b;
    const Answer& other = closes(a) ? b : a;
    out.session = {closes(a) && closes(b) ? "compare.session.both_close" : "compare.session.closes",
                   {{"last", last.subject}, {"other", other.subject}}};
    out.one_session = closes(a) && closes(b) ? Verdict::no : Verdict::yes;
  } else if (share_a_command(a, b)) {
    out.session.text = "compare.session.same_command";
  } else {
    const bool a_first = a.stages.front() < b.stages.front();
    out.session = {"compare.session.one_after_the_other",
                   {{"first", a_first ? a.subject : b.subject}, {"second", a_first ? b.subject : a.subject}}};
  }
}

void judge_delivery(PairFinding& out, const Answer& first, const Answer& second) {
  out.delivery.args = codes(first, second);
  if (first.outcome == Outcome::permanent && second.outcome == Outcome::permanent) {
    out.delivery.text = "compare.delivery.both_permanent";
  } else if (first.outcome == Outcome::temporary && second.outcome == Outcome::permanent) {
    out.delivery.text = "compare.delivery.temporary_permanent";
  } else {
    out.delivery.text = "compare.delivery.several_servers";
  }
}

PairFinding find(const Answer& a, const Answer& b) {
  PairFinding out;
  out.a = a.subject;
  out.b = b.subject;
  if (a.subject == b.subject) {
    out.verdict = {"compare.verdict.same", {{"a", a.subject}}};
    out.session = {"compare.session.same", {{"a", a.subject}}};
    out.delivery = {"compare.delivery.same", {{"a", a.subject}}};
    return out;
  }
  const auto* reviewed =
      a.kind == Kind::enhanced_code || b.kind == Kind::enhanced_code
          ? nullptr
          : knowledge::find_pair(static_cast<reply::Code>(code_of(a)), static_cast<reply::Code>(code_of(b)));
  if (reviewed != nullptr) {
    const auto key = reviewed->key();
    out.reviewed = true;
    out.verdict.text = key + ".verdict";
    out.session.text = key + ".session";
    out.delivery.text = key + ".delivery";
    out.one_session = reviewed->one_session ? Verdict::yes : Verdict::no;
    out.one_delivery = reviewed->one_delivery ? Verdict::yes : Verdict::no;
    out.transcript = reviewed->transcript;
    return out;
  }
  const Answer& first = in_order(a, b) ? a : b;
  const Answer& second = in_order(a, b) ? b : a;
  out.verdict = {"compare.verdict." + relation_of(first.outcome, second.outcome), codes(first, second)};
  judge_session(out, a, b);
  judge_delivery(out, first, second);
  return out;
}

Sentence advice(const Answer& side) {
  if (side.steps.empty()) return {side.what.empty() ? std::string() : side.what.front(), {}};
  return {side.steps.front().text, {}};
}

}  // namespace

std::expected<Comparison, NotComparable> compare(const std::vector<std::string>& inputs) {
  POSTIL_ASSERT(inputs.size() >= 2 && inputs.size() <= 3);
  Comparison out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto answer = explain(inputs[i]);
    if (!answer) return std::unexpected(NotComparable{i, answer.error()});
    if (answer->kind == Kind::reply) answer = explain(answer->subject);  // its codes alone
    if (!answer) return std::unexpected(NotComparable{i, answer.error()});
    const auto kind = answer->kind;
    if (kind != Kind::basic_code && kind != Kind::enhanced_code && kind != Kind::pair) {
      return std::unexpected(NotComparable{i, NotUnderstood::not_a_reply});
    }
    out.sides.push_back(std::move(*answer));
  }
  for (std::size_t i = 0; i < out.sides.size(); ++i) {
    for (std::size_t j = i + 1; j < out.sides.size(); ++j) out.pairs.push_back(find(out.sides[i], out.sides[j]));
  }
  const auto& pair = out.pairs.front();
  for (const auto& side : out.sides) {
    if (out.pairs.size() == 1 && pair.reviewed) {
      const auto key = pair.verdict.text.substr(0, pair.verdict.text.rfind('.'));
      out.if_you_see.push_back({key + ".see_" + basic_of(side), {}});
    } else {
      out.if_you_see.push_back(advice(side));
    }
  }
  return out;
}

}  // namespace postil::diagnose
