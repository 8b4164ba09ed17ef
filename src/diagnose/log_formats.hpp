// The formats that read_log_line tells apart; for src/diagnose/log_*.cpp only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "diagnose/log_line.hpp"

namespace postil::diagnose {

// What syslog put before a line: "Nov  2 10:00:00 host postfix/smtp[123]: text", or "<22>1 2026-11-02T10:00:00Z host
// postfix/smtp 123 - - text" [rfc5424 6].
struct SyslogLine {
  std::string_view program;  // "postfix/smtp"; empty: no such prefix
  std::string_view text;
};
SyslogLine split_syslog(std::string_view line);

// A line, the program of which is told beside it, or not (empty): what journald and collectors of logs keep apart.
LogLine read_logged(std::string_view program, std::string_view line);

// Each is empty when the line is not of that program.
std::optional<LogLine> read_postfix(const SyslogLine& line);
std::optional<LogLine> read_exim(const SyslogLine& line);
std::optional<LogLine> read_sendmail(const SyslogLine& line);
std::optional<LogLine> read_opensmtpd(const SyslogLine& line);
// Rspamd, amavis, Postgrey.
std::optional<LogLine> read_filter(const SyslogLine& line);
std::optional<LogLine> read_exchange(std::string_view line);
std::optional<LogLine> read_powermta(std::string_view line);
std::optional<LogLine> read_haraka(std::string_view line);
std::optional<LogLine> read_stalwart(std::string_view line);
std::optional<LogLine> read_mox(std::string_view line);
std::optional<LogLine> read_maddy(std::string_view line);
std::optional<LogLine> read_chasquid(std::string_view line);
std::optional<LogLine> read_qmail(std::string_view line);
std::optional<LogLine> read_msmtp(std::string_view line);
// text: a JSON object, or an array of them; KumoMTA's records, postqueue -j, and the events of mail services.
std::optional<LogLine> read_json(std::string_view text);
// text: such objects over several lines each, one or more, with anything between them. At most 100 recipients.
std::optional<LogLine> read_json_records(std::string_view text);

// The value of "name=value" or "name=\"value\""; empty when there is none. A value ends at a space or a comma.
std::string_view value_of(std::string_view text, std::string_view name);
// The fields of a line of CSV, at most 40; those in quotes without them, and with "" as it is.
std::vector<std::string_view> csv_fields(std::string_view line);
// Where the code says that it may be tried again, the action is "delayed".
void set_temporary(Observed& out);
// The text between < and > at the start, or the word.
std::string_view in_brackets(std::string_view text);

}  // namespace postil::diagnose
