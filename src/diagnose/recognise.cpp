#include "diagnose/recognise.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/answers.hpp"
#include "diagnose/bounce.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/log_line.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/redact.hpp"
#include "diagnose/string_list.hpp"
#include "mime/message.hpp"
#include "mime/text.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t log_lines_max = 1000;
constexpr std::size_t sample_lines = 20;
constexpr int quotation_depth_max = 3;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_control(text.back()) || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && (is_control(text.front()) || text.front() == ' ')) text.remove_prefix(1);
  return text;
}

// "<22>", before a line of syslog. [rfc5424 6.2.1]
bool has_priority(std::string_view line) {
  const auto close = line.find('>');
  return line.starts_with('<') && close >= 2 && close <= 4 && std::ranges::all_of(line.substr(1, close - 1), is_digit);
}

bool is_session_line(std::string_view line) {
  line = trim(line);
  if (has_priority(line)) return false;
  for (const std::string_view mark : {"S: ", "C: ", "S:", "C:", "<", ">", "~>", "<~", "=== ", "*** "}) {
    if (line.starts_with(mark)) return true;
  }
  return line.size() >= 3 && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]) &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

// Each line is a reply's, or the client's.
bool is_session(std::string_view text) {
  const auto lines = split(text, '\n');
  return std::ranges::all_of(lines, [](auto line) { return trim(line).empty() || is_session_line(line); });
}

// A reply whose lines were broken when it was pasted, up to an empty line; behind it may stand a question, no report.
bool is_broken_reply(std::string_view text) {
  const auto first = trim(text.substr(0, text.find('\n')));
  if (first.size() < 5 || (first[0] != '4' && first[0] != '5') || !is_session_line(first)) return false;
  for (const std::string_view field : {"Diagnostic-Code:", "Final-Recipient:", "Reporting-MTA:"}) {
    if (text.find(field) != std::string_view::npos) return false;
  }
  const auto end = std::min(text.find("\n\n"), text.size());
  const auto rest = text.substr(end);
  const auto second = text.substr(0, end).substr(std::min(text.find('\n'), end - 1) + 1);
  return rest.find('@') == std::string_view::npos && !read_log_line(second.substr(0, second.find('\n'))).known;
}

bool has_quotation(std::string_view text) {
  return text.starts_with('>') || text.find("\n> ") != std::string_view::npos;
}

// Without the marks of a quotation: "> 550 no such user". A session's have the other side's beside them.
std::optional<std::string> unquoted(std::string_view text) {
  std::size_t marked = 0;
  std::size_t lines = 0;
  std::string out;
  for (const auto line : split(text, '\n')) {
    if (line.starts_with("< ") || line.starts_with("<-") || line.starts_with("<<") || line.starts_with(">>"))
      return std::nullopt;
    const bool mark = line.starts_with('>');
    lines += trim(line).empty() ? 0 : 1;
    marked += mark ? 1 : 0;
    auto rest = mark ? line.substr(1) : line;
    if (mark && rest.starts_with(' ')) rest.remove_prefix(1);
    out += rest;
    out += '\n';
  }
  if (marked < 2 || marked * 2 < lines) return std::nullopt;
  return out;
}

bool is_reason_known(const Diagnosis& diagnosis) {
  return diagnosis.explanation && diagnosis.explanation->reason != knowledge::Reason::unknown;
}

std::optional<Report> read_log(std::string_view text) {
  Reading all;
  all.input = Input::log_line;
  std::size_t lines = 0;
  std::size_t known = 0;
  for (const auto line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    if (++lines > log_lines_max || all.recipients.size() >= recipients_max) {
      all.truncated = true;
      break;
    }
    auto found = read_log_line(line);
    known += found.known ? 1 : 0;
    if (all.mta.empty()) all.mta = found.mta;
    std::ranges::move(found.recipients, std::back_inserter(all.recipients));
  }
  if (known == 0 || known * 2 < lines || (all.recipients.empty() && lines > 0 && known == 0)) return std::nullopt;
  return judge(std::move(all));
}

// A record of a mail server that was pasted over several lines.
std::optional<Report> read_records(std::string_view text) {
  auto found = read_json_records(redacted(text));
  if (!found || found->recipients.empty()) return std::nullopt;
  Reading all;
  all.input = Input::log_line;
  all.mta = std::move(found->mta);
  all.recipients = std::move(found->recipients);
  return judge(std::move(all));
}

// Chinese and Japanese sentences have no spaces; Outlook shows a number.
bool has_words(std::string_view text) {
  constexpr std::ptrdiff_t wide_octets_min = 12;
  return text.find(' ') != std::string_view::npos || std::ranges::count_if(text, is_8bit) >= wide_octets_min ||
         istarts_with(text, "0x8");
}

// Nothing but words: "Recipient address rejected: User unknown".
std::optional<Report> read_words(std::string_view text, knowledge::Stage stage) {
  if (text.size() > line_octets_max || !has_words(text)) return std::nullopt;
  Reading reading;
  reading.input = Input::reply;
  Observed observed;
  fill_from_quote(observed, text);
  observed.refusal.address = find_address(text);
  if (stage != knowledge::Stage::any) observed.refusal.stage = stage;
  const bool quoted = observed.refusal.code >= 400 || observed.refusal.enhanced.klass >= 4;
  observed.refusal.delayed =
      observed.refusal.code != 0 ? observed.refusal.code < 500 : observed.refusal.enhanced.klass == 4;
  observed.action = observed.refusal.delayed ? dsn::Action::delayed : dsn::Action::failed;
  reading.recipients.push_back(std::move(observed));
  auto report = judge(std::move(reading));
  if (!quoted && !is_reason_known(report.recipients.front())) return std::nullopt;
  return report;
}

// "550 5.1.1 no such user": a reply's last line. "550-5.1.1 no such" goes on.
bool ends_reply(std::string_view line) {
  const auto last = trim(line.substr(line.rfind('\n') + 1));
  return last.size() == 3 || (last.size() > 3 && last[3] == ' ');
}

// Two refusals or more, each of them a reply of its own; nothing when any line is something else.
std::optional<Report> read_refusals(const std::vector<std::string>& lines, knowledge::Stage stage) {
  Report out;
  std::string lines_of_one;
  for (const auto& line : lines) {
    const auto text = trimmed(line);
    if (text.size() <= 3 || (text[0] != '4' && text[0] != '5') || !is_session_line(text)) return std::nullopt;
    lines_of_one += (lines_of_one.empty() ? "" : "\n") + std::string(text);
    if (!ends_reply(text)) continue;
    const auto reply = read_reply(redacted(lines_of_one));
    if (!reply) return std::nullopt;
    lines_of_one.clear();
    if (out.recipients.size() < recipients_max) {
      out.recipients.push_back(diagnosis_of(of_reply(*reply, stage), stage));
    } else {
      out.truncated = true;
    }
  }
  if (out.recipients.size() < 2 || !lines_of_one.empty()) return std::nullopt;
  return out;
}

}  // namespace

CodeList code_list(std::string_view text) {
  auto list = listed_codes(text);
  const bool known = std::ranges::all_of(list.codes, [](const std::string& code) {
    const auto answer = explain(code);
    constexpr Kind others[] = {Kind::reply, Kind::reason, Kind::message_id, Kind::receipt_id};
    return answer && std::ranges::find(others, answer->kind) == std::end(others);
  });
  if (!known) return {};
  return list;
}

std::vector<std::string_view> mails_of(std::string_view text) {
  constexpr std::string_view mark = "From ";
  if (!text.starts_with(mark)) return {text};
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && out.size() + 1 < mbox_mails_max;) {
    const auto end = text.find('\n', at);
    const auto next = end == std::string_view::npos ? text.size() : end + 1;
    // A mark stands behind an empty line, and a header behind it; "From" in a text does not.
    const auto before = text.substr(0, at);
    const bool free = before.ends_with("\n\n") || before.ends_with("\n\r\n");
    if (at > begin && free && text.substr(at).starts_with(mark) && mime::looks_like_mail(text.substr(at, 4096))) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    at = next;
  }
  out.push_back(text.substr(begin));
  return out;
}

bool looks_like_log(std::string_view beginning) {
  if (mime::looks_like_mail(beginning) || begins_strings(beginning)) return false;
  const auto text = mime::unify_lines(beginning.substr(0, 64 * 1024));
  std::size_t lines = 0;
  std::size_t known = 0;
  for (const auto line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    if (is_session_line(line)) return false;
    ++lines;
    known += read_log_line(line).known ? 1 : 0;
    if (lines == sample_lines) break;
  }
  return lines >= 2 && known * 2 >= lines;
}

std::expected<Understood, NotUnderstood> understand(std::string_view input, knowledge::Stage stage) {
  input = trimmed(input.substr(0, mail_octets_max));
  if (input.empty()) return std::unexpected(NotUnderstood::empty);
  if (const auto* finding = find_finding(input)) return finding;
  std::string joined;
  if (const auto lines = read_strings(input); !lines.empty()) {
    if (auto report = read_refusals(lines, stage)) return std::move(*report);
    for (const auto& line : lines) joined += (joined.empty() ? "" : "\n") + line;
    if (!trimmed(joined).empty()) input = trimmed(joined);
  }
  std::string bare;
  for (int depth = 0; depth < quotation_depth_max && has_quotation(input); ++depth) {
    auto once = mime::looks_like_mail(input) ? std::nullopt : unquoted(mime::unify_lines(input));
    if (!once) break;
    bare = std::move(*once);
    input = trimmed(bare);
  }
  auto why = NotUnderstood::not_a_reply;
  std::optional<Answer> reply;
  if (input.size() <= input_octets_max) {
    auto answer = explain(input, stage);
    if (answer && answer->kind != Kind::reply) return std::move(*answer);
    if (auto list = code_list(input); !list.codes.empty()) return list;
    if (answer) {
      reply = std::move(*answer);
    } else {
      why = answer.error();
    }
  }
  if (mime::looks_like_mail(input)) {
    auto reading = read_bounce(input);
    const auto nothing = reading.automatic_reply ? NotUnderstood::automatic_reply : NotUnderstood::no_report;
    auto report = judge(std::move(reading));
    if (report.recipients.empty()) return std::unexpected(nothing);
    return report;
  }
  const auto text = mime::unify_lines(mime::to_utf8(mime::unify_lines(input)));
  if (reply && (is_session(text) || is_broken_reply(text))) return std::move(*reply);
  if (auto log = read_log(text)) {
    if (log->recipients.empty()) return std::unexpected(NotUnderstood::no_refusal);
    return std::move(*log);
  }
  if (text.find('\n') != std::string::npos && text.find('{') != std::string::npos) {
    if (auto records = read_records(text)) return std::move(*records);
  }
  if (text.find('\n') != std::string::npos && text.find('@') != std::string::npos) {
    auto report = judge(read_bounce_text(text));
    const bool tells = std::ranges::any_of(report.recipients, [](const Diagnosis& diagnosis) {
      return diagnosis.observed.refusal.code >= 400 || diagnosis.observed.refusal.enhanced ||
             is_reason_known(diagnosis) || diagnosis.observed.refusal.mta == "postil";
    });
    if (tells) return report;
  }
  if (reply) return std::move(*reply);
  if (auto report = read_words(redacted(text), stage)) return std::move(*report);
  if (input.size() > input_octets_max) return std::unexpected(NotUnderstood::too_long);
  return std::unexpected(why);
}

}  // namespace postil::diagnose
