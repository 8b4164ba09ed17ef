#include "diagnose/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "diagnose/redact.hpp"
#include "diagnose/rules.hpp"
#include "diagnose/spelling.hpp"
#include "i18n/translator.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Code;
using knowledge::Retry;
using knowledge::Role;

bool is_x(std::string_view text) {
  return text.size() == 1 &&
         (ascii_lower(text[0]) == 'x' || ascii_lower(text[0]) == 'z' || ascii_lower(text[0]) == 'y' || text == "*");
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

std::optional<Code> three_digits(std::string_view text) {
  if (text.size() != 3 || !all_digits(text)) return std::nullopt;
  return static_cast<Code>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
}

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

// Of a refusal for now no example of one for good is shown, nor the other way round.
void keep_transcript_of(Answer& answer, std::string_view words) {
  const auto has = [&](const std::string& line) { return line.find(words) != std::string::npos; };
  if (std::ranges::none_of(answer.transcript, has)) answer.transcript.clear();
}

// klass: 0 when it is not given.
Answer of_status(unsigned klass, std::uint16_t subject, std::uint16_t detail) {
  Answer out;
  out.kind = Kind::enhanced_code;
  out.subject = fmt::format("{}.{}.{}", klass == 0 ? "x" : std::to_string(klass), subject, detail);
  out.outcome = outcome_of(klass);
  out.retry = retry_of(out.outcome);
  const auto* known = knowledge::find_status(subject, detail);
  if (known == nullptr) {
    const auto prefix = fmt::format("class.subject.{}", subject <= 7 ? subject : 0);
    out.title = prefix + ".title";
    out.what = {"explain.unlisted_status", prefix + ".meaning"};
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
    // "Something about an address is the cause" is no explanation of a success.
    out.what = {"class.success.meaning"};
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

// A code that no registry has may be one provider's own.
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
  out.what = {fmt::format("class.subject.{}.meaning", subject)};
  out.defined = {{"3463", "3"}};
  for (const auto& status : knowledge::statuses()) {
    if (status.subject != subject) continue;
    auto code = fmt::format("{}.{}.{}", klass == 0 ? "x" : std::to_string(klass), subject, status.detail);
    out.members.push_back({std::move(code), status.key() + ".title"});
  }
  return out;
}

// own: the entry of our catalogue, where it is known; null: what the words say.
Answer of_reply(const reply::RemoteReply& reply, knowledge::Stage stage, const reply::Entry* own = nullptr) {
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

// "5.1.1", "x.1.1", "5.7.x", "x.7.z", "5.x.x", with or without a # before it.
std::optional<std::expected<Answer, NotUnderstood>> read_status(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  const auto parts = split(text, '.');
  if (parts.size() != 3) return std::nullopt;
  const bool any_class = is_x(parts[0]);
  if (!any_class && !(parts[0].size() == 1 && is_digit(parts[0][0]))) return std::nullopt;
  for (std::size_t i : {1u, 2u}) {
    if (!is_x(parts[i]) && (!all_digits(parts[i]) || parts[i].size() > 3)) return std::nullopt;
  }
  const unsigned klass = any_class ? 0 : static_cast<unsigned>(parts[0][0] - '0');
  if (klass != 0 && klass != 2 && klass != 4 && klass != 5) return std::unexpected(NotUnderstood::no_such_status);
  if (is_x(parts[1])) {
    if (klass == 0 || !is_x(parts[2])) return std::unexpected(NotUnderstood::no_such_status);
    return of_class(klass);
  }
  const auto subject = static_cast<std::uint16_t>(std::stoi(std::string(parts[1])));
  if (is_x(parts[2])) {
    if (subject > 7) return std::unexpected(NotUnderstood::no_such_status);
    return of_subject(klass, subject);
  }
  const auto detail = static_cast<std::uint16_t>(std::stoi(std::string(parts[2])));
  return with_provider_meaning(of_status(klass, subject, detail), 0,
                               {static_cast<std::uint8_t>(klass), subject, detail});
}

// Crockford's letters make up common words as well ("administrator"): an id has a digit, or is written as we write it.
std::optional<Answer> read_id(std::string_view text) {
  const bool as_written = text.size() == 15 && text[4] == '-' && text[9] == '-' && to_lower(text) != text &&
                          std::ranges::none_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
  if ((std::ranges::none_of(text, is_digit) && !as_written) || text.find(' ') != std::string_view::npos)
    return std::nullopt;
  Answer out;
  if (const auto message = parse_message_id(text)) {
    out.kind = Kind::message_id;
    out.subject = to_string(*message);
    return out;
  }
  if (const auto receipt = parse_receipt_id(text)) {
    out.kind = Kind::receipt_id;
    out.subject = to_string(*receipt);
    return out;
  }
  return std::nullopt;
}

bool is_reply_code(Code code) {
  return code >= 200 && code <= 599;
}

// "277 delivering ..." is a program's number.
bool begins_reply(Code code) {
  return is_reply_code(code) && (code >= 400 || knowledge::find_code(code) != nullptr);
}

// What was pasted with its lines broken goes on: no field of a report, nothing that a client sends, no other's mark.
bool continues_reply(std::string_view line) {
  static constexpr std::array commands{"EHLO ", "HELO ", "MAIL FROM:", "RCPT TO:", "DATA",
                                       "QUIT",  "RSET",  "STARTTLS",   "AUTH ",    "BDAT ",
                                       "NOOP",  "VRFY ", "C: ",        "C:",       "Connection closed"};
  if (line.size() >= 3 && (line.starts_with("--") || line.starts_with("==") || line.starts_with("**"))) return false;
  if (line == "." || line.starts_with(">>") || line.starts_with("<<") || line.starts_with("> ")) return false;
  if (std::ranges::any_of(commands, [&](std::string_view command) { return istarts_with(line, command); }))
    return false;
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  return colon == std::string_view::npos || name.find('-') == std::string_view::npos ||
         !std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-'; });
}

}  // namespace

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::basic_code:
      return "basic_code";
    case Kind::enhanced_code:
      return "enhanced_code";
    case Kind::pair:
      return "pair";
    case Kind::code_class:
      return "code_class";
    case Kind::subject:
      return "subject";
    case Kind::reply:
      return "reply";
    case Kind::message_id:
      return "message_id";
    case Kind::receipt_id:
      return "receipt_id";
  }
  return "reply";
}

std::string outcome_text_key(const Answer& answer) {
  if (answer.never_success) return "explain.outcome.refused";
  return fmt::format("explain.outcome.{}", to_string(answer.never_refusal ? Outcome::success : answer.outcome));
}

std::vector<std::string> related_besides(const Answer& answer) {
  std::vector<std::string> out;
  for (const auto& code : answer.related) {
    const auto among = [&](const auto& list) { return std::ranges::find(list, code) != list.end(); };
    if (!among(answer.basic) && !among(answer.enhanced)) out.push_back(code);
  }
  return out;
}

std::string_view to_string(NotUnderstood why) {
  switch (why) {
    case NotUnderstood::empty:
      return "empty";
    case NotUnderstood::too_long:
      return "too_long";
    case NotUnderstood::no_such_code:
      return "no_such_code";
    case NotUnderstood::no_such_status:
      return "no_such_status";
    case NotUnderstood::not_a_reply:
      return "not_a_reply";
    case NotUnderstood::no_report:
      return "no_report";
    case NotUnderstood::automatic_reply:
      return "automatic_reply";
    case NotUnderstood::no_refusal:
      return "no_refusal";
  }
  return "not_a_reply";
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::success:
      return "success";
    case Outcome::go_on:
      return "go_on";
    case Outcome::temporary:
      return "temporary";
    case Outcome::permanent:
      return "permanent";
    case Outcome::mixed:
      return "mixed";
  }
  return "mixed";
}

std::optional<reply::RemoteReply> read_reply(std::string_view text) {
  reply::RemoteReply out;
  bool ended = false;
  bool open = false;  // the line before is part of the reply
  for (auto line : split(text.substr(0, input_octets_max), '\n')) {
    if (out.lines.size() >= limits::remote_reply_lines_max) break;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trim(line);
    for (std::string_view mark : {"S: ", "<-- ", "<< ", "< "}) {
      if (line.starts_with(mark)) line = trim(line.substr(mark.size()));
    }
    const auto code = line.size() < 3 ? std::nullopt : three_digits(line.substr(0, 3));
    if (!code || !begins_reply(*code) || (line.size() > 3 && line[3] != ' ' && line[3] != '-')) {
      open = open && out.code >= 400 && !line.empty() && continues_reply(line);
      if (open && out.lines.back().size() < input_octets_max) out.lines.back() += " " + printable(line);
      continue;
    }
    if (*code == 221 && out.code >= 400) break;  // only the end of a session that had failed
    open = true;
    // In a whole session the last reply counts; lines of one reply have a hyphen after the code.
    if (ended) out = {};
    ended = line.size() == 3 || line[3] == ' ';
    if (out.code != 0 && out.code != *code) out.mixed_codes = true;
    out.code = *code;
    const auto rest = line.size() > 4 ? trim(line.substr(4)) : std::string_view();
    if (const auto enhanced = reply::leading_enhanced_code(rest)) out.enhanced = *enhanced;
    out.lines.push_back(printable(rest));
  }
  if (out.code == 0) return std::nullopt;
  return out;
}

std::expected<Answer, NotUnderstood> explain(std::string_view input, knowledge::Stage stage) {
  if (input.size() > input_octets_max) return std::unexpected(NotUnderstood::too_long);
  while (!input.empty() && (is_control(input.back()) || input.back() == ' ')) input.remove_suffix(1);
  while (!input.empty() && (is_control(input.front()) || input.front() == ' ')) input.remove_prefix(1);
  if (input.empty()) return std::unexpected(NotUnderstood::empty);

  if (const auto code = three_digits(input)) {
    if (!is_reply_code(*code)) return std::unexpected(NotUnderstood::no_such_code);
    return of_code(*code);
  }
  if (input.size() == 3 && input[0] >= '2' && input[0] <= '5' && is_x(input.substr(1, 1)) && is_x(input.substr(2, 1))) {
    return of_class(static_cast<unsigned>(input[0] - '0'));
  }
  if (auto status = read_status(input)) return *status;
  if (input.find('\n') == std::string_view::npos && input.size() > 4) {
    const auto code = three_digits(input.substr(0, 3));
    const auto enhanced = reply::parse_enhanced_code(trim(input.substr(4)));
    if (code && is_reply_code(*code) && enhanced && (input[3] == ' ' || input[3] == '-'))
      return with_provider_meaning(of_pair(*code, *enhanced), *code, *enhanced);
  }
  if (const auto code = spelled_code(input); code && *code != input) return explain(*code, stage);
  // Before its lines are joined: a line alone tells more about what is a secret.
  if (const auto reply = read_reply(redacted(input))) return of_reply(*reply, stage);
  if (const auto id = read_id(input)) return *id;
  return std::unexpected(NotUnderstood::not_a_reply);
}

std::expected<Answer, NotUnderstood> explain_receipt(std::string_view key, std::string_view reply,
                                                     knowledge::Stage stage) {
  const auto* entry = reply::find_entry(key);
  const auto read = read_reply(reply);
  if (entry == nullptr || entry->code < 400 || !read || read->code != entry->code) return explain(reply, stage);
  return of_reply(*read, stage, entry);
}

}  // namespace postil::diagnose
