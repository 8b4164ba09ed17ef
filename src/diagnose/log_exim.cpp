#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

bool digits_like(std::string_view text, std::string_view form) {
  if (text.size() < form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == '0' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  }
  return true;
}

// "1qAbcD-000123-Xy", since 4.97 "1qAbcD-00000000123-Xyzt".
bool is_message_id(std::string_view word) {
  if (word.size() != 16 && word.size() != 23) return false;
  if (word[6] != '-' || word[word.size() == 16 ? 13 : 18] != '-') return false;
  return std::ranges::all_of(word, [](char c) { return is_alnum(c) || c == '-'; });
}

std::string_view next_word(std::string_view& text) {
  text = trim(text);
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return word;
}

// Date, time, zone, process id; the rest. Empty: the line does not begin so.
std::string_view without_date(std::string_view text) {
  if (!digits_like(text, "0000-00-00 00:00:00")) return {};
  text = text.substr(19);
  if (text.starts_with('.')) text = text.substr(std::min(text.find(' '), text.size()));
  text = trim(text);
  if (digits_like(text, "+0000 ") || digits_like(text, "-0000 ")) text = trim(text.substr(6));
  if (text.starts_with('[') && text.size() > 1 && is_digit(text[1])) {
    const auto close = text.find("] ");
    if (close != std::string_view::npos && close < 12) text = trim(text.substr(close + 2));
  }
  return text;
}

// Behind the fields "R=dnslookup T=remote_smtp H=mx [192.0.2.1]" comes ": text".
std::string_view message_of(std::string_view fields) {
  bool quoted = false;
  for (std::size_t i = 0; i + 1 < fields.size(); ++i) {
    if (fields[i] == '"') quoted = !quoted;
    if (!quoted && fields[i] == ':' && fields[i + 1] == ' ') return fields.substr(i + 2);
  }
  return {};
}

std::string host_field(std::string_view text) {
  const auto at = text.find("H=");
  if (at == std::string_view::npos || (at > 0 && text[at - 1] != ' ')) return {};
  const auto value = text.substr(at + 2);
  if (value.starts_with('[') || value.starts_with('(')) {
    const auto open = value.find('[');
    return open == std::string_view::npos ? std::string()
                                          : std::string(value.substr(open + 1, value.find(']', open) - open - 1));
  }
  return to_lower(value.substr(0, value.find_first_of(" :")));
}

// Exim writes the ends of a reply's lines as "\\n".
std::string with_line_ends(std::string_view text) {
  std::string out;
  for (auto at = text.find("\\n"); at != std::string_view::npos; at = text.find("\\n")) {
    out.append(text.substr(0, at)) += '\n';
    text.remove_prefix(at + 2);
  }
  return out.append(text);
}

// "bob <bob@example.net>", "bob@example.net", "|/usr/bin/x <bob@example.net>"
std::string address_of(std::string_view text) {
  const auto word = text.substr(0, text.find_first_of(" "));
  const auto open = text.find('<');
  if (word.find('@') == std::string_view::npos && open != std::string_view::npos && open < 200 &&
      text[open - (open > 0 ? 1 : 0)] == ' ') {
    const auto inner = in_brackets(text.substr(open));
    if (inner.find('@') != std::string_view::npos) return std::string(inner);
  }
  auto out = word;
  while (out.ends_with(':')) out.remove_suffix(1);
  return std::string(out);
}

Observed of_delivery(std::string_view text, Action action) {
  Observed out;
  out.action = action;
  out.refusal.delayed = action == Action::delayed;
  out.refusal.address = address_of(text);
  out.refusal.host = host_field(text);
  if (action == Action::delivered) {
    const auto confirmation = value_of(text, "C");
    if (!confirmation.empty()) fill_from_quote(out, confirmation);
    return out;
  }
  const auto words = message_of(text);
  const bool remote =
      words.find("from remote mail server") != std::string_view::npos || words.starts_with("LMTP error ");
  out.refusal.side = remote ? Side::remote : Side::local;
  fill_from_quote(out, with_line_ends(words.empty() ? text : words));
  return out;
}

// "H=mx.example.net [192.0.2.1]:25 Connection refused", "H=mx.example.net [192.0.2.1]: SMTP timeout after ...": one
// host did not take it, before the others are tried.
std::optional<Observed> of_attempt(std::string_view text) {
  // "SMTP error from remote mail server after MAIL FROM:<a@b>: 421 ...": pasted without the host.
  const bool bare = text.starts_with("SMTP error from remote mail server");
  const auto close = text.find(']');
  if (!bare && (!text.starts_with("H=") || close == std::string_view::npos)) return std::nullopt;
  auto words = bare ? text : text.substr(close + 1);
  if (words.starts_with(':')) words = words.substr(std::min(words.find(' '), words.size()));
  const bool told = bare || text.substr(close + 1).starts_with(": ");
  static constexpr std::string_view beginnings[] = {"Connection ", "No route ",   "Network ",           "Host is ",
                                                    "TLS error ",  "TLS session", "Operation timed out"};
  words = trim(words);
  if (!told && std::ranges::none_of(beginnings, [&](auto beginning) { return words.starts_with(beginning); }))
    return std::nullopt;
  Observed out;
  out.action = Action::delayed;
  out.refusal.delayed = true;
  out.refusal.host = host_field(text);
  const auto at = words.find("RCPT TO:<");
  if (at != std::string_view::npos) out.refusal.address = std::string(in_brackets(words.substr(at + 8)));
  out.refusal.side = words.find("from remote mail server") != std::string_view::npos ? Side::remote : Side::local;
  fill_from_quote(out, with_line_ends(words));
  return out;
}

// "plain authenticator failed H=smtp.example.net [192.0.2.1] 535 no", by the smarthost; "plain authenticator failed for
// (x) [203.0.113.9]: 535 no (set_id=bob)", by ourselves.
Observed of_login(std::string_view text) {
  Observed out;
  const auto host = text.find("failed H=");
  const auto close = host == std::string_view::npos ? host : text.find("] ", host);
  const bool outbound = close != std::string_view::npos;
  out.refusal.side = outbound ? Side::remote : Side::local;
  out.refusal.stage = Stage::auth;
  fill_from_quote(out, outbound ? text.substr(close + 2) : message_of(text));
  out.refusal.host = outbound ? host_field(text.substr(host + 7)) : std::string();
  if (outbound || (out.refusal.code >= 400 && out.refusal.code < 500)) {
    out.action = Action::delayed;
    out.refusal.delayed = true;
  }
  return out;
}

// A client that did not keep to the protocol, or could not agree on TLS.
std::optional<Observed> of_session(std::string_view text) {
  const bool tls = text.starts_with("TLS error on connection from ");
  const bool dropped = text.starts_with("SMTP call from ") && text.find(" dropped: ") != std::string_view::npos;
  if (!tls && !dropped && !text.starts_with("SMTP protocol ") && !text.starts_with("SMTP syntax error "))
    return std::nullopt;
  // What follows is what the client said.
  if (text.starts_with("SMTP protocol synchronization error")) text = text.substr(0, text.find(": rejected "));
  Observed out;
  out.refusal.side = Side::local;
  if (tls) out.refusal.stage = Stage::starttls;
  fill_from_quote(out, text);
  out.refusal.host.clear();
  return out;
}

// "H=(x) [192.0.2.1] F=<a@b> temporarily rejected RCPT <c@d>: text", "H=[192.0.2.1] dropped by 'connect' ACL: text"
std::optional<Observed> of_reject(std::string_view text) {
  const auto at = std::min(text.find("rejected "), text.find(" dropped by "));
  if (at == std::string_view::npos || text.find(" sender verify ") < at) return std::nullopt;
  Observed out;
  const bool temporary = text.substr(0, at).ends_with("temporarily ");
  out.action = temporary ? Action::delayed : Action::failed;
  out.refusal.delayed = temporary;
  out.refusal.side = Side::local;
  const auto what = text.substr(at + 9);
  out.refusal.stage = stage_of_command(what);
  if (istarts_with(what, "after DATA") || istarts_with(what, "DATA") || istarts_with(what, "during MIME"))
    out.refusal.stage = Stage::message;
  if (istarts_with(what, "connection")) out.refusal.stage = Stage::connect;
  if (out.refusal.stage == Stage::rcpt) out.refusal.address = std::string(in_brackets(trim(what.substr(4))));
  const auto words = message_of(what);
  const auto stage = out.refusal.stage;
  fill_from_quote(out, with_line_ends(words.empty() ? what : words));
  out.refusal.stage = stage;
  out.refusal.host.clear();
  return out;
}

}  // namespace

std::optional<LogLine> read_exim(const SyslogLine& line) {
  auto text = without_date(line.text);
  const bool named = line.program == "exim" || line.program == "exim4";
  if (text.empty() && named) text = line.text;
  if (text.empty()) return std::nullopt;
  LogLine out;
  out.mta = "exim";
  out.known = true;
  auto rest = text;
  const auto word = next_word(rest);
  const bool has_id = is_message_id(word);
  if (has_id) {
    text = rest;
    const auto flag = next_word(rest);
    if (flag == "**") out.recipients.push_back(of_delivery(rest, Action::failed));
    if (flag == "==") out.recipients.push_back(of_delivery(rest, Action::delayed));
    if (flag == "=>" || flag == "->" || flag == ">>") out.recipients.push_back(of_delivery(rest, Action::delivered));
    if (!out.recipients.empty() || flag == "<=" || flag == "Completed") return out;
  }
  static constexpr std::string_view marks[] = {
      " H=",          "authenticator failed", "rejected ", "SMTP call from ", "SMTP protocol ", "SMTP syntax error ",
      "TLS error on "};
  if (!has_id && !text.starts_with("H=") && !named &&
      std::ranges::none_of(marks, [text](auto mark) { return text.find(mark) != std::string_view::npos; })) {
    return std::nullopt;
  }
  if (text.find("authenticator failed") != std::string_view::npos) {
    out.recipients.push_back(of_login(text));
  } else if (auto session = of_session(text)) {
    out.recipients.push_back(std::move(*session));
  } else if (auto rejected = of_reject(text)) {
    out.recipients.push_back(std::move(*rejected));
  } else if (has_id) {
    if (auto attempt = of_attempt(text)) out.recipients.push_back(std::move(*attempt));
  }
  return out;
}

}  // namespace postil::diagnose
