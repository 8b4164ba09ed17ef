// Stalwart, mox, maddy, chasquid, qmail: each has few forms of lines.
#include <algorithm>
#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

// The value of "name = value" or "name = \"value\"".
std::string_view spaced_value_of(std::string_view text, std::string_view name) {
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    auto value = text.substr(at + name.size());
    if ((at > 0 && text[at - 1] != ' ') || !value.starts_with(" = ")) continue;
    value.remove_prefix(3);
    if (!value.starts_with('"')) return value.substr(0, value.find(','));
    return value.substr(1, value.find('"', 1) - 1);
  }
  return {};
}

void set_action(Observed& out, Action action) {
  out.action = action;
  out.refusal.delayed = action == Action::delayed;
}

LogLine known_line(std::string_view mta) {
  LogLine out;
  out.known = true;
  out.mta = mta;
  return out;
}

Stage stage_of_event(std::string_view event) {
  static constexpr std::pair<std::string_view, Stage> stages[] = {
      {"rcpt-to", Stage::rcpt},    {"mail-from", Stage::mail},    {"message", Stage::message},
      {"ehlo", Stage::ehlo},       {"greeting", Stage::connect},  {"auth", Stage::auth},
      {"connect", Stage::connect}, {"start-tls", Stage::starttls}};
  for (const auto& [beginning, stage] : stages)
    if (event.starts_with(beginning)) return stage;
  return Stage::any;
}

// qmail writes spaces as "_" and the ends of lines as "/".
std::string without_marks(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_end = text[i] == '/' && (i + 1 == text.size() || (text[i + 1] >= 'A' && text[i + 1] <= 'Z'));
    out += line_end ? '\n' : text[i] == '_' ? ' ' : text[i];
  }
  return out;
}

}  // namespace

// 2026-11-02T10:00:01Z INFO RCPT TO rejected (delivery.rcpt-to-rejected) hostname = "mx", to = "a@b", code = 550,
// details = "no"
std::optional<LogLine> read_stalwart(std::string_view line) {
  constexpr std::string_view mark = " (delivery.";
  const auto at = line.find(mark);
  const auto close = at == std::string_view::npos ? at : line.find(')', at);
  if (close == std::string_view::npos) return std::nullopt;
  auto out = known_line("stalwart");
  const auto event = line.substr(at + mark.size(), close - at - mark.size());
  const auto fields = line.substr(close + 1);
  const bool delivered = event == "delivered";
  const bool refused = event.ends_with("-rejected") || event.ends_with("-failed") || event.ends_with("-error") ||
                       event == "null-mx" || event == "start-tls-unavailable";
  if (!delivered && !refused) return out;
  Observed observed;
  observed.refusal.address = std::string(spaced_value_of(fields, "to"));
  observed.refusal.stage = stage_of_event(event);
  observed.refusal.host = to_lower(spaced_value_of(fields, "hostname"));
  std::string words(spaced_value_of(fields, "code"));
  for (const auto name : {"details", "reason", "causedBy"}) {
    const auto value = spaced_value_of(fields, name);
    if (value.empty()) continue;
    words += (words.empty() ? "" : " ") + std::string(value);
    break;
  }
  if (words.empty()) words = event == "null-mx" ? "null MX" : std::string(line.substr(0, at));
  set_action(observed, delivered ? Action::delivered : event == "null-mx" ? Action::failed : Action::delayed);
  fill_from_quote(observed, words);
  if (observed.refusal.code >= 500) set_action(observed, Action::failed);
  observed.refusal.side = observed.refusal.code != 0 ? Side::remote : Side::local;
  out.recipients.push_back(std::move(observed));
  return out;
}

// l=error m="permanent failure delivering from queue" err="550 5.1.1 no" pkg=queue recipient=a@b
std::optional<LogLine> read_mox(std::string_view line) {
  const auto message = value_of(line, "m");
  if (line.find("l=") == std::string_view::npos || line.find("pkg=") == std::string_view::npos || message.empty())
    return std::nullopt;
  auto out = known_line("mox");
  Observed observed;
  if (message.starts_with("permanent failure delivering from queue")) {
    set_action(observed, Action::failed);
  } else if (message.starts_with("temporary failure delivering from queue")) {
    set_action(observed, Action::delayed);
  } else if (message == "delivered from queue") {
    set_action(observed, Action::delivered);
  } else {
    return out;
  }
  observed.refusal.address = std::string(in_brackets(value_of(line, "recipient")));
  fill_from_quote(observed, value_of(line, "err"));
  if (observed.refusal.side == Side::unknown && observed.refusal.code != 0) observed.refusal.side = Side::remote;
  out.recipients.push_back(std::move(observed));
  return out;
}

// queue: delivery attempt failed
// {"msg_id":"1","rcpt":"a@b","reason":"no","smtp_code":550,"smtp_enchcode":"5.1.1", "smtp_msg":"no"}
std::optional<LogLine> read_maddy(std::string_view line) {
  const auto at = line.find("\t{\"");
  if (at == std::string_view::npos) return std::nullopt;
  static constexpr std::pair<std::string_view, Stage> events[] = {{": delivery attempt failed", Stage::any},
                                                                  {": RCPT error", Stage::rcpt},
                                                                  {": MAIL FROM error", Stage::mail},
                                                                  {": MAIL FROM error (deferred)", Stage::mail},
                                                                  {": DATA error", Stage::message},
                                                                  {": authentication failed", Stage::auth},
                                                                  {": delivered", Stage::any}};
  const auto* event =
      std::ranges::find_if(events, [&](const auto& e) { return line.substr(0, at).ends_with(e.first); });
  if (event == std::end(events)) return std::nullopt;
  boost::system::error_code error;
  const auto parsed = boost::json::parse(line.substr(at + 1), error);
  if (error || !parsed.is_object()) return std::nullopt;
  const auto value = [&](std::string_view name) {
    const auto* found = parsed.get_object().if_contains(name);
    if (found == nullptr) return std::string();
    return found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
  };
  auto out = known_line("maddy");
  Observed observed;
  observed.refusal.address = value("rcpt");
  observed.refusal.stage = event->second;
  const auto reason = value("smtp_msg").empty() ? value("reason") : value("smtp_msg");
  const auto code = value("smtp_code") + (value("smtp_code").empty() ? "" : " ");
  const auto status = value("smtp_enchcode") + (value("smtp_enchcode").empty() ? "" : " ");
  set_action(observed, event->first == ": delivered" ? Action::delivered : Action::failed);
  fill_from_quote(observed, code + status + reason);
  if (observed.refusal.host.empty()) observed.refusal.host = to_lower(value("remote_server"));
  while (observed.refusal.host.ends_with('.')) observed.refusal.host.pop_back();
  observed.refusal.side = observed.refusal.host.empty() ? Side::local : Side::remote;
  set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

// id1 from=a@b to=c@d failed (permanent): 550 5.1.1 no; 192.0.2.1:25 rejected from=a@b to=[c@d] - 550 5.1.1 no
std::optional<LogLine> read_chasquid(std::string_view line) {
  static constexpr std::pair<std::string_view, Action> results[] = {
      {" failed (permanent): ", Action::failed}, {" failed (temporary): ", Action::delayed}, {" - ", Action::failed}};
  for (const auto& [mark, action] : results) {
    const auto at = line.find(mark);
    const bool ours = mark != " - " || line.substr(0, std::min(at, line.size())).find(" rejected from=") != line.npos;
    const auto to = line.find(" to=");
    if (at == std::string_view::npos || to == std::string_view::npos || to > at || !ours || line.find(" from=") > to)
      continue;
    auto out = known_line("chasquid");
    Observed observed;
    const auto recipients = line.substr(to + 4, at - to - 4);
    const auto first = recipients.substr(recipients.starts_with('[') ? 1 : 0);
    observed.refusal.address = find_address(first.substr(0, first.find_first_of(" ]")));
    set_action(observed, action);
    fill_from_quote(observed, line.substr(at + mark.size()));
    observed.refusal.side = mark != " - " && observed.refusal.code != 0 ? Side::remote : Side::local;
    if (mark == " - ") set_temporary(observed);
    out.recipients.push_back(std::move(observed));
    return out;
  }
  return std::nullopt;
}

// delivery 12: failure: 192.0.2.1_does_not_like_recipient./Remote_host_said:_550_no/Giving_up_on_192.0.2.1./
std::optional<LogLine> read_qmail(std::string_view line) {
  const auto at = line.find("delivery ");
  if (at == std::string_view::npos) return std::nullopt;
  auto rest = line.substr(at + 9);
  const auto digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || !rest.substr(digits).starts_with(": ")) return std::nullopt;
  rest.remove_prefix(digits + 2);
  static constexpr std::pair<std::string_view, Action> results[] = {
      {"success: ", Action::delivered}, {"failure: ", Action::failed}, {"deferral: ", Action::delayed}};
  for (const auto& [result, action] : results) {
    if (!rest.starts_with(result)) continue;
    auto out = known_line("qmail");
    Observed observed;
    set_action(observed, action);
    fill_from_quote(observed, without_marks(rest.substr(result.size())));
    if (observed.refusal.side == Side::unknown) observed.refusal.side = Side::local;
    out.recipients.push_back(std::move(observed));
    return out;
  }
  return std::nullopt;
}

}  // namespace postil::diagnose
