#include "diagnose/compare.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "diagnose/relation.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Emitter;
using knowledge::Stage;

i18n::Args codes(const Answer& a, const Answer& b) {
  return {{"a", a.subject}, {"b", b.subject}};
}

bool only_at_connect(const Answer& side) {
  return side.stages == std::vector{Stage::connect} && basic_of(side) != "220" && !is_noted_of_connecting(side);
}

bool closes(const Answer& side) {
  return basic_of(side) == "421" || basic_of(side) == "221";
}

bool only_from(const Answer& side, Emitter emitter) {
  return side.emitters.size() == 1 && side.emitters.front() == emitter;
}

// 334 and 354 are half an answer: the command gets another one behind them.
bool asks_for_more(const Answer& side) {
  return side.outcome == Outcome::go_on;
}
bool ends_what_asks(const Answer& asks, const Answer& end) {
  if (!asks_for_more(asks) || asks_for_more(end)) return false;
  const bool text = std::ranges::find(asks.stages, Stage::data) != asks.stages.end();
  return share_a_command(asks, end) || (text && std::ranges::find(end.stages, Stage::message) != end.stages.end());
}

// What comes for each recipient or message anew.
bool share_a_step_of_mail(const Answer& a, const Answer& b) {
  return std::ranges::any_of(a.stages, [&](Stage stage) {
    const bool mail = stage >= Stage::mail && stage <= Stage::message;
    return mail && std::ranges::find(b.stages, stage) != b.stages.end();
  });
}

void judge_session(PairFinding& out, const Answer& a, const Answer& b) {
  out.session.args = codes(a, b);
  if (out.relation == "belongs") {
    const bool basic_first = a.kind == Kind::basic_code;
    out.session = {"compare.session.one_reply",
                   {{"basic", basic_first ? a.subject : b.subject}, {"enhanced", basic_first ? b.subject : a.subject}}};
  } else if (a.stages.empty() || b.stages.empty()) {
    out.session.text = "compare.session.open";
  } else if (only_from(a, Emitter::sending) || only_from(b, Emitter::sending)) {
    const Answer& noted = only_from(a, Emitter::sending) ? a : b;
    out.one_session = Verdict::no;
    out.session = {"compare.session.noted", {{"noted", noted.subject}}};
  } else if (only_at_connect(a) && only_at_connect(b)) {
    out.one_session = Verdict::no;
    out.session.text = "compare.session.both_greet";
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
    if (closes(a) && closes(b)) out.session.args = codes(a, b);
  } else if (ends_what_asks(a, b) || ends_what_asks(b, a)) {
    const bool a_first = asks_for_more(a);
    out.session = {"compare.session.asks_for_more",
                   {{"first", a_first ? a.subject : b.subject}, {"second", a_first ? b.subject : a.subject}}};
  } else if (share_a_step_of_mail(a, b)) {
    out.session.text = "compare.session.same_command";
  } else if ((only_from(a, Emitter::submission) && only_from(b, Emitter::destination)) ||
             (only_from(b, Emitter::submission) && only_from(a, Emitter::destination))) {
    const bool a_login = only_from(a, Emitter::submission);
    out.session = {"compare.session.two_jobs",
                   {{"login", a_login ? a.subject : b.subject}, {"destination", a_login ? b.subject : a.subject}}};
  } else if (always_before(a, b) || always_before(b, a)) {
    const bool a_first = always_before(a, b);
    out.session = {"compare.session.one_after_the_other",
                   {{"first", a_first ? a.subject : b.subject}, {"second", a_first ? b.subject : a.subject}}};
  } else {
    out.session.text = "compare.session.open";
  }
}

bool about_a_recipient(const Answer& side) {
  return std::ranges::find(side.stages, Stage::rcpt) != side.stages.end();
}

void judge_delivery(PairFinding& out, const Answer& first, const Answer& second) {
  out.delivery.args = codes(first, second);
  if (carries_no_message(first) || carries_no_message(second)) {
    out.one_delivery = Verdict::no;
    out.delivery = {"compare.delivery.no_message", {{"code", (carries_no_message(first) ? first : second).subject}}};
    return;
  }
  if (out.relation == "belongs") {
    out.delivery.text = "compare.delivery.one_reply";
  } else if (first.outcome == Outcome::permanent && second.outcome == Outcome::permanent) {
    out.delivery.text = about_a_recipient(first) && about_a_recipient(second) ? "compare.delivery.both_permanent"
                                                                              : "compare.delivery.several_hosts";
  } else if (first.outcome == Outcome::temporary && second.outcome == Outcome::permanent) {
    out.delivery.text = "compare.delivery.temporary_permanent";
  } else {
    out.delivery.text = "compare.delivery.several_servers";
  }
  // "In one delivery too" stands behind a yes.
  const bool one_recipient = out.delivery.text == "compare.delivery.both_permanent" || out.relation == "belongs";
  if (out.one_session == Verdict::no && !one_recipient) out.delivery.text += "_only";
}

// A reviewed pair is one of two basic codes or of two enhanced codes; "550 5.1.1" stands for its enhanced code beside
// another pair, and for its basic code beside a basic code.
const knowledge::ReviewedPair* reviewed_pair(const Answer& a, const Answer& b) {
  const auto one = enhanced_of(a);
  const auto other = enhanced_of(b);
  if (!one.empty() && !other.empty()) {
    if (const auto* found = knowledge::find_pair(one, other)) return found;
  }
  if (a.kind == Kind::enhanced_code || b.kind == Kind::enhanced_code) return nullptr;
  return knowledge::find_pair(basic_of(a), basic_of(b));
}

PairFinding find(const Answer& a, const Answer& b) {
  PairFinding out;
  out.a = a.subject;
  out.b = b.subject;
  if (a.subject == b.subject) {
    out.relation = "same";
    out.verdict = {"compare.verdict.same", {{"a", a.subject}}};
    out.session = {"compare.session.same", {{"a", a.subject}}};
    out.delivery = {"compare.delivery.same", {{"a", a.subject}}};
    return out;
  }
  const auto* reviewed = reviewed_pair(a, b);
  if (reviewed != nullptr) {
    const auto key = reviewed->key();
    out.reviewed = true;
    out.relation = "reviewed";
    out.written = reviewed;
    out.verdict.text = key + ".verdict";
    out.session.text = key + ".session";
    out.delivery.text = key + ".delivery";
    out.one_session = reviewed->one_session ? Verdict::yes : Verdict::no;
    out.one_delivery = reviewed->one_delivery ? Verdict::yes : Verdict::no;
    out.transcript = reviewed->transcript;
    return out;
  }
  const auto relation = relation_of(a, b);
  out.relation = relation.key;
  out.verdict = {"compare.verdict." + relation.key, codes(*relation.first, *relation.second)};
  judge_session(out, a, b);
  const bool in_order = a.outcome <= b.outcome;
  judge_delivery(out, in_order ? a : b, in_order ? b : a);
  return out;
}

Sentence advice(const Answer& side) {
  if (side.steps.empty() && side.outcome == Outcome::success) return {"status.x.1.5.fix.nobody", {}};
  if (side.steps.empty()) return {side.what.empty() ? std::string() : side.what.front(), {}};
  return {side.steps.front().text, {}};
}

}  // namespace

std::expected<Comparison, NotComparable> compare(const std::vector<std::string>& inputs) {
  POSTIL_ASSERT(inputs.size() >= 2 && inputs.size() <= compared_max);
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
    if (out.pairs.size() == 1 && pair.written != nullptr) {
      const auto& written = *pair.written;
      const bool is_a = basic_of(side) == written.a || enhanced_of(side) == written.a;
      out.if_you_see.push_back({written.key() + ".see_" + (is_a ? written.a : written.b), {}});
    } else {
      out.if_you_see.push_back(advice(side));
    }
  }
  return out;
}

}  // namespace postil::diagnose
