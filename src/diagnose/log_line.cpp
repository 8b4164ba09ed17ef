#include "diagnose/log_line.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"
#include "diagnose/redact.hpp"
#include "mime/text.hpp"

namespace postil::diagnose {
namespace {

bool is_program_char(char c) {
  return is_alnum(c) || c == '/' || c == '_' || c == '-' || c == '.' || c == '(' || c == ')';
}

// Anybody's line that quotes a refusal. What syslog put before it is asked for no reply: "dovecot[523]" is a process.
std::optional<LogLine> read_any(std::string_view line, std::string_view text) {
  const auto reply = find_reply(text);
  if (!reply || reply->code < 400) return std::nullopt;
  const auto lead = line.substr(0, line.size() - text.size() + reply->begin);
  const bool dated = lead.size() >= 8 && std::ranges::count_if(lead.substr(0, 20), is_digit) >= 4;
  LogLine out;
  Observed observed;
  // Behind "from=<...>" comes the one that it is about.
  const auto to = std::min(lead.find("to=<"), lead.find("addr=<"));
  observed.refusal.address = find_address(to == std::string_view::npos ? lead : lead.substr(to));
  if (observed.refusal.address.empty()) observed.refusal.address = find_address(reply->text);
  if (!dated && observed.refusal.address.empty()) return std::nullopt;
  fill_from_quote(observed, text);
  observed.action = reply->code < 500 ? dsn::Action::delayed : dsn::Action::failed;
  observed.refusal.delayed = reply->code < 500;
  out.known = true;
  out.recipients.push_back(std::move(observed));
  return out;
}

LogLine read_clean(std::string_view line) {
  const auto text = trim(line);
  if (text.starts_with('{') || text.starts_with('[')) {
    if (auto found = read_json(text)) return std::move(*found);
  }
  return read_logged({}, line);
}

// "<22>1 2026-11-02T10:00:00Z host program 123 - [data] text"; empty: no such line.
std::optional<SyslogLine> split_rfc5424(std::string_view line) {
  if (!line.starts_with('<')) return std::nullopt;
  const auto close = line.find(">1 ");
  if (close == std::string_view::npos || close > 4) return std::nullopt;
  auto rest = line.substr(close + 3);
  SyslogLine out;
  for (int word = 0; word < 5; ++word) {  // the time, the host, the program, its process, the kind of message
    const auto space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    if (word == 2) out.program = rest.substr(0, space);
    rest.remove_prefix(space + 1);
  }
  while (rest.starts_with('[')) {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != ']') end += rest[end] == '\\' ? 2 : 1;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (rest.starts_with('-')) rest.remove_prefix(1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  out.text = rest;
  return out;
}

}  // namespace

LogLine read_logged(std::string_view program, std::string_view line) {
  auto syslog = split_syslog(line);
  if (syslog.program.empty()) syslog.program = program;
  if (auto found = read_postfix(syslog)) return std::move(*found);
  if (auto found = read_chasquid(line)) return std::move(*found);
  if (auto found = read_exim(syslog)) return std::move(*found);
  if (auto found = read_sendmail(syslog)) return std::move(*found);
  if (auto found = read_opensmtpd(syslog)) return std::move(*found);
  if (auto found = read_filter(syslog)) return std::move(*found);
  if (auto found = read_haraka(line)) return std::move(*found);
  if (auto found = read_stalwart(line)) return std::move(*found);
  if (auto found = read_mox(line)) return std::move(*found);
  if (auto found = read_maddy(line)) return std::move(*found);
  if (auto found = read_qmail(line)) return std::move(*found);
  if (auto found = read_msmtp(line)) return std::move(*found);
  if (auto found = read_exchange(line)) return std::move(*found);
  if (auto found = read_powermta(line)) return std::move(*found);
  if (auto found = read_any(line, syslog.text)) return std::move(*found);
  return {};
}

SyslogLine split_syslog(std::string_view line) {
  if (const auto found = split_rfc5424(line)) return *found;
  // "program[123]: "
  for (auto at = line.find("]: "); at != std::string_view::npos && at < 300; at = line.find("]: ", at + 1)) {
    std::size_t open = at;
    while (open > 0 && is_digit(line[open - 1])) --open;
    if (open == at || open < 2 || line[open - 1] != '[' || !is_program_char(line[open - 2])) continue;
    std::size_t begin = open - 1;
    while (begin > 0 && is_program_char(line[begin - 1])) --begin;
    return {line.substr(begin, open - 1 - begin), line.substr(at + 3)};
  }
  // "Nov  2 10:00:00 host program: "
  const auto at = line.find(": ");
  if (at != std::string_view::npos && at > 10 && at < 120) {
    std::size_t begin = at;
    while (begin > 0 && is_program_char(line[begin - 1])) --begin;
    const auto head = line.substr(0, begin);
    if (begin < at && begin > 0 && line[begin - 1] == ' ' && std::ranges::count(head, ':') >= 2 &&
        head.find_first_of("=<>[(") == std::string_view::npos) {
      return {line.substr(begin, at - begin), line.substr(at + 2)};
    }
  }
  return {{}, line};
}

std::string_view value_of(std::string_view text, std::string_view name) {
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const auto end = at + name.size();
    if (end >= text.size() || text[end] != '=' || (at > 0 && (is_alnum(text[at - 1]) || text[at - 1] == '_'))) continue;
    auto value = text.substr(end + 1);
    if (value.starts_with('"')) {
      std::size_t close = 1;
      while (close < value.size() && value[close] != '"') close += value[close] == '\\' ? 2 : 1;
      return value.substr(1, std::min(close, value.size()) - 1);
    }
    return value.substr(0, value.find_first_of(" ,"));
  }
  return {};
}

void set_temporary(Observed& out) {
  auto& refusal = out.refusal;
  const bool temporary = refusal.code != 0 ? refusal.code < 500 : refusal.enhanced.klass == 4;
  if (!temporary) return;
  out.action = dsn::Action::delayed;
  refusal.delayed = true;
}

std::string_view in_brackets(std::string_view text) {
  if (text.starts_with('<')) {
    const auto close = text.find('>');
    return text.substr(1, close == std::string_view::npos ? close : close - 1);
  }
  return text.substr(0, text.find_first_of(" ,:"));
}

LogLine read_log_line(std::string_view line) {
  line = line.substr(0, line_octets_max);
  while (!line.empty() && is_control(line.back())) line.remove_suffix(1);
  const bool plain = std::ranges::none_of(line, [](char c) { return is_8bit(c) || is_control(c); });
  auto out = read_clean(redacted(plain ? std::string(line) : mime::to_utf8(line)));
  for (auto& observed : out.recipients) {
    observed.refusal.mta = out.mta;
    observed.refusal.address.resize(std::min(observed.refusal.address.size(), address_octets_max));
  }
  return out;
}

}  // namespace postil::diagnose
