#include "diagnose/quoted_reply.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "base/bytes.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Stage;

constexpr std::size_t scan_octets_max = 16 * 1024;

bool is_code_at(std::string_view text, std::size_t i) {
  return i + 3 <= text.size() && text[i] >= '2' && text[i] <= '5' && is_digit(text[i + 1]) && text[i + 1] <= '7' &&
         is_digit(text[i + 2]);
}

// "5.1.1" at i, with the rest behind it; [rfc3463 2] allows three digits for subject and detail.
std::size_t enhanced_length(std::string_view text, std::size_t i, reply::EnhancedCode* out) {
  if (i + 5 > text.size() || (text[i] != '2' && text[i] != '4' && text[i] != '5') || text[i + 1] != '.') return 0;
  std::size_t end = i + 2;
  while (end < text.size() && end < i + 5 && is_digit(text[end])) ++end;
  if (end == i + 2 || end >= text.size() || text[end] != '.') return 0;
  const std::size_t detail = ++end;
  while (end < text.size() && end < detail + 3 && is_digit(text[end])) ++end;
  if (end == detail || (end < text.size() && is_alnum(text[end]))) return 0;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) return 0;  // an IP address
  const auto code = reply::parse_enhanced_code(text.substr(i, end - i));
  if (!code || code->subject > 7) return 0;
  *out = *code;
  return end - i;
}

// What separates a code from what follows it: "550 5.1.1", "550-5.1.1", "550-'5.2.2", "550 #5.1.1", "550, 5.1.1"; or a
// line's end.
std::size_t skip_separators(std::string_view text, std::size_t i) {
  std::size_t count = 0;
  while (i < text.size() && count < 4 && std::string_view(" -'\"#,:([<\t\n").find(text[i]) != std::string_view::npos) {
    ++i;
    ++count;
  }
  return i;
}

// The word before i, letters only, lower case.
std::string word_before(std::string_view text, std::size_t i) {
  while (i > 0 && (text[i - 1] == ' ' || text[i - 1] == ':' || text[i - 1] == '=' || text[i - 1] == '\'' ||
                   text[i - 1] == '"')) {
    --i;
  }
  std::size_t begin = i;
  while (begin > 0 && i - begin < 16 && is_alpha(text[begin - 1])) --begin;
  return to_lower(text.substr(begin, i - begin));
}

bool introduces_code(std::string_view word) {
  static constexpr std::array words{"said",      "code",    "error", "status", "returned", "reply",  "response",
                                    "responded", "failure", "smtp",  "reason", "reject",   "failed", "lmtp",
                                    "replied",   "message", "is",    "was",    "result",   "stat"};
  return std::ranges::find(words, word) != words.end();
}

struct Candidate {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the codes
  int score = 0;
  reply::Code code = 0;
  reply::EnhancedCode enhanced;
};

// «, “, 「 and the like at the end.
bool ends_with_quotation_mark(std::string_view text) {
  static constexpr std::array marks{"\u00AB", "\u2018", "\u201C", "\u201E", "\u300C", "\uFF08", "\uFF1A"};
  return std::ranges::any_of(marks, [&](std::string_view mark) { return text.ends_with(mark); });
}

std::optional<Candidate> candidate_at(std::string_view text, std::size_t i) {
  const char before = i == 0 ? '\n' : text[i - 1];
  const bool opened = is_8bit(before) && ends_with_quotation_mark(text.substr(0, i));
  if (is_alnum(before) || before == '.' || before == '_' || before == '@' || before == '/' ||
      (is_8bit(before) && !opened))
    return {};
  const bool behind_number = i >= 2 && is_digit(text[i - 2]);
  if ((before == '-' || before == ':' || before == ',') && behind_number) return {};  // a date, a time, a port
  Candidate out;
  out.begin = i;
  out.code = static_cast<reply::Code>((text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0'));
  out.end = i + 3;
  const char after = out.end < text.size() ? text[out.end] : '\n';
  if (is_alnum(after) || after == '.' || after == '/' || after == '_' || after == '%') return {};
  if (after == ':' && out.end + 1 < text.size() && is_digit(text[out.end + 1])) return {};
  // "Transport.php:459": a line of a program.
  const bool behind_word = before == ':' && i >= 2 && is_alpha(text[i - 2]) && after != ' ' && after != '-';
  if (behind_word && !introduces_code(word_before(text, i))) return {};
  auto next = skip_separators(text, out.end);
  // "550 550 5.7.1 no": two programs wrote it.
  if (next + 4 < text.size() && text.substr(next, 3) == text.substr(i, 3) && !is_alnum(text[next + 3])) {
    out.end = next + 3;
    next = skip_separators(text, out.end);
  }
  if (const auto length = enhanced_length(text, next, &out.enhanced)) {
    out.score += out.enhanced.klass == out.code / 100 ? 5 : 4;
    out.end = next + length;
  }
  if (before == '\n' || before == '#') {
    out.score += 3;
  } else if (i >= 2 && before == ' ' && (text[i - 2] == ':' || text[i - 2] == ';' || text[i - 2] == '<')) {
    out.score += 3;
  } else if (before == ':' || before == ';' || before == '(' || before == '\'' || before == '"' || before == '[' ||
             before == '<' || before == '=' || opened) {
    out.score += 2;
  }
  if (introduces_code(word_before(text, i))) out.score += 2;
  if (out.code < 400) out.score -= 3;
  return out;
}

std::optional<Candidate> best_candidate(std::string_view text) {
  std::optional<Candidate> best;
  for (std::size_t i = 0; i + 3 <= text.size(); ++i) {
    if (!is_code_at(text, i)) continue;
    const auto found = candidate_at(text, i);
    if (!found || found->score < 2) continue;
    if (!best || found->score > best->score) best = found;
    // A reply in full: what follows is part of it, or another program's.
    if (best->score >= 7 && best->code >= 400) break;
  }
  return best;
}

// "5.1.1" without three digits before it: "(#5.1.1)", "5.1.1 no such user".
std::optional<Candidate> enhanced_alone(std::string_view text) {
  for (std::size_t i = 0; i + 5 <= text.size(); ++i) {
    const char before = i == 0 ? '\n' : text[i - 1];
    if (std::string_view("\n #([<:;'\"=").find(before) == std::string_view::npos) continue;
    Candidate out;
    const auto length = enhanced_length(text, i, &out.enhanced);
    if (length == 0) continue;
    const bool marked = before != ' ' || (i >= 2 && (text[i - 2] == ':' || text[i - 2] == ';')) ||
                        introduces_code(word_before(text, i));
    if (!marked) continue;
    out.begin = i;
    out.end = i + length;
    return out;
  }
  return {};
}

// The further lines of a reply begin with its code again: "550-5.7.26 ... 550 5.7.26 ...".
std::string without_repeated_codes(std::string_view text, const Candidate& reply) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_word = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\n' || text[i - 1] == '\\';
    if (reply.code != 0 && starts_word && is_code_at(text, i)) {
      const auto found = candidate_at(text, i);
      if (found && found->code == reply.code) {
        const bool hyphen = i + 3 < text.size() && text[i + 3] == '-';
        const bool line_start = i == 0 || text[i - 1] == '\n';
        if (hyphen || line_start || (found->enhanced && found->enhanced == reply.enhanced)) {
          i = found->end;
          while (i < text.size() && (text[i] == ' ' || text[i] == '-')) ++i;
          --i;
          continue;
        }
      }
    }
    out += text[i];
  }
  return out;
}

struct StagePhrase {
  std::string_view words;
  Stage stage;
};
// What programs write about the command that was answered; lower case.
constexpr StagePhrase stage_phrases[] = {
    {"in reply to end of data", Stage::message},
    {"after end of data", Stage::message},
    {"after sending data block", Stage::message},
    {"failed after i sent the message", Stage::message},
    {"for text command", Stage::message},
    {"end of data command", Stage::message},
    {"in reply to rcpt", Stage::rcpt},
    {"after rcpt to", Stage::rcpt},
    {"after pipelined rcpt", Stage::rcpt},
    {"does not like recipient", Stage::rcpt},
    {"not like our rcpt", Stage::rcpt},
    {"for rcpt", Stage::rcpt},
    {"after rcpt command", Stage::rcpt},
    {"[rcpt_to]", Stage::rcpt},
    {"in rcpt to", Stage::rcpt},
    {"in reply to mail", Stage::mail},
    {"after mail from", Stage::mail},
    {"after pipelined mail", Stage::mail},
    {"after mail command", Stage::mail},
    {"sender was rejected", Stage::mail},
    {"not like our mail", Stage::mail},
    {"for mail command", Stage::mail},
    {"[mail_from]", Stage::mail},
    {"in mail from", Stage::mail},
    {"in reply to data", Stage::data},
    {"after pipelined data", Stage::data},
    {"after data", Stage::data},
    {"not like our data", Stage::data},
    {"[data]", Stage::data},
    {"(data)", Stage::data},
    {"in reply to starttls", Stage::starttls},
    {"after starttls", Stage::starttls},
    {"cannot start tls", Stage::starttls},
    {"tls handshake", Stage::starttls},
    {"in reply to auth", Stage::auth},
    {"after auth", Stage::auth},
    {"in reply to ehlo", Stage::ehlo},
    {"in reply to helo", Stage::ehlo},
    {"after ehlo", Stage::ehlo},
    {"after helo", Stage::ehlo},
    {"ehlo handshake", Stage::ehlo},
    {"initial server greeting", Stage::connect},
    {"after initial connection", Stage::connect},
    {"refused to talk to me", Stage::connect},
    {"during user open with", Stage::connect},
    {"greeting wait with", Stage::connect},
};

bool is_host_char(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
}

// A host's name or address at the start of the text; at least one dot or two colons in it.
std::string host_at(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '<' || text[0] == '[')) text.remove_prefix(1);
  std::size_t end = 0;
  while (end < text.size() && end < 255 && is_host_char(text[end])) ++end;
  auto name = text.substr(0, end);
  while (!name.empty() && (name.back() == '.' || name.back() == ':')) name.remove_suffix(1);
  const bool dotted = name.find('.') != std::string_view::npos;
  if (!dotted && std::ranges::count(name, ':') < 2) return {};
  if (dotted && name.find(':') != std::string_view::npos) name = name.substr(0, name.find(':'));
  return to_lower(name);
}

bool is_address_char(char c) {
  return is_alnum(c) || is_8bit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}
bool is_domain_char(char c) {
  return is_alnum(c) || is_8bit(c) || c == '.' || c == '-' || c == '_';
}

// Brackets, stops and spaces of East Asian texts (U+3000 to U+303F, U+FF00 to U+FF3F): an address ends there. at: of
// the first of the mark's three octets.
bool is_wide_mark(std::string_view text, std::size_t at) {
  const auto lead = text.substr(at, 2);
  return lead == "\xE3\x80" || lead == "\xEF\xBC";
}

std::string_view before_trailer(std::string_view text) {
  static constexpr std::array trailers{"(in reply to ",
                                       "giving up on ",
                                       "i'm not going to try again",
                                       "(delivery attempts:",
                                       "[rcpt_to]",
                                       "[mail_from]",
                                       "this has been a permanent failure",
                                       "additional smtp info:",
                                       "msmtp: could not send mail",
                                       "at smtpconnection."};  // Node's stack
  const auto lower = to_lower(text);
  std::size_t end = text.size();
  for (const std::string_view trailer : trailers) end = std::min(end, lower.find(trailer));
  return trim(text.substr(0, end));
}

// As programs print a string: {"response": "550 5.1.1 no such user", ...}, (550, b'5.1.1 no such user'). before: the
// octet in front of the code.
std::string_view in_quotes(std::string_view rest, char before) {
  char quote = before;
  if (rest.starts_with("b'") || rest.starts_with("b\"")) {
    quote = rest[1];
    rest.remove_prefix(2);
  } else if (quote != '"') {
    return rest;
  }
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != quote) end += rest[end] == '\\' ? 2 : 1;
  // Without what closes a value behind it, a quotation mark is one of the reply's own.
  const auto behind = rest.substr(std::min(end + 1, rest.size()));
  const bool closes = behind.empty() || std::string_view(",}])\n").find(behind[0]) != std::string_view::npos;
  return end > 0 && end < rest.size() && closes ? rest.substr(0, end) : rest;  // got code "550", with ...
}

// PHPMailer: "MAIL FROM command failed Detail: no SMTP code: 553 Additional SMTP info: 5.7.1".
constexpr std::string_view phpmailer_code = "smtp code: ";

}  // namespace

std::string squeezed(std::string_view text, std::size_t octets_max) {
  constexpr std::string_view written_end = "\\r\\n";  // as programs print the end of a line
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool written = text.substr(i).starts_with(written_end);
    if (written) i += written_end.size() - 1;
    if (c == ' ' || is_control(c) || written) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
    if (out.size() >= octets_max) break;
  }
  while (!out.empty() && (out.back() == ' ' || (out.size() >= octets_max && is_8bit(out.back())))) out.pop_back();
  return printable(out, octets_max);
}

std::optional<QuotedReply> find_reply(std::string_view text) {
  text = text.substr(0, scan_octets_max);
  auto found = best_candidate(text);
  if (!found || !found->enhanced) {
    // "552 mailbox is over quota (#5.1.1)": qmail's patches put it last.
    const auto rest = found ? text.substr(found->end) : text;
    const auto alone = enhanced_alone(rest);
    if (!found && !alone) return std::nullopt;
    if (!found) {
      found = alone;
    } else if (alone && (rest[alone->begin > 0 ? alone->begin - 1 : 0] == '#' || alone->begin < 20)) {
      found->enhanced = alone->enhanced;
    }
  }
  QuotedReply out;
  out.code = found->code;
  out.enhanced = found->enhanced;
  out.begin = found->begin;
  auto rest = text.substr(found->end);
  rest = rest.substr(0, rest.find("\n\n"));
  while (!rest.empty() && std::string_view(" -:,;\t)\n").find(rest[0]) != std::string_view::npos) rest.remove_prefix(1);
  rest = in_quotes(rest, found->begin == 0 ? ' ' : text[found->begin - 1]);
  // Of Python's pair the enhanced code was found in the string.
  const auto status = reply::to_string(found->enhanced);
  if (!status.empty() && rest.starts_with(status + " ")) rest.remove_prefix(status.size() + 1);
  // An enhanced code among the words: "no mailbox here by that name. (#5.1.1)". All of them are what was said.
  const bool line_start = found->begin == 0 || text[found->begin - 1] == '\n';
  if (found->code == 0 && !line_start && !trim(text.substr(0, found->begin)).empty()) rest = text;
  out.text = before_trailer(squeezed(without_repeated_codes(rest, *found), 4096));
  const auto lead = text.substr(0, found->begin);
  if (std::ranges::none_of(out.text, is_alpha) && to_lower(lead).ends_with(phpmailer_code)) {
    out.text = squeezed(lead.substr(0, lead.size() - phpmailer_code.size()), 4096);
  }
  return out;
}

Stage stage_named_in(std::string_view text) {
  const auto lower = to_lower(squeezed(text, scan_octets_max));  // the words may stand on two lines
  for (const auto& phrase : stage_phrases) {
    if (lower.find(phrase.words) != std::string::npos) return phrase.stage;
  }
  if (lower.find("connect to ") != std::string::npos || lower.find("connection refused") != std::string::npos) {
    return Stage::connect;
  }
  return Stage::any;
}

Stage stage_of_command(std::string_view command) {
  command = trim(command);
  static constexpr std::pair<std::string_view, Stage> verbs[] = {
      {"rcpt", Stage::rcpt}, {"mail", Stage::mail},         {"data", Stage::data},      {"bdat", Stage::message},
      {".", Stage::message}, {"ehlo", Stage::ehlo},         {"helo", Stage::ehlo},      {"lhlo", Stage::ehlo},
      {"auth", Stage::auth}, {"starttls", Stage::starttls}, {"quit", Stage::quit},      {"vrfy", Stage::vrfy},
      {"expn", Stage::vrfy}, {"etrn", Stage::etrn},         {"connect", Stage::connect}};
  for (const auto& [verb, stage] : verbs) {
    if (istarts_with(command, verb)) return stage;
  }
  return Stage::any;
}

std::string host_named_in(std::string_view text) {
  text = text.substr(0, scan_octets_max);
  const auto lower = to_lower(text);
  for (const std::string_view lead : {"while talking to ", "host ", "host: ", "connected to ", "connect to ",
                                      "smtp server ", "conversation with ", "connection with ", " h="}) {
    for (std::size_t at = lower.find(lead); at != std::string::npos; at = lower.find(lead, at + 1)) {
      if (at != 0 && is_alnum(lower[at - 1]) && is_alnum(lead[0])) continue;
      auto host = host_at(text.substr(at + lead.size()));
      if (!host.empty()) return host;
    }
  }
  for (const std::string_view tail : {" does not like recipient", " failed after i sent"}) {
    const auto at = lower.find(tail);
    if (at == std::string::npos || at == 0) continue;
    const auto begin = text.find_last_of(" \n\t<", at - 1);
    auto host = host_at(text.substr(begin == std::string_view::npos ? 0 : begin + 1));
    if (!host.empty()) return host;
  }
  // "mx.example.net [192.0.2.1] did not like our RCPT TO", "mx.example.net[192.0.2.1] responded with"
  for (const std::string_view tail : {"] did not like our", "] responded with", "] said:"}) {
    const auto at = lower.find(tail);
    const auto open = at == std::string::npos ? at : lower.rfind('[', at);
    if (open == std::string::npos || open == 0) continue;
    const auto last = open >= 2 && text[open - 1] == ' ' ? open - 2 : open - 1;
    const auto begin = text.find_last_of(" \n\t<", last);
    auto host = host_at(text.substr(begin == std::string_view::npos ? 0 : begin + 1));
    return host.empty() ? host_at(text.substr(open)) : host;
  }
  return {};
}

std::string find_address(std::string_view text, std::size_t from, std::size_t* begin, std::size_t* end) {
  for (auto at = text.find('@', from); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t first = at;
    if (at > from && text[at - 1] == '"') {  // "a b"@example
      const auto window = at >= 72 ? at - 72 : 0;
      const auto open = at >= 2 ? text.substr(window, at - 1 - window).rfind('"') : std::string_view::npos;
      if (open == std::string_view::npos || window + open < from) continue;
      first = window + open;
    } else {
      while (first > from && at - first < 128 && is_address_char(text[first - 1]) &&
             !(first >= from + 3 && is_wide_mark(text, first - 3)))
        --first;
    }
    std::size_t last = at + 1;
    if (last < text.size() && text[last] == '[') {
      const auto close = text.find(']', last);
      if (close == std::string_view::npos || close - last > 64) continue;
      last = close + 1;
    } else {
      while (last < text.size() && last - at < 256 && is_domain_char(text[last]) && !is_wide_mark(text, last) &&
             !text.substr(last).starts_with(".."))
        ++last;
      while (last > at + 1 && (text[last - 1] == '.' || text[last - 1] == '-' || text[last - 1] == '_')) --last;
    }
    while (first < at && (text[first] == '\'' || text[first] == '`' || text[first] == '=' || text[first] == '*' ||
                          text[first] == '{'))
      ++first;
    if (first == at || last == at + 1) continue;
    if (begin != nullptr) *begin = first;
    if (end != nullptr) *end = last;
    return std::string(text.substr(first, last - first));
  }
  return {};
}

}  // namespace postil::diagnose
