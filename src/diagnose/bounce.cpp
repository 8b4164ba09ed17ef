#include "diagnose/bounce.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/bounce_text.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/redact.hpp"
#include "diagnose/report_phrases.hpp"
#include "dsn/human_reader.hpp"
#include "mime/text.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

// The program that wrote the report, as its header shows it.
std::string program_of_header(const mime::Message& mail) {
  const auto has = [&](std::string_view field, std::string_view word) {
    return to_lower(mail.field(field)).find(word) != std::string::npos;
  };
  if (has("from", "googlemail.com") || has("from", "@google.com")) return "gmail";
  if (has("from", "amazonses.com") || !mail.field("X-SES-Outgoing").empty()) return "amazonses";
  if (!mail.field("X-MS-Exchange-Message-Is-Ndr").empty()) return "exchange";
  if (!mail.field("X-MSExch-Correlation-Key").empty()) return "exchange";
  if (has("from", "yahoo.")) return "yahoo";
  if (has("from", "zoho.")) return "zoho";
  if (!mail.field("X-Failed-Recipients").empty()) return "exim";
  return {};
}

std::string program_of_report(std::string_view report) {
  struct Mark {
    std::string_view words;
    std::string_view mta;
  };
  static constexpr Mark marks[] = {
      {"x-postfix-", "postfix"}, {"x-powermta-", "powermta"},     {"x-sendgrid-", "sendgrid"},
      {"x-notes;", "domino"},    {"x-yandex-", "yandex"},         {"x-kumo", "kumomta"},
      {"x-exim", "exim"},        {"x-display-name:", "exchange"}, {"dsn; ", "amazonses"}};
  const auto lower = to_lower(report);
  for (const auto& mark : marks) {
    if (lower.find(mark.words) != std::string::npos) return std::string(mark.mta);
  }
  return {};
}

bool says_something(std::string_view text) {
  std::size_t letters = 0;
  for (const char c : text) letters += is_alpha(c) || is_8bit(c) ? 1 : 0;
  return letters >= 4;
}

// "X-Unix; 77": a program's exit code, for people who know sysexits(3) only.
bool is_exit_code(const dsn::StatusRecipient& recipient) {
  return !says_something(recipient.diagnostic);
}

// "permanent failure", "unknown permanent failure" say no more than the code.
bool tells_more(std::string_view comment) {
  auto lower = to_lower(comment);
  if (lower.starts_with("unknown ")) lower.erase(0, 8);
  return says_something(lower) && lower != "permanent failure" && lower != "undefined status" &&
         lower != "temporary failure" && lower.find("unable to deliver this message") == std::string::npos;
}

const Note* note_for(const ReportText& text, std::string_view address, std::string_view original, bool single) {
  for (const auto& note : text.notes) {
    if (iequals(note.address, address) || (!original.empty() && iequals(note.address, original))) return &note;
  }
  return single && text.notes.size() == 1 ? &text.notes.front() : nullptr;
}

Observed of_recipient(const dsn::StatusRecipient& recipient, const ReportText& text, bool single) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.address = recipient.address;
  refusal.host = recipient.remote_mta;
  if (const auto* named = knowledge::find_reason(recipient.reason)) refusal.named = named->reason;
  out.action = recipient.action == Action::none ? Action::failed : recipient.action;
  const auto* note = note_for(text, recipient.address, recipient.original, single);
  const bool quoted = !recipient.diagnostic.empty() && !is_exit_code(recipient);
  if (quoted) {
    if (recipient.diagnostic_type == "smtp" && !recipient.remote_mta.empty()) refusal.side = Side::remote;
    fill_from_quote(out, recipient.diagnostic);
  }
  const std::string said = note != nullptr ? note->text : text.common;
  if (!quoted || !says_something(refusal.text)) {
    const auto code = refusal.code;
    const auto enhanced = refusal.enhanced;
    std::string words = note != nullptr ? note->text : std::string();
    if (!says_something(words) && tells_more(recipient.status_comment)) words = recipient.status_comment;
    if (!says_something(words)) words = text.common;
    if (says_something(words)) fill_from_quote(out, words);
    if (refusal.code == 0) refusal.code = code;
    if (!refusal.enhanced) refusal.enhanced = enhanced;
  } else {
    refusal.more = squeezed(said, refusal_octets_max);
  }
  if (refusal.stage == Stage::any) {
    if (note != nullptr && !note->command.empty()) refusal.stage = stage_of_command(note->command);
    if (refusal.stage == Stage::any) refusal.stage = stage_named_in(said);
  }
  // The report's own status says less than the reply's, where both are there.
  if (!refusal.enhanced) {
    refusal.enhanced = recipient.status;
    refusal.enhanced_of_report = true;
  }
  refusal.delayed = out.action == Action::delayed;
  if (refusal.side == Side::unknown && recipient.diagnostic.empty() && recipient.remote_mta.empty())
    refusal.side = Side::local;
  return out;
}

// What is said in one place ends there, with a full stop or without.
std::string sentences(std::string_view first, std::string_view second) {
  std::string out(trim(first));
  if (!out.empty() && std::string_view(".!?").find(out.back()) == std::string_view::npos) out += '.';
  return out.append("\n").append(second);
}

Observed of_note(const Note& note, const ReportText& text) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.address = note.address;
  if (!note.command.empty()) refusal.stage = stage_of_command(note.command);
  fill_from_quote(out, says_something(note.text) ? note.text : text.common);
  if (says_something(note.text)) refusal.more = squeezed(sentences(note.text, text.common), refusal_octets_max);
  refusal.delayed = text.delayed;
  out.action = text.delayed ? Action::delayed : Action::failed;
  if (refusal.side == Side::unknown)
    refusal.side = refusal.code != 0 && !refusal.host.empty() ? Side::remote : Side::unknown;
  return out;
}

Action action_of(dsn::Kind kind) {
  switch (kind) {
    case dsn::Kind::failed:
      return Action::failed;
    case dsn::Kind::delayed:
      return Action::delayed;
    case dsn::Kind::relayed:
      return Action::relayed;
    case dsn::Kind::delivered:
      return Action::delivered;
  }
  return Action::failed;
}

// What Postil itself wrote, without the parts for programs.
Observed of_human(const dsn::HumanRecipient& recipient, dsn::Kind kind) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.address = recipient.address;
  refusal.named = recipient.cause;
  refusal.advice = recipient.advice;
  refusal.side = recipient.by_remote ? Side::remote : Side::local;
  if (recipient.by_remote) refusal.host = recipient.remote;
  if (!recipient.said.empty()) fill_from_quote(out, recipient.said);
  out.action = action_of(kind);
  refusal.delayed = kind == dsn::Kind::delayed;
  return out;
}

// Addresses of "X-Failed-Recipients: a@b, c@d", and the like.
std::vector<std::string> addresses_in(std::string_view field) {
  std::vector<std::string> out;
  std::size_t at = 0;
  for (;;) {
    std::size_t end = 0;
    auto address = find_address(field, at, nullptr, &end);
    if (address.empty() || out.size() >= recipients_max) return out;
    if (std::ranges::none_of(out, [&](const auto& known) { return iequals(known, address); }))
      out.push_back(std::move(address));
    at = end;
  }
}

// A text with fields of a report in it: mails whose MIME structure was lost on the way.
bool has_report_fields(std::string_view text) {
  const auto lower = to_lower(text.substr(0, 64 * 1024));
  return lower.find("\nfinal-recipient:") != std::string::npos ||
         lower.find("\noriginal-recipient:") != std::string::npos;
}

// Some programs call their human part a report too.
bool is_report(const mime::Part& part) {
  if (!part.type.ends_with("/delivery-status") && !part.type.ends_with("/global-delivery-status")) return false;
  const auto lower = to_lower(part.text.substr(0, 64 * 1024));
  return has_any(lower, {"recipient:", "-mta:", "action:", "status:", "diagnostic-code:"});
}

std::string text_of_html(std::string_view html) {
  std::string out;
  bool tag = false;
  for (std::size_t i = 0; i < html.size(); ++i) {
    if (html[i] == '<') {
      tag = true;
      const auto name = to_lower(html.substr(i + 1, 6));
      const bool line = name.starts_with("br") || name.starts_with("p") || name.starts_with("/p") ||
                        name.starts_with("div") || name.starts_with("/tr") || name.starts_with("hr") ||
                        name.starts_with("li") || name.starts_with("/h");
      if (name.starts_with("style") || name.starts_with("script")) {
        const auto end = html.find("</", i + 1);
        if (end == std::string_view::npos) break;
        i = end;
      }
      if (line) out += '\n';
    } else if (html[i] == '>' && tag) {
      tag = false;
    } else if (!tag && html[i] == '&') {
      static constexpr std::array<std::pair<std::string_view, char>, 6> entities{
          {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&nbsp;", ' '}}};
      const auto* found =
          std::ranges::find_if(entities, [&](const auto& e) { return html.substr(i).starts_with(e.first); });
      if (found == entities.end()) {
        out += '&';
      } else {
        out += found->second;
        i += found->first.size() - 1;
      }
    } else if (!tag) {
      out += html[i];
    }
  }
  return out;
}

class BounceReader {
 public:
  explicit BounceReader(const mime::Message& mail) : mail_(mail) {}

  Reading read() {
    collect();
    out_.input = Input::bounce;
    out_.truncated = mail_.truncated;
    if (complaint_ && report_.empty()) return std::move(out_);
    const auto senders = addresses_in(mail_.field("To"));
    const auto text =
        read_report_text(human_, senders.empty() ? std::string_view() : std::string_view(senders.front()));
    if (!senders.empty()) out_.sender = senders.front();
    if (read_notification()) return std::move(out_);
    out_.mta = program_of_report(report_);
    if (out_.mta.empty()) out_.mta = program_of_header(mail_);
    if (out_.mta.empty()) out_.mta = text.mta;
    auto status = dsn::read_delivery_status(report_, recipients_max);
    if (status.recipients.empty() && has_report_fields(human_))
      status = dsn::read_delivery_status(human_, recipients_max);
    if (status.recipients.size() == 1 && status.recipients.front().address.empty())
      name_the_one(status.recipients.front(), text);
    const bool single = status.recipients.size() == 1;
    for (const auto& recipient : status.recipients) out_.recipients.push_back(of_recipient(recipient, text, single));
    read_human_part();
    if (out_.recipients.empty()) out_.automatic_reply = is_automatic_reply(mail_, human_);
    if (out_.recipients.empty() && !out_.automatic_reply && may_be_bounce(mail_, human_)) from_text(text);
    for (auto& observed : out_.recipients) observed.refusal.mta = out_.mta;
    return std::move(out_);
  }

 private:
  // Some services send their events as JSON in a mail.
  bool read_notification() {
    if (!trim(human_).starts_with('{')) return false;
    auto text = human_;
    std::erase(text, '\n');  // lines that were too long for a mail were cut anywhere
    auto found = read_json(trim(text));
    if (!found || found->recipients.empty()) return false;
    out_.mta = std::move(found->mta);
    out_.recipients = std::move(found->recipients);
    for (auto& observed : out_.recipients) observed.refusal.mta = out_.mta;
    return true;
  }

  void collect() {
    for (const auto& part : mail_.parts) {
      if (part.returned || part.type == "message/rfc822") {
        // Only a report without anything of its own is one that somebody forwarded.
        if (is_report(part) && report_.empty()) report_ = part.text;
        continue;
      }
      complaint_ = complaint_ || part.type == "message/feedback-report";
      if (is_report(part)) {
        if (!report_.empty()) report_ += "\n\n";
        report_ += part.text;
      } else if (part.type == "text/plain" ||
                 (part.type.starts_with("text/") && part.type != "text/html" && part.type != "text/rfc822-headers") ||
                 part.type == "message/delivery-status") {
        human_ += (human_.empty() ? "" : "\n\n") + part.text;
      } else if (part.type == "text/html" && html_.empty()) {
        html_ = part.text;
      }
    }
    if (!says_something(human_) && !html_.empty()) human_ = text_of_html(html_);
    human_ = redacted(without_list_footers(human_));
    report_ = redacted(report_);
  }

  void name_the_one(dsn::StatusRecipient& recipient, const ReportText& text) const {
    if (!text.notes.empty()) {
      recipient.address = text.notes.front().address;
      return;
    }
    const auto known = fallback_addresses();
    if (!known.empty()) recipient.address = known.front();
  }

  std::vector<std::string> fallback_addresses() const {
    for (const auto field :
         {mail_.field("X-Failed-Recipients"), mime::find_field(mail_.returned_header, "X-Failed-Recipients"),
          mime::find_field(mail_.returned_header, "Delivered-To"), mime::find_field(mail_.returned_header, "To")}) {
      auto found = addresses_in(field);
      if (!found.empty()) return found;
    }
    // The returned message as plain text behind the report.
    const auto own = before_returned_message(human_);
    const auto rest = std::string_view(human_).substr(own.size());
    for (const auto line : split(rest.substr(0, 32 * 1024), '\n')) {
      if (!istarts_with(line, "to:")) continue;
      auto found = addresses_in(line);
      if (!found.empty()) return found;
    }
    // The sender and the people to turn to are named beside the recipients.
    const auto all = addresses_in(own);
    auto others = all;
    std::erase_if(others, [&](const auto& address) { return is_contact(address) || iequals(address, out_.sender); });
    return others.empty() ? all : others;
  }

  // Of a report of Postil's, where its parts for programs are lost, or name no reason.
  void read_human_part() {
    const auto known = [](const Observed& one) { return one.refusal.named != knowledge::Reason::unknown; };
    if (!out_.recipients.empty() && std::ranges::all_of(out_.recipients, known)) return;
    const auto own = dsn::read_human_part(human_, recipients_max);
    if (!own) return;
    out_.mta = "postil";
    if (out_.recipients.empty()) {
      for (const auto& recipient : own->recipients) out_.recipients.push_back(of_human(recipient, own->kind));
      return;
    }
    for (auto& [refusal, action, reply] : out_.recipients) {
      const auto same = [&](const auto& one) { return !one.advice.empty() && iequals(one.address, refusal.address); };
      const auto found = std::ranges::find_if(own->recipients, same);
      if (found == own->recipients.end() || refusal.named != knowledge::Reason::unknown) continue;
      refusal.named = found->cause;
      refusal.advice = found->advice;
    }
  }

  void from_text(const ReportText& text) {
    const auto failed = addresses_in(mail_.field("X-Failed-Recipients"));
    for (const auto& note : text.notes) {
      const bool named =
          failed.empty() || std::ranges::any_of(failed, [&](const auto& a) { return iequals(a, note.address); });
      // The header names all; an address of the text that it leaves out is another's.
      if (!named && text.notes.size() > 1) continue;
      out_.recipients.push_back(of_note(note, text));
    }
    if (!out_.recipients.empty()) return;
    if (!says_something(text.common) && !find_reply(text.common)) return;
    for (const auto& address : fallback_addresses()) {
      out_.recipients.push_back(of_note({address, text.common, {}, text.delayed}, text));
    }
    if (!out_.recipients.empty()) return;
    auto unnamed = of_note({{}, text.common, {}, text.delayed}, text);
    if (find_reply(text.common) || (is_from_program(mail_) && tells(unnamed.refusal)))
      out_.recipients.push_back(std::move(unnamed));
  }

  // "Could not resolve the address Ann Miller": words that mean something without anybody's address.
  static bool tells(const Refusal& refusal) {
    constexpr double likely = 0.7;
    const auto cause = classify(refusal);
    return cause.reason != knowledge::Reason::unknown && cause.confidence >= likely;
  }

  const mime::Message& mail_;
  Reading out_;
  std::string human_;
  std::string report_;
  std::string html_;
  bool complaint_ = false;  // what a reader thinks of a message that arrived [rfc5965 2]
};

}  // namespace

Reading read_bounce(std::string_view mail) {
  const auto parsed = mime::parse(mail, {.octets_max = mail_octets_max});
  return BounceReader(parsed).read();
}

Reading read_bounce_text(std::string_view text) {
  mime::Message pasted;
  pasted.truncated = text.size() > mail_octets_max;
  pasted.parts.push_back({"text/plain", mime::to_utf8(mime::unify_lines(text.substr(0, mail_octets_max))), false});
  return BounceReader(pasted).read();
}

}  // namespace postil::diagnose
