#include "diagnose/recognise.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/bounce.hpp"
#include "diagnose/log_line.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/redact.hpp"
#include "mime/message.hpp"
#include "mime/text.hpp"

namespace postil::diagnose {
namespace {

constexpr std::size_t log_lines_max = 1000;
constexpr std::size_t sample_lines = 20;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_control(text.back()) || text.back() == ' ')) text.remove_suffix(1);
  while (!text.empty() && (is_control(text.front()) || text.front() == ' ')) text.remove_prefix(1);
  return text;
}

bool is_session_line(std::string_view line) {
  line = trim(line);
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

// Nothing but words: "Recipient address rejected: User unknown".
std::optional<Report> read_words(std::string_view text, knowledge::Stage stage) {
  if (text.size() > line_octets_max || text.find(' ') == std::string_view::npos) return std::nullopt;
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

}  // namespace

bool looks_like_log(std::string_view beginning) {
  if (mime::looks_like_mail(beginning)) return false;
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
  auto why = NotUnderstood::not_a_reply;
  std::optional<Answer> reply;
  if (input.size() <= input_octets_max) {
    auto answer = explain(input, stage);
    if (answer && answer->kind != Kind::reply) return std::move(*answer);
    if (answer) {
      reply = std::move(*answer);
    } else {
      why = answer.error();
    }
  }
  if (mime::looks_like_mail(input)) {
    auto report = judge(read_bounce(input));
    if (report.recipients.empty()) return std::unexpected(NotUnderstood::no_report);
    return report;
  }
  const auto text = mime::unify_lines(mime::to_utf8(mime::unify_lines(input)));
  if (reply && is_session(text)) return std::move(*reply);
  if (auto log = read_log(text)) {
    if (log->recipients.empty()) return std::unexpected(NotUnderstood::no_refusal);
    return std::move(*log);
  }
  if (text.find('\n') != std::string::npos && text.find('@') != std::string::npos) {
    auto report = judge(read_bounce_text(text));
    const bool tells = std::ranges::any_of(report.recipients, [](const Diagnosis& diagnosis) {
      return diagnosis.observed.refusal.code >= 400 || diagnosis.observed.refusal.enhanced ||
             is_reason_known(diagnosis);
    });
    if (tells) return report;
  }
  if (reply) return std::move(*reply);
  if (auto report = read_words(redacted(text), stage)) return std::move(*report);
  if (input.size() > input_octets_max) return std::unexpected(NotUnderstood::too_long);
  return std::unexpected(why);
}

}  // namespace postil::diagnose
