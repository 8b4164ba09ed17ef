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
  out.refusal.side = words.find("from remote mail server") != std::string_view::npos ? Side::remote : Side::local;
  fill_from_quote(out, words.empty() ? text : words);
  return out;
}

// "H=(x) [192.0.2.1] F=<a@b> temporarily rejected RCPT <c@d>: text"
std::optional<Observed> of_reject(std::string_view text) {
  const auto at = text.find("rejected ");
  if (at == std::string_view::npos) return std::nullopt;
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
  fill_from_quote(out, words.empty() ? what : words);
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
  if (!has_id && !text.starts_with("H=") && !named && text.find(" H=") == std::string_view::npos &&
      text.find("authenticator failed") == std::string_view::npos && text.find("rejected ") == std::string_view::npos) {
    return std::nullopt;
  }
  if (text.find("authenticator failed") != std::string_view::npos) {
    Observed observed;
    observed.refusal.side = Side::local;
    observed.refusal.stage = Stage::auth;
    fill_from_quote(observed, message_of(text));
    observed.refusal.host.clear();
    out.recipients.push_back(std::move(observed));
  } else if (text.find("SMTP error from remote mail server") != std::string_view::npos) {
    Observed observed;
    observed.action = Action::delayed;
    observed.refusal.delayed = true;
    observed.refusal.side = Side::remote;
    observed.refusal.host = host_field(text);
    const auto at = text.find("RCPT TO:<");
    if (at != std::string_view::npos) observed.refusal.address = std::string(in_brackets(text.substr(at + 8)));
    fill_from_quote(observed, text.substr(text.find("SMTP error")));
    out.recipients.push_back(std::move(observed));
  } else if (auto rejected = of_reject(text)) {
    out.recipients.push_back(std::move(*rejected));
  }
  return out;
}

}  // namespace postil::diagnose
