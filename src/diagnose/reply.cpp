#include "diagnose/reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/bytes.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Reason;
using knowledge::Stage;

Explanation of_reason(Reason reason, Confidence confidence, std::string why) {
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

Explanation of_finding(Cause finding) {
  const auto confidence = finding.reason == Reason::unknown          ? Confidence::unknown
                          : finding.confidence >= confidence_certain ? Confidence::certain
                                                                     : Confidence::likely;
  Explanation out = of_reason(finding.reason, confidence, finding.because);
  // Where a rule asks for another action than its reason does, its note tells what to do.
  if (!finding.note.empty() && finding.action != out.action) out.act_text = finding.note;
  out.act = finding.who;
  out.action = finding.action;
  out.finding = std::move(finding);
  return out;
}

Explanation unknown(std::string_view because) {
  Cause finding;
  finding.because = fmt::format("explain.because.{}", because);
  return of_finding(std::move(finding));
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

bool only_to_wait(Reason reason) {
  using enum knowledge::Reason;
  constexpr Reason all[] = {recipient_rate_limited, auth_service_down,     greylisted,
                            too_many_recipients,    server_storage_full,   server_busy,
                            server_error,           connect_failed,        connection_dropped,
                            tls_handshake_failed,   mta_sts_or_dane_failed};
  return std::ranges::find(all, reason) != std::end(all);
}

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

Explanation explain_entry(const reply::Entry& entry) {
  const auto* fact = knowledge::fact_of(entry.id);
  Explanation out = of_reason(fact == nullptr ? Reason::unknown : fact->reason, Confidence::certain, {});
  out.finding.reason = out.reason;
  out.finding.confidence = 1;
  out.finding.rule = fmt::format("reply.{}", entry.key);
  if (fact != nullptr) out.act = fact->act;
  out.finding.who = out.act;
  out.finding.action = out.action;
  out.what = fmt::format("reply.{}.what", entry.key);
  out.why = fmt::format("reply.{}.why", entry.key);
  out.act_text = fmt::format("reply.{}.do", entry.key);
  out.own = &entry;
  return out;
}

Explanation explain_reply(const reply::RemoteReply& reply, Stage stage) {
  if (reply.mixed_codes) return unknown("mixed_codes");
  if (reply.code < 400 || reply.code > 599) return unknown("no_refusal");
  // A catalogue text of two or more words with its code is nobody else's by accident.
  if (!reply.lines.empty()) {
    const auto text = bare(reply.lines.front());
    const auto* own = match_own(reply.code, reply.enhanced, text);
    if (own != nullptr && text.find(' ') != std::string_view::npos) return explain_entry(*own);
  }
  Refusal refusal;
  refusal.code = reply.code;
  refusal.enhanced = reply.enhanced;
  for (const auto& line : reply.lines) {
    if (!refusal.text.empty()) refusal.text += ' ';
    std::size_t rest = 0;
    if (reply::leading_enhanced_code(line, &rest)) {
      refusal.text += trim(std::string_view(line).substr(rest));
    } else {
      refusal.text += line;
    }
  }
  if (!refusal.enhanced) {
    // "451 timeout (#4.4.2)": qmail puts it last.
    const auto quoted = find_reply(fmt::format("{} {}", reply.code, refusal.text));
    if (quoted && quoted->code == reply.code) refusal.enhanced = quoted->enhanced;
  }
  refusal.stage = stage;
  return of_finding(classify(refusal));
}

}  // namespace postil::diagnose
