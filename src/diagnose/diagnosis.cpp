#include "diagnose/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "address/domain.hpp"
#include "address/path.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "diagnose/classify.hpp"
#include "diagnose/confirm.hpp"
#include "dsn/human.hpp"
#include "knowledge/checks.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;

bool is_ipv4_at(std::string_view text, std::size_t& at) {
  std::size_t end = at;
  for (int part = 0; part < 4; ++part) {
    const auto begin = end;
    while (end < text.size() && end < begin + 3 && is_digit(text[end])) ++end;
    if (end == begin) return false;
    if (part < 3 && (end >= text.size() || text[end++] != '.')) return false;
  }
  if (end < text.size() && (is_alnum(text[end]) || text[end] == '-')) return false;
  at = end;
  return true;
}

// The address that the other side named: it is the client's.
std::string client_address_in(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i]) || (i > 0 && (is_alnum(text[i - 1]) || text[i - 1] == '.' || text[i - 1] == '-'))) continue;
    auto end = i;
    if (is_ipv4_at(text, end)) return std::string(text.substr(i, end - i));
  }
  return {};
}

std::string domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : std::string(address.substr(at + 1));
}

// Only what is safe in a command line of a shell.
bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || std::string_view("@.-_+:=").find(c) != std::string_view::npos;
  }) && name.front() != '-';
}

LiveCheckCall confirmation(const Refusal& refusal, const Cause& finding, std::string_view sender) {
  LiveCheckCall out;
  const auto* check = knowledge::find_live_check(live_check_of(finding.expired ? finding.underlying : finding.reason));
  if (check == nullptr) check = knowledge::find_live_check(live_check_of(finding.reason));
  if (check == nullptr) return out;
  out.key = check->key;
  out.command = check->command;
  const std::pair<std::string_view, std::string> names[] = {
      {"ann@example.org", refusal.address},        {"mx.example.org", refusal.host},
      {"example.org", domain_of(refusal.address)}, {"mail.example.net", refusal.host},
      {"example.net", domain_of(sender)},          {"192.0.2.9", client_address_in(refusal.text)}};
  for (const auto& [example, name] : names) {
    const auto at = out.command.find(example);
    if (at == std::string::npos) continue;
    if (!is_plain(name)) {
      out.command.clear();
    } else {
      out.command.replace(at, example.size(), name);
    }
    break;
  }
  // SPF is about an address: of the record alone nothing follows.
  const auto client = client_address_in(refusal.text);
  if (out.key == "spf" && !out.command.empty() && is_plain(client)) out.command += " --from-ip " + client;
  // The list that was named, in place of the well-known ones.
  constexpr std::string_view lists = "--only block_lists";
  const auto at = out.command.find(lists);
  if (at != std::string::npos && is_plain(finding.list))
    out.command.replace(at, lists.size(), "--list " + finding.list);
  // Whose login it was, nobody says.
  const auto login = out.command.find(" --login ann");
  if (login != std::string::npos) out.command.clear();
  return out;
}

// The address that a reply names, in angle brackets as a rule: it is the one that the refusal is about.
std::string address_in(std::string_view text) {
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const auto part = [](char c) { return is_alnum(c) || std::string_view(".-_+=").find(c) != std::string_view::npos; };
    auto begin = at, end = at + 1;
    while (begin > 0 && part(text[begin - 1])) --begin;
    while (end < text.size() && part(text[end])) ++end;
    while (end > at + 1 && text[end - 1] == '.') --end;
    const auto domain = text.substr(at + 1, end - at - 1);
    if (begin < at && domain.find('.') != std::string_view::npos && end - begin <= address_octets_max) {
      return std::string(text.substr(begin, end - begin));
    }
  }
  return {};
}

// The domain that a reply names without an address, behind words that large receivers use: "domain [example.com]".
std::string domain_in(std::string_view text) {
  constexpr std::string_view before[] = {"domain [", "email from ", "mail from domain "};
  const std::string low = to_lower(text);
  for (const auto words : before) {
    const auto at = low.find(words);
    if (at == std::string::npos) continue;
    const auto rest = std::string_view(low).substr(at + words.size());
    const auto end = std::ranges::find_if_not(rest, [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
    const std::string name(rest.begin(), end);
    if (address::valid_domain(name) && address::qualified(name)) return name;
  }
  return {};
}

// A reply of our own catalogue says more than any rule could find out. A text of one word may be anybody's.
const reply::Entry* own_reply(const Refusal& refusal) {
  if (refusal.code < 400 || refusal.text.find(' ') == std::string::npos) return nullptr;
  std::string_view text = refusal.text;
  const auto open = text.rfind(" (");
  if (text.ends_with(')') && open != std::string_view::npos &&
      parse_receipt_id(text.substr(open + 2, text.size() - open - 3))) {
    text = text.substr(0, open);
  }
  return match_own(refusal.code, refusal.enhanced, text);
}

// Of our own report: it was made from what the server knew.
Cause named_cause(const Refusal& refusal) {
  const auto& entry = knowledge::entry(refusal.named);
  Cause out;
  out.reason = refusal.named;
  out.who = entry.act;
  out.action = entry.action;
  out.confidence = 1;
  out.stage = refusal.stage;
  out.because = "explain.because.own_report";
  return out;
}

Explanation explain_refusal(const Observed& observed) {
  const auto& refusal = observed.refusal;
  if (const auto* own = own_reply(refusal)) {
    reply::RemoteReply reply;
    reply.code = refusal.code;
    reply.enhanced = refusal.enhanced;
    reply.lines.push_back(refusal.text);
    auto found = explain_reply(reply, refusal.stage);
    if (found.own == own) return found;
  }
  Explanation out;
  out.finding = refusal.named == Reason::unknown ? classify(refusal) : named_cause(refusal);
  const auto& entry = knowledge::entry(out.finding.reason);
  out.reason = out.finding.reason;
  out.group = entry.group;
  out.persistence = entry.persistence;
  // Mostly the reason's own; some rules know better.
  out.act = out.finding.who;
  out.action = out.finding.action;
  out.confidence = out.reason == Reason::unknown                  ? Confidence::unknown
                   : out.finding.confidence >= confidence_certain ? Confidence::certain
                                                                  : Confidence::likely;
  out.what = fmt::format("reason.{}.what", entry.key);
  const bool given_up = observed.action == dsn::Action::failed && only_to_wait(out.reason);
  out.act_text = given_up ? std::string(do_when_given_up) : fmt::format("reason.{}.do", entry.key);
  if (!out.finding.note.empty() && out.action != entry.action) out.act_text = out.finding.note;
  out.why = out.finding.because;
  if (refusal.advice.empty()) return out;
  const auto advice = std::ranges::find(dsn::all_advice(), refusal.advice, &dsn::Advice::id);
  if (advice == dsn::all_advice().end()) return out;
  out.what = fmt::format("bounce.advice.{}.what", advice->id);
  out.act_text = fmt::format("bounce.advice.{}.do", advice->id);
  out.act = advice->who == "you" ? knowledge::Role::sender : knowledge::Role::sender_admin;
  return out;
}

bool is_failure(dsn::Action action) {
  return action == dsn::Action::failed || action == dsn::Action::delayed || action == dsn::Action::none;
}

}  // namespace

Report judge(Reading reading) {
  Report out;
  out.input = reading.input;
  out.mta = std::move(reading.mta);
  out.truncated = reading.truncated;
  for (auto& observed : reading.recipients) {
    Diagnosis made;
    // Cut anywhere by those who wrote it, or by us.
    observed.refusal.address = printable(observed.refusal.address, address_octets_max);
    observed.refusal.host = printable(observed.refusal.host, 255);
    if (is_failure(observed.action)) {
      made.explanation = explain_refusal(observed);
      made.confirm = confirmation(observed.refusal, made.explanation->finding, reading.sender);
    }
    made.observed = std::move(observed);
    out.recipients.push_back(std::move(made));
  }
  return out;
}

Diagnosis diagnosis_of(const Answer& answer, knowledge::Stage stage) {
  POSTIL_ASSERT(answer.reply.has_value());
  Diagnosis out;
  auto& observed = out.observed;
  fill_from_quote(observed, answer.quoted);
  auto& refusal = observed.refusal;
  refusal.stage = stage;
  observed.reply = answer.quoted;
  refusal.delayed = refusal.code < 500;
  observed.action = refusal.delayed ? dsn::Action::delayed : dsn::Action::failed;
  out.explanation = answer.reply;
  // Whether it is the recipient's or the sender's, the reason says; the check asks about the one that it needs.
  auto named = refusal;
  if (named.address.empty()) named.address = address_in(answer.quoted);
  const auto domain = named.address.empty() ? domain_in(answer.quoted) : std::string();
  out.confirm = confirmation(named, answer.reply->finding, domain.empty() ? named.address : "@" + domain);
  return out;
}

std::string text_to_paste(const Diagnosis& diagnosis, const i18n::Translator& tr) {
  if (!diagnosis.explanation) return {};
  const auto& refusal = diagnosis.observed.refusal;
  std::string out;
  const auto add = [&out](const std::string& sentence) { out += (out.empty() ? "" : "\n") + sentence; };
  if (!refusal.address.empty()) {
    add(tr.text(refusal.delayed ? "diagnosis.paste.delayed" : "diagnosis.paste.failed",
                {{"address", refusal.address}}));
  }
  if (!diagnosis.observed.reply.empty()) {
    add(refusal.host.empty() || refusal.side == Side::local
            ? tr.text("diagnosis.reply", {{"reply", diagnosis.observed.reply}})
            : tr.text("diagnosis.reply_of", {{"host", refusal.host}, {"reply", diagnosis.observed.reply}}));
  } else if (!refusal.text.empty()) {
    add(tr.text("diagnosis.said", {{"text", refusal.text}}));
  }
  add(tr.text(diagnosis.explanation->what));
  if (diagnosis.explanation->reason != Reason::unknown) add(tr.text(diagnosis.explanation->act_text));
  return out;
}

}  // namespace postil::diagnose
