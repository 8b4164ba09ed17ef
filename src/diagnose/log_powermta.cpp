// PowerMTA's accounting files: CSV whose columns its configuration chooses, so they are told apart by what they hold.
#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;

// "2026-11-02 10:00:00+0100"
bool is_time(std::string_view field) {
  return field.size() >= 19 && std::ranges::all_of(field.substr(0, 4), is_digit) && field[4] == '-' &&
         (field[10] == ' ' || field[10] == 'T') && field[13] == ':' && field[16] == ':';
}

bool is_category(std::string_view field) {
  static constexpr std::array categories{"bad-configuration", "bad-connection",   "bad-domain",
                                         "bad-mailbox",       "content-related",  "inactive-mailbox",
                                         "invalid-sender",    "message-expired",  "no-answer-from-host",
                                         "policy-related",    "protocol-errors",  "quota-issues",
                                         "relaying-issues",   "routing-errors",   "spam-related",
                                         "virus-related",     "unsolicited-bulk", "other"};
  return std::ranges::find(categories, field) != categories.end();
}

// "smtp;550 5.1.1 no": what it says; empty: the field is something else ("rfc822;a@b").
std::string_view diagnostic_in(std::string_view field) {
  for (const std::string_view type : {"smtp;", "x-pmta;", "x-unix;"}) {
    if (istarts_with(field, type)) return trim(field.substr(type.size()));
  }
  return {};
}

struct Record {
  std::string_view address;
  reply::EnhancedCode status;
  std::string_view comment;  // "bad destination mailbox address", behind the status
  std::string_view said;
  std::string_view host;
  std::string_view category;
};

Record record_of(const std::vector<std::string_view>& fields) {
  Record out;
  std::size_t addresses = 0;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    const auto field = fields[i];
    const auto space = std::min(field.find(' '), field.size());
    if (const auto status = reply::parse_enhanced_code(field.substr(0, space)); status && !out.status) {
      out.status = *status;
      const auto comment = trim(field.substr(space));
      if (comment.starts_with('(') && comment.ends_with(')')) out.comment = comment.substr(1, comment.size() - 2);
      // Two fields on stands the other host, "mx.example (192.0.2.1)"; further on, the one that the message came from.
      if (i + 2 < fields.size() && fields[i + 2].ends_with(')'))
        out.host = fields[i + 2].substr(0, fields[i + 2].find(" ("));
    } else if (field.find_first_of(" ;/") == field.npos && field.find('@') != field.npos) {
      // The sender's comes first.
      if (++addresses <= 2) out.address = field;
    } else if (out.said.empty() && !diagnostic_in(field).empty()) {
      out.said = diagnostic_in(field);
    } else if (is_category(field)) {
      out.category = field;
    }
  }
  return out;
}

Observed observed_of(const Record& record, Action action) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.address = std::string(record.address);
  refusal.host = to_lower(record.host);
  out.action = action;
  refusal.delayed = action == Action::delayed;
  if (action == Action::delivered) return out;
  const auto category = record.category.empty() ? std::string() : "bounce category: " + std::string(record.category);
  refusal.side = record.said.empty() || refusal.host.empty() ? Side::local : Side::remote;
  if (!record.said.empty() || !record.comment.empty()) {
    fill_from_quote(out, record.said.empty() ? record.comment : record.said);
    refusal.more = category;
  } else {
    refusal.text = category;
  }
  if (!refusal.enhanced) {
    refusal.enhanced = record.status;
    refusal.enhanced_of_report = !record.said.empty();
  }
  return out;
}

}  // namespace

// b,2026-11-02 10:00:01+0100,2026-11-02 10:00:00+0100,a@b,c@d,,failed,5.1.1 (bad destination mailbox
// address),"smtp;550 5.1.1 no",mx.d (192.0.2.1),bad-mailbox,smtp,...
std::optional<LogLine> read_powermta(std::string_view line) {
  LogLine out;
  out.known = true;
  out.mta = "powermta";
  if (line.starts_with("type,") && line.find(",timeLogged") != line.npos) return out;
  const auto comma = line.find(',');
  if (comma == 0 || comma == line.npos || comma > 2) return std::nullopt;
  const auto fields = csv_fields(line);
  if (fields.size() < 6 || std::none_of(fields.begin() + 1, fields.begin() + 4, is_time)) return std::nullopt;
  // Bounces, those that came back later, transient errors, deliveries; others are of no delivery.
  static constexpr std::array<std::pair<std::string_view, Action>, 4> types{
      {{"b", Action::failed}, {"rb", Action::failed}, {"t", Action::delayed}, {"d", Action::delivered}}};
  const auto* type = std::ranges::find(types, fields[0], [](const auto& entry) { return entry.first; });
  static constexpr std::array other{"r", "rs", "f", "tq", "p"};
  if (type == types.end())
    return std::ranges::find(other, fields[0]) == other.end() ? std::nullopt : std::optional(std::move(out));
  const auto record = record_of(fields);
  if (record.address.empty()) return std::nullopt;
  out.recipients.push_back(observed_of(record, type->second));
  return out;
}

}  // namespace postil::diagnose
