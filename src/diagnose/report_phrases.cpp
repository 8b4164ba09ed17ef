#include "diagnose/report_phrases.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {

bool has_any(std::string_view lower, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [&](auto word) { return lower.find(word) != std::string_view::npos; });
}

bool begins_returned_message(std::string_view line) {
  if (line.size() > 160) return false;
  const auto lower = to_lower(line);
  for (const std::string_view name :
       {"received:", "return-path:", "x-originating-ip:", "dkim-signature:", "arc-seal:"}) {
    if (lower.starts_with(name)) return true;
  }
  if (lower.starts_with("> received:") || lower.starts_with(">received:") || lower.starts_with("|received:"))
    return true;
  if (lower == "message follows." || lower == "message follows:" || lower == "start of returned message" ||
      lower.starts_with("an embedded message was scrubbed") || lower.starts_with("<---- header information"))
    return true;
  // "did NOT receive a copy of your message:", "the original mail and the failure reason:"
  if (has_any(lower, {"not receive", "reason"})) return false;
  const bool marked = lower.starts_with("--") || lower.starts_with("==") || lower.starts_with("**") ||
                      lower.starts_with("__") || lower.ends_with(':') || lower.ends_with("follow.") ||
                      lower.ends_with("follows.") || lower.ends_with("follow") || lower.ends_with("follows");
  return marked && has_any(lower, {"original message", "returned message", "copy of the message",
                                   "copy of your message", "unsent message", "message headers follow",
                                   "header of the original", "headers of the original", "original mail",
                                   "copy of the original", "copy of the message header", "message header follow",
                                   "undelivered message", "your message follows", "mail message follows",
                                   "initial part of the message", "original headers", "message is attached"});
}

bool is_usual_phrase(std::string_view line) {
  const auto lower = to_lower(line);
  if (has_any(lower, {"due to", "because", "reason"})) return false;
  return has_any(lower, {"this message was created automatically",
                         "this is an automatically generated",
                         "a message that you",
                         "a message sent by",
                         "its recipients.",
                         "one or more recipients",
                         "one or more destinations",
                         "one or more of",
                         "could not be delivered to",
                         "address(es) failed",
                         "following address",
                         "following recipient",
                         "this is the mail system",
                         "this is the postfix program",
                         "i'm sorry to have to inform you",
                         "i'm afraid i wasn't able",
                         "hi. this is the",
                         "i am sending you this message to inform you",
                         "below you will find a list of",
                         "report in standard format",
                         "this is a permanent error",
                         "for further assistance",
                         "if you do so, please include",
                         "delete your own text",
                         "the mail system",
                         "be delivered to one or more",
                         "below could not be delivered",
                         "please do not reply",
                         "do not reply to this",
                         "this is the mailer-daemon",
                         "an error has occurred while",
                         "list of recipients",
                         "the following list",
                         "this is a delivery status notification",
                         "running the courier",
                         "the original message was received",
                         "warning message only",
                         "you do not need to resend",
                         "technical details of",
                         "message will be retried",
                         "original message is attached",
                         "its recipients",
                         "delivery status notification",
                         "mime-encapsulated",
                         "the mts-id of",
                         "content-type:",
                         "content-transfer-encoding:",
                         "content-description:"});
}

std::string without_list_footers(std::string_view text) {
  std::string out;
  bool footer = false;
  const auto lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = trim(lines[i]);
    const bool rule = line.size() >= 40 && line.find_first_not_of('_') == std::string_view::npos;
    const auto next = i + 1 < lines.size() ? to_lower(trim(lines[i + 1].substr(0, 256))) : std::string();
    footer = (rule && next.ends_with(" mailing list")) || (footer && !line.empty());
    if (footer) continue;
    out += lines[i];
    if (i + 1 < lines.size()) out += '\n';
  }
  return out;
}

std::string_view behind_told_header(std::string_view text) {
  static constexpr std::string_view heading = "with the following header fields:\n";
  const auto at = text.substr(0, 1024).find(heading);
  if (at == std::string_view::npos) return text;
  auto rest = text.substr(at + heading.size());
  while (!rest.empty() && (rest.front() == '\n' || rest.front() == ' ' || rest.front() == '\t')) {
    const auto end = rest.find('\n');
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return rest.empty() ? text : rest;
}

bool is_footer(std::string_view line) {
  const auto lower = to_lower(line);
  if (has_any(lower, {"reject", "refus", "block", "found", "detected", "contained", "infected", "deliver"}))
    return false;
  return has_any(lower, {"confidential", "privileged", "been scanned", "was scanned", "scanned for", "virus-free",
                         "virus free", "designated recipient only", "intended only for", "intended solely for",
                         "antivirus system", "disclaimer", "checked by avg", "email virus scanner"});
}

bool is_from_program(const mime::Message& mail) {
  return has_any(to_lower(mail.field("From")),
                 {"daemon", "postmaster", "deliver", "administrator", "bounce", "mail system", "mailsystem", "-admin@",
                  "-owner@", "owner-", "-request@", "listserv", "majordomo", "mail router", "mail-router"});
}

bool may_be_bounce(const mime::Message& mail, std::string_view text) {
  if (mail.header.empty() || !mail.field("X-Failed-Recipients").empty()) return true;
  if (is_from_program(mail)) return true;
  if (has_any(to_lower(mail.field("Subject")),
              {"deliver", "fail",        "return", "bounce",    "reject",  "delay",   "block",  "warning",
               "error",   "undelivered", "unable", "could not", "problem", "zustell", "fehler", "echec",
               "retour",  "entreg",      "rebot",  "devuelt",   "consegn", "recapit", "достав", "возвра",
               "送信",    "配信",        "エラー", "退信",      "退回",    "投递",    "반송"})) {
    return true;
  }
  const auto reply = find_reply(text);
  if (reply && (reply->code >= 400 || reply->enhanced)) return true;
  const auto lower = to_lower(text);
  return !program_named_in(text).empty() || has_any(lower, {"deliver",
                                                            "not reach",
                                                            "be reached",
                                                            "returned to",
                                                            "following address",
                                                            "following recipient",
                                                            "rejected",
                                                            "refused",
                                                            "blocked",
                                                            "virus in your",
                                                            "viruses in your",
                                                            "virus(es) in your",
                                                            "unknown user",
                                                            "user unknown",
                                                            "no such user",
                                                            "not a member",
                                                            "not subscribed",
                                                            "not allowed to",
                                                            "zugestellt",
                                                            "distribu",
                                                            "entreg",
                                                            "consegnat",
                                                            "recapitat",
                                                            "доставл",
                                                            "送信できま",
                                                            "配信",
                                                            "退信",
                                                            "退回",
                                                            "投递",
                                                            "전송"});
}

bool is_automatic_reply(const mime::Message& mail, std::string_view text) {
  const bool marked = !mail.field("X-Autoreply").empty() || !mail.field("X-Autorespond").empty() ||
                      to_lower(mail.field("Precedence")) == "auto_reply";
  if (!marked && !has_any(to_lower(mail.field("Subject")),
                          {"out of office",
                           "out of the office",
                           "out-of-office",
                           "automatic reply",
                           "automatic response",
                           "automated reply",
                           "automated response",
                           "auto reply",
                           "auto-reply",
                           "autoreply",
                           "autoresponse",
                           "auto-response",
                           "vacation",
                           "abwesen",
                           "automatische antwort",
                           "au\u00dfer haus",
                           "r\u00e9ponse automatique",
                           "absence du bureau",
                           "respuesta autom\u00e1tica",
                           "fuera de la oficina",
                           "resposta autom\u00e1tica",
                           "fora do escrit\u00f3rio",
                           "risposta automatica",
                           "fuori ufficio",
                           "automatisch antwoord",
                           "afwezig",
                           "\u0432\u0442\u043e\u043e\u0442\u0432\u0435\u0442",
                           "\u0432\u0442\u043e\u043c\u0430\u0442\u0438\u0447\u0435\u0441\u043a\u0438\u0439 "
                           "\u043e\u0442\u0432\u0435\u0442",
                           "\u81ea\u52a8\u56de\u590d",
                           "\u81ea\u52d5\u5fdc\u7b54",
                           "\u81ea\u52d5\u8fd4\u4fe1",
                           "\u4e0d\u5728"})) {
    return false;
  }
  const auto reply = find_reply(text);
  if (reply && (reply->code >= 400 || reply->enhanced)) return false;
  return mail.field("X-Failed-Recipients").empty() && program_named_in(text).empty() &&
         !has_any(to_lower(text),
                  {"not be delivered", "not delivered", "undeliver", "unable to deliver", "n't be delivered",
                   "mailbox is full", "no such user", "does not exist", "unknown user", "rejected"});
}

std::string program_named_in(std::string_view text) {
  struct Mark {
    std::string_view words;
    std::string_view mta;
  };
  static constexpr Mark marks[] = {
      {"qmail-send program", "qmail"},
      {"this is the postfix program", "postfix"},
      {"this is the mail system at host", "postfix"},
      {"dragonfly mail agent", "dma"},
      {"(opensmtpd)", "opensmtpd"},
      {"this is the mailer-daemon, please do not reply", "opensmtpd"},
      {"courier mail server", "courier"},
      {"created automatically by mail delivery software", "exim"},
      {"microsoft exchange", "exchange"},
      {"office 365", "exchange"},
      {"msexch:", "exchange"},
      {"resolver.", "exchange"},
      {"generated by the program amavis", "amavis"},
      {"domino directory", "domino"},
      {"sendgrid", "sendgrid"},
      {"google tried to deliver", "gmail"},
      {"response from the remote server was", "gmail"},
      {"transcript of session follows", "sendmail"},
  };
  const auto lower = to_lower(text);
  for (const auto& mark : marks) {
    if (lower.find(mark.words) != std::string::npos) return std::string(mark.mta);
  }
  return {};
}

bool is_report_field(std::string_view line) {
  static constexpr std::array names{
      "reporting-mta",   "final-recipient", "original-recipient", "action",           "status", "remote-mta",
      "diagnostic-code", "arrival-date",    "last-attempt-date",  "received-from-mta"};
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon <= 20 &&
         std::ranges::find(names, to_lower(line.substr(0, colon))) != names.end();
}

bool is_contact(std::string_view address) {
  const auto local = to_lower(address.substr(0, address.find('@')));
  return local == "postmaster" || local == "mailer-daemon" || local == "abuse" || local == "support";
}

bool is_header_key(std::string_view key) {
  static constexpr std::array names{
      "to", "from", "subject", "cc", "sent", "date", "sender", "message-id", "bcc", "reply-to", "id", "mail from",
      "return-path", "posted", "size", "contact", "envelope-from", "x-sender", "with id", "from address",
      "sender address", "source mailbox", "attention",
      // German, French, Spanish, Portuguese, Italian, Dutch, below Russian
      "an", "von", "betreff", "gesendet", "kopie", "\u00c0", "\u00e0", "de", "objet", "envoy\u00e9", "para", "asunto",
      "enviado", "assunto", "a", "da", "per", "oggetto", "inviato", "aan", "onderwerp", "verzonden",
      // Polish, Swedish, Danish, Chinese, Japanese
      "od", "do", "temat", "nadawca", "fr\u00e5n", "till", "\u00e4mne", "fra", "til", "emne", "\u53d1\u4ef6\u4eba",
      "\u5bc4\u4ef6\u4eba", "\u5dee\u51fa\u4eba", "\u4ef6\u540d", "\u041a\u043e\u043c\u0443", "\u041e\u0442",
      "\u0422\u0435\u043c\u0430"};
  return std::ranges::find(names, to_lower(trim(key))) != names.end();
}

bool is_header_field(std::string_view line) {
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon <= 20 && is_header_key(line.substr(0, colon));
}

std::string without_exit_phrases(std::string_view text) {
  std::string out;
  for (const auto line : split(text, '\n')) {
    if (!has_any(to_lower(line), {"service unavailable", "local configuration error", "can't create output",
                                  "unknown mailer error", "data format error", "remote protocol error"}))
      out.append(out.empty() ? "" : "\n").append(line);
  }
  return out;
}

namespace {

// "8/2/99", "08.02.1999", "2024-02-08"
bool is_date(std::string_view word) {
  std::size_t digits = 0;
  std::size_t marks = 0;
  for (const char c : word) {
    if (is_digit(c)) {
      ++digits;
    } else if (c == '/' || c == '.' || c == '-') {
      ++marks;
    } else {
      return false;
    }
  }
  return digits >= 4 && digits <= 8 && marks == 2 && is_digit(word.front()) && is_digit(word.back());
}

std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

// What stands behind a date and a time: "2/8/99 10:11 AM", "Fri, 14 Sep 2007 18:52:54 +0300"; nullopt: there are none.
std::optional<std::string_view> behind_time(std::string_view text) {
  const auto word = take_word(text);
  if (word.size() == 4 && word.ends_with(',')) {
    const auto day = take_word(text);
    const auto month = take_word(text);
    const auto year = take_word(text);
    if (day.empty() || !is_digit(day[0]) || month.size() != 3 || year.size() != 4 || !is_digit(year[0]))
      return std::nullopt;
  } else if (!is_date(word)) {
    return std::nullopt;
  }
  text = trim(text);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  text = trim(text.substr(std::min(text.find_first_not_of("0123456789:"), text.size())));
  if (istarts_with(text, "am") || istarts_with(text, "pm")) text.remove_prefix(2);
  if (text.starts_with('+') || text.starts_with('-')) take_word(text);
  return trim(text);
}

}  // namespace

std::optional<DatedName> dated_name(std::string_view line) {
  static constexpr std::array words{"on", "am", "le", "el", "il", "op", "em"};
  for (std::size_t at = line.find(' '); at != std::string_view::npos; at = line.find(' ', at + 1)) {
    const auto rest = line.substr(at + 1);
    const auto end = rest.find(' ');
    if (end == std::string_view::npos) return std::nullopt;
    if (end != 2 || std::ranges::find(words, to_lower(rest.substr(0, 2))) == words.end()) continue;
    if (const auto said = behind_time(rest.substr(3))) return DatedName{line.substr(0, at), *said};
  }
  return std::nullopt;
}

bool is_directory_address(std::string_view line) {
  const auto lower = to_lower(line.substr(0, 64));
  return lower.starts_with("c=") || lower.starts_with("/c=") || lower.starts_with("/o=") || lower.starts_with("o=");
}

std::string_view gateway_name(std::string_view line) {
  if (const auto at = to_lower(line).find(" to x400:"); at != std::string::npos) {
    auto name = trim(line.substr(at + 4));
    while (name.ends_with('.') || name.ends_with(';')) name.remove_suffix(1);
    return name;
  }
  const auto at = line.find("(MS:");
  const bool named = at != 0 && at != std::string_view::npos && line.ends_with(')');
  return named && line.substr(0, at).find(':') == std::string_view::npos ? line : std::string_view();
}

bool names_recipient(std::string_view words) {
  const auto lower = to_lower(trim(words));
  for (const std::string_view ending :
       {"\u65e0\u6cd5\u53d1\u9001\u5230", "\u65e0\u6cd5\u6295\u9012\u5230", "\u65e0\u6cd5\u9001\u8fbe"}) {
    if (lower.ends_with(ending)) return true;
  }
  return lower.ends_with(" to") &&
         has_any(lower, {"undeliverable", "not be delivered", "not been delivered", "not delivered",
                         "unable to deliver", "failed to deliver", "could not deliver"});
}

bool announces_recipient(std::string_view words) {
  const auto lower = to_lower(words);
  // "Unknown addressee: a@b" is all that is said about it.
  if (has_any(lower, {"unknown", "no such", "invalid", "bad ", "illegal"})) return false;
  return names_recipient(words) || has_any(lower, {"recipient", "address", "delivered to", "deliver message",
                                                   "deliver your", "rcpt to", "message to", "envelope-to"});
}

}  // namespace postil::diagnose
