#include "diagnose/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "diagnose/confirm.hpp"
#include "diagnose/redact.hpp"
#include "diagnose/rules.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Code;
using knowledge::Retry;
using knowledge::Role;

Outcome outcome_of(unsigned first_digit) {
  switch (first_digit) {
    case 2:
      return Outcome::success;
    case 3:
      return Outcome::go_on;
    case 4:
      return Outcome::temporary;
    case 5:
      return Outcome::permanent;
    default:
      return Outcome::mixed;
  }
}

Retry retry_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::temporary:
      return Retry::later;
    case Outcome::permanent:
      return Retry::no;
    default:
      return Retry::none;
  }
}

void add_live_checks(Answer& answer, const std::vector<std::string>& keys) {
  for (const auto& key : keys) answer.live_checks.push_back(knowledge::find_live_check(key));
}

// A related or confusable enhanced code in the class that was asked about.
std::string in_class(std::string_view name, unsigned klass) {
  if (!name.starts_with('x') || klass == 0) return std::string(name);
  return std::to_string(klass) + std::string(name.substr(1));
}

// The texts decide which roles a code has something to say to.
// for_good: where waiting does not help any more, some have another text.
void add_steps(Answer& answer, const std::string& prefix, bool for_good = false) {
  static const i18n::Translator english;
  for (Role role : knowledge::roles) {
    auto key = fmt::format("{}.fix.{}", prefix, knowledge::to_string(role));
    auto other = fmt::format("{}.fix_for_good.{}", prefix, knowledge::to_string(role));
    if (for_good && english.has(other)) key = std::move(other);
    if (english.has(key)) answer.steps.push_back({role, std::move(key)});
  }
}

// Of a refusal for now no example of one for good is shown, nor the other way round.
void keep_transcript_of(Answer& answer, std::string_view words) {
  const auto has = [&](const std::string& line) { return line.find(words) != std::string::npos; };
  if (std::ranges::none_of(answer.transcript, has)) answer.transcript.clear();
}

}  // namespace

Answer of_code(Code code) {
  Answer out;
  out.kind = Kind::basic_code;
  out.subject = fmt::format("{:03}", code);
  out.outcome = outcome_of(code / 100);
  const auto* known = knowledge::find_code(code);
  if (known == nullptr) {
    // A client takes a code that it does not know for its first digit. [rfc5321 4.3.2]
    const auto prefix = fmt::format("class.code.{}", code / 100);
    out.title = prefix + ".title";
    out.what = {"explain.unlisted_code", prefix + ".meaning"};
    out.retry = retry_of(out.outcome);
    out.defined = {{"5321", "4.2"}};
    return out;
  }
  const auto prefix = fmt::format("code.{}", code);
  out.title = prefix + ".title";
  out.what = {prefix + ".meaning"};
  out.when = prefix + ".when";
  out.retry = known->retry;
  out.stages = known->stages;
  out.defined = known->defined;
  out.transcript = known->transcript;
  for (auto enhanced : known->enhanced) out.enhanced.push_back(reply::to_string(enhanced));
  for (Code other : known->confused)
    out.confused.push_back({fmt::format("{}", other), fmt::format("{}.not.{}", prefix, other)});
  out.standing = known->standing;
  out.emitters = known->emitters;
  out.persistence = known->persistence;
  out.related = known->related;
  add_live_checks(out, known->live_checks);
  out.collisions = knowledge::collisions_of(code, {});
  add_steps(out, prefix);
  return out;
}

// "An address is the cause" is no explanation of a success.
std::string meaning_of_subject(unsigned klass, unsigned subject) {
  return klass == 2 ? "class.success.meaning" : fmt::format("class.subject.{}.meaning", subject);
}

Answer of_status(unsigned klass, std::uint16_t subject, std::uint16_t detail) {
  Answer out;
  out.kind = Kind::enhanced_code;
  out.subject = fmt::format("{}.{}.{}", klass == 0 ? "x" : std::to_string(klass), subject, detail);
  out.outcome = outcome_of(klass);
  out.retry = retry_of(out.outcome);
  const auto* known = knowledge::find_status(subject, detail);
  if (known == nullptr) {
    const unsigned known_subject = subject <= 7 ? subject : 0;
    out.title = fmt::format("class.subject.{}.title", known_subject);
    out.what = {"explain.unlisted_status", meaning_of_subject(klass, known_subject)};
    out.defined = {{"3463", "2"}};
    return out;
  }
  const auto prefix = known->key();
  static const i18n::Translator english;
  out.title = prefix + ".title";
  out.what = {prefix + ".meaning"};
  out.registry = known->registry;
  out.defined = known->defined;
  for (Code basic : known->basic) out.basic.push_back(fmt::format("{}", basic));
  out.stages = known->stages;
  out.emitters = known->emitters;
  if (klass != 0) out.persistence = known->persistence_of(klass);
  out.never_success = klass == 0 && !known->success;
  out.never_refusal = klass == 0 && known->success && !known->persistence;
  // Some end what was temporary: 4.4.7 says that the tries are over.
  const bool over = klass == 4 && out.persistence && *out.persistence != knowledge::Persistence::transient;
  if (klass == 5 && out.persistence == knowledge::Persistence::conditional) out.retry = Retry::after_change;
  if (over) {
    out.retry = Retry::no;
    out.outcome = Outcome::permanent;
  }
  for (const auto& name : known->related) out.related.push_back(in_class(name, klass));
  for (const auto& name : known->confused)
    out.confused.push_back({in_class(name, klass), fmt::format("{}.not.{}", prefix, name)});
  out.transcript = known->transcript;
  add_live_checks(out, known->live_checks);
  out.collisions = knowledge::collisions_of(0, {static_cast<std::uint8_t>(klass == 0 ? 5 : klass), subject, detail});
  if (english.has(prefix + ".other")) out.other = prefix + ".other";
  if (english.has(prefix + ".when")) out.when = prefix + ".when";
  if (klass != 2) add_steps(out, prefix, klass == 5);
  if (klass == 2 && detail == 0) {
    out.what = {meaning_of_subject(klass, subject)};
    out.when.clear();
    out.other.clear();
    out.confused.clear();
    out.live_checks.clear();
  }
  if (klass == 4 && !over) out.what.emplace_back("explain.class_4");
  if (klass != 0) keep_transcript_of(out, out.subject);
  return out;
}

Answer of_pair(Code code, reply::EnhancedCode enhanced) {
  Answer out = of_status(enhanced.klass, enhanced.subject, enhanced.detail);
  const Answer basic = of_code(code);
  out.kind = Kind::pair;
  out.subject = fmt::format("{} {}", basic.subject, out.subject);
  // What the enhanced code is for is narrower than what the basic code may answer.
  if (out.stages.empty()) out.stages = basic.stages;
  out.standing = basic.standing;
  for (const auto& other : basic.confused) out.confused.push_back(other);
  out.collisions = knowledge::collisions_of(code, enhanced);
  // The server refuses by the basic code; the two classes have to be the same. [rfc2034 4]
  if (enhanced.klass != code / 100) {
    out.what.emplace_back("explain.class_mismatch");
    out.retry = basic.retry;
    out.persistence = basic.persistence;
  }
  out.outcome = basic.outcome;
  keep_transcript_of(out, fmt::format("S: {}", code / 100));
  const auto* known = knowledge::find_code(code);
  const bool usual = known != nullptr && std::ranges::find(known->enhanced, enhanced) != known->enhanced.end();
  // Where the enhanced code is the one that the RFC gives to the basic code, that code's own page says most; and where
  // it says no more than that it went well.
  const bool just_success = known != nullptr && code / 100 == 2 && enhanced == reply::EnhancedCode{2, 0, 0};
  if ((usual && known->enhanced.size() == 1) || just_success) {
    const auto registry = out.registry;
    const auto other = out.other;
    auto subject = out.subject;
    out = basic;
    out.kind = Kind::pair;
    out.subject = std::move(subject);
    out.registry = registry;
    out.other = other;
    out.collisions = knowledge::collisions_of(code, enhanced);
  }
  return out;
}

Answer with_provider_meaning(Answer answer, Code code, reply::EnhancedCode enhanced) {
  if (enhanced.klass < 4 || knowledge::find_status(enhanced.subject, enhanced.detail) != nullptr) return answer;
  const auto& rules = RuleSet::built_in();
  const Rule* rule = rules.by_status(code, enhanced);
  if (rule == nullptr || rule->reason == knowledge::Reason::unknown) return answer;
  const auto& entry = knowledge::entry(rule->reason);
  const Vendor& vendor = *rules.vendor(rule->vendor);
  const auto source = std::ranges::find(vendor.sources, rule->source, &Source::id);
  const bool documented = source != vendor.sources.end() && !source->url.empty();
  answer.title = fmt::format("reason.{}.name", entry.key);
  answer.what = {fmt::format("reason.{}.what", entry.key)};
  answer.why = {"explain.because.vendor_status"};
  answer.steps = {{rule->who.value_or(entry.act), fmt::format("reason.{}.do", entry.key)}};
  if (!rule->note.empty()) answer.steps.push_back({answer.steps.front().who, rule->note});
  answer.defined = {{documented ? fmt::format("{}: {}", vendor.name, source->title) : vendor.name, ""}};
  if (enhanced.klass == 5 && entry.persistence == knowledge::Persistence::conditional) {
    answer.retry = Retry::after_change;
  }
  return answer;
}

Answer of_class(unsigned first_digit) {
  Answer out;
  out.kind = Kind::code_class;
  out.subject = fmt::format("{}xx", first_digit);
  out.outcome = outcome_of(first_digit);
  out.retry = retry_of(out.outcome);
  out.title = fmt::format("class.code.{}.title", first_digit);
  out.what = {fmt::format("class.code.{}.meaning", first_digit)};
  out.defined = {{"5321", "4.2.1"}};
  for (const auto& code : knowledge::basic_codes()) {
    if (code.code / 100u != first_digit) continue;
    out.members.push_back({fmt::format("{}", code.code), fmt::format("code.{}.title", code.code)});
  }
  return out;
}

Answer of_subject(unsigned klass, unsigned subject) {
  Answer out;
  out.kind = Kind::subject;
  out.subject = fmt::format("{}.{}.x", klass == 0 ? "x" : std::to_string(klass), subject);
  out.outcome = outcome_of(klass);
  out.retry = retry_of(out.outcome);
  out.title = fmt::format("class.subject.{}.title", subject);
  out.what = {meaning_of_subject(klass, subject)};
  out.defined = {{"3463", "3"}};
  for (const auto& status : knowledge::statuses()) {
    if (status.subject != subject) continue;
    auto code = fmt::format("{}.{}.{}", klass == 0 ? "x" : std::to_string(klass), subject, status.detail);
    out.members.push_back({std::move(code), status.key() + ".title"});
  }
  return out;
}

Answer of_reason(const knowledge::ReasonEntry& reason) {
  Answer out;
  out.kind = Kind::reason;
  out.subject = reason.key;
  const bool passes = reason.persistence == knowledge::Persistence::transient;
  const bool lasts = reason.persistence == knowledge::Persistence::permanent;
  out.outcome = passes ? Outcome::temporary : lasts ? Outcome::permanent : Outcome::mixed;
  out.never_success = !passes && !lasts;
  out.retry = passes ? Retry::later : lasts ? Retry::no : Retry::after_change;
  out.persistence = reason.persistence;
  const auto text = [&](std::string_view part) { return fmt::format("reason.{}.{}", reason.key, part); };
  out.title = text("name");
  out.what = {text("what")};
  out.steps = {{reason.act, text("do")}};
  for (const auto& code : knowledge::basic_codes()) {
    if (code.reason == reason.reason) out.basic.push_back(fmt::format("{}", code.code));
  }
  for (const auto& status : knowledge::statuses()) {
    if (status.reason == reason.reason) out.enhanced.push_back(status.name());
  }
  if (const auto* check = knowledge::find_live_check(live_check_of(reason.reason))) out.live_checks = {check};
  return out;
}

Answer of_reply(const reply::RemoteReply& reply, knowledge::Stage stage, const reply::Entry* own) {
  Answer out = reply.enhanced ? of_pair(reply.code, reply.enhanced) : of_code(reply.code);
  out.kind = Kind::reply;
  out.quoted = redacted(reply.one_line());
  if (stage != knowledge::Stage::any) out.stages = {stage};
  if (reply.code < 400) return out;
  const auto explanation = own != nullptr ? explain_entry(*own) : explain_reply(reply, stage);
  out.reply = explanation;
  out.why.clear();
  if (explanation.reason != knowledge::Reason::unknown) {
    out.what = {explanation.what};
    if (explanation.own == nullptr) out.title = fmt::format("reason.{}.name", knowledge::entry(explanation.reason).key);
  }
  if (!explanation.why.empty()) out.why.push_back(explanation.why);
  if (explanation.reason != knowledge::Reason::unknown) out.steps = {{explanation.act, explanation.act_text}};
  const auto& note = explanation.finding.note;
  if (!note.empty() && note != explanation.act_text) out.steps.push_back({explanation.act, note});
  return out;
}

}  // namespace postil::diagnose
