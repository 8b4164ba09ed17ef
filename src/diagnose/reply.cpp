#include "diagnose/reply.hpp"

#include <fmt/format.h>

#include <initializer_list>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;
using knowledge::Stage;

bool says_any(std::string_view lower_text, std::initializer_list<std::string_view> words) {
  for (auto word : words) {
    if (lower_text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

bool says_block_list(std::string_view text) {
  return says_any(text, {"blocked using", "block list", "blocklist", "blacklist", "dnsbl", " rbl", "listed at",
                         "listed in", "listed by", "spamhaus", "spamcop"});
}

bool says_blocked(std::string_view text) {
  return says_any(text, {"block", "reputation", "spam", "abuse", "denied", "not allowed", "policy"});
}

Explanation of_reason(Reason reason, Confidence confidence, std::string why = {}) {
  const auto& entry = knowledge::entry(reason);
  Explanation out;
  out.reason = reason;
  out.group = entry.group;
  out.persistence = entry.persistence;
  out.act = entry.act;
  out.action = entry.action;
  out.confidence = confidence;
  out.what = fmt::format("reason.{}.what", entry.key);
  out.act_text = fmt::format("reason.{}.do", entry.key);
  out.why = std::move(why);
  return out;
}

Explanation unknown(std::string_view because) {
  return of_reason(Reason::unknown, Confidence::unknown, fmt::format("explain.because.{}", because));
}

Explanation of_own(const reply::Entry& entry) {
  const auto* fact = knowledge::fact_of(entry.id);
  Explanation out = of_reason(fact == nullptr ? Reason::unknown : fact->reason, Confidence::certain);
  if (fact != nullptr) out.act = fact->act;
  out.what = fmt::format("reply.{}.what", entry.key);
  out.why = fmt::format("reply.{}.why", entry.key);
  out.act_text = fmt::format("reply.{}.do", entry.key);
  out.own = &entry;
  return out;
}

// 521 is reserved for hosts that never take mail, and is used to block clients all the same. [rfc7504 3]
Explanation of_521(const reply::RemoteReply& reply, std::string_view text) {
  if (says_block_list(text)) return of_reason(Reason::dnsbl_listed, Confidence::likely, "explain.because.521_block");
  const bool rfc_status = reply.enhanced == reply::EnhancedCode{5, 3, 2};
  if (says_any(text, {"not accept mail", "not accept email", "no mail accepted", "accepts no mail", "takes no mail"})) {
    return of_reason(Reason::host_accepts_no_mail, Confidence::certain, "explain.because.521_rfc");
  }
  if (reply.enhanced.subject == 7 || reply.enhanced == reply::EnhancedCode{5, 2, 1} || says_blocked(text)) {
    return of_reason(Reason::vendor_ip_block, Confidence::likely, "explain.because.521_block");
  }
  if (rfc_status) return of_reason(Reason::host_accepts_no_mail, Confidence::certain, "explain.because.521_rfc");
  return of_reason(Reason::host_accepts_no_mail, Confidence::likely, "explain.because.521_rfc");
}

// 556 says that the domain takes no mail; a few providers mean an unknown account. [rfc7504 4] [rfc7505 4.1]
Explanation of_556(const reply::RemoteReply& reply, std::string_view text) {
  if (reply.enhanced == reply::EnhancedCode{5, 1, 10} || says_any(text, {"null mx", "nullmx"})) {
    return of_reason(Reason::recipient_null_mx, Confidence::certain, "explain.because.556_rfc");
  }
  if (says_any(text, {"account", "tenant", "user", "mailbox"}) || says_blocked(text)) return unknown("556_other");
  return of_reason(Reason::recipient_null_mx, Confidence::likely, "explain.because.556_rfc");
}

// As a greeting 554 refuses the client; the host takes mail from others. [rfc5321 3.1]
Explanation of_554_greeting(std::string_view text) {
  const auto reason = says_block_list(text) ? Reason::dnsbl_listed : Reason::vendor_ip_block;
  return of_reason(reason, Confidence::likely, "explain.because.554_greeting");
}

std::optional<Explanation> of_status(const reply::RemoteReply& reply, std::string_view text) {
  if (!reply.enhanced) return std::nullopt;
  const auto* status = knowledge::find_status(reply.enhanced.subject, reply.enhanced.detail);
  if (status == nullptr || !status->reason) return std::nullopt;
  const bool temporary = reply.permanence() == reply::Permanence::temporary;
  const Reason reason = temporary && status->reason_temporary ? *status->reason_temporary : *status->reason;
  if (reason == Reason::recipient_null_mx && !says_any(text, {"null mx", "nullmx"})) return unknown("5110_other");
  if (reason == Reason::policy_other && says_block_list(text)) {
    return of_reason(Reason::dnsbl_listed, Confidence::likely, "explain.because.names_list");
  }
  if (reason == Reason::policy_other) return of_reason(reason, Confidence::likely, "explain.because.x71");
  if (status->ambiguous) return of_reason(reason, Confidence::likely, "explain.because.ambiguous_status");
  return of_reason(reason, Confidence::certain, "explain.because.status");
}

// 530 without detail: TLS or login; the command or the word tells. [rfc3207 4] [rfc4954 6]
Explanation of_530(std::string_view text) {
  if (says_any(text, {"starttls", "tls", "encrypt"})) {
    return of_reason(Reason::tls_required, Confidence::certain, "explain.because.names_tls");
  }
  return of_reason(Reason::auth_required, Confidence::likely, "explain.because.code");
}

// The texts of our catalogue: literals with {arguments} between them.
bool matches(std::string_view pattern, std::string_view text) {
  bool first = true;
  for (;;) {
    const auto open = pattern.find('{');
    const auto literal = pattern.substr(0, open);
    if (open == std::string_view::npos) {
      return first ? text == literal : text.size() >= literal.size() && text.ends_with(literal);
    }
    const auto at = text.find(literal);
    if (at == std::string_view::npos || (first && at != 0)) return false;
    text.remove_prefix(at + literal.size());
    pattern.remove_prefix(pattern.find('}') + 1);
    if (text.empty()) return false;  // an argument has at least one letter
    first = false;
  }
}

// Without the enhanced code at its start and the receipt's id at its end.
std::string_view bare(std::string_view line) {
  std::size_t rest = 0;
  if (reply::leading_enhanced_code(line, &rest)) line = trim(line.substr(rest));
  const auto open = line.rfind(" (");
  if (line.ends_with(')') && open != std::string_view::npos) {
    if (parse_receipt_id(line.substr(open + 2, line.size() - open - 3))) line = line.substr(0, open);
  }
  return line;
}

}  // namespace

std::string_view to_string(Confidence confidence) {
  switch (confidence) {
    case Confidence::certain:
      return "certain";
    case Confidence::likely:
      return "likely";
    case Confidence::unknown:
      return "unknown";
  }
  return "unknown";
}

const reply::Entry* match_own(reply::Code code, reply::EnhancedCode enhanced, std::string_view text) {
  // "STARTTLS takes no argument" is also "{verb} takes no argument": the most literal entry is meant.
  const reply::Entry* best = nullptr;
  std::size_t best_arguments = 0;
  for (const auto& entry : reply::catalogue()) {
    if (entry.code != code || entry.enhanced != enhanced || !matches(entry.text, text)) continue;
    const auto arguments = reply::argument_names(entry.text).size();
    if (best != nullptr && arguments >= best_arguments) continue;
    best = &entry;
    best_arguments = arguments;
  }
  return best;
}

Explanation explain_reply(const reply::RemoteReply& reply, Stage stage) {
  if (reply.mixed_codes) return unknown("mixed_codes");
  if (reply.code < 400 || reply.code > 599) return unknown("no_refusal");
  // A catalogue text of two or more words with its code is nobody else's by accident.
  if (!reply.lines.empty()) {
    const auto text = bare(reply.lines.front());
    const auto* own = match_own(reply.code, reply.enhanced, text);
    if (own != nullptr && text.find(' ') != std::string_view::npos) return of_own(*own);
  }
  const std::string text = to_lower(reply.one_line());
  if (reply.code == 521) return of_521(reply, text);
  if (reply.code == 556) return of_556(reply, text);
  if (reply.code == 554 && stage == Stage::connect) return of_554_greeting(text);
  if (reply.code == 530) return of_530(text);
  if (auto found = of_status(reply, text)) return *found;
  if (says_block_list(text)) return of_reason(Reason::dnsbl_listed, Confidence::likely, "explain.because.names_list");
  const auto* code = knowledge::find_code(reply.code);
  if (code == nullptr) return unknown("unknown_code");
  if (code->reason && !code->ambiguous) {
    return of_reason(*code->reason, reply.enhanced ? Confidence::likely : Confidence::certain, "explain.because.code");
  }
  return unknown(reply.enhanced ? "generic_status" : "no_detail");
}

}  // namespace postil::diagnose
