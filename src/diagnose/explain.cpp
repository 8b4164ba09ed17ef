#include "diagnose/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/limits.hpp"
#include "diagnose/answers.hpp"
#include "diagnose/redact.hpp"
#include "diagnose/spelling.hpp"

namespace postil::diagnose {
namespace {

using knowledge::Code;

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
    case Kind::reason:
      return "reason";
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
  if (const auto* reason = knowledge::find_reason(to_lower(input))) return of_reason(*reason);
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
