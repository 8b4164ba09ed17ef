// Exchange and Microsoft 365: message tracking, protocol and agent logs, which are CSV, and what they say of a
// delivery.
#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;

// The reply of the other side that Exchange wraps into its own: "[{LRT=...};{LED=550 5.1.1 no};{FQDN=mx};{IP=...}]".
struct Wrapped {
  std::string_view said;
  std::string_view behind;
};
std::optional<Wrapped> wrapped_in(std::string_view text) {
  const auto led = text.find("LED=");
  if (led == std::string_view::npos) return std::nullopt;
  const auto end = std::min(text.find('}', led), text.size());
  return Wrapped{text.substr(led + 4, end - led - 4), text.substr(end)};
}

void set_host(Observed& out, std::string_view line, std::string_view behind) {
  const auto fqdn = behind.find("FQDN=");
  if (fqdn != std::string_view::npos)
    out.refusal.host = to_lower(behind.substr(fqdn + 5, behind.find('}', fqdn) - fqdn - 5));
  const auto named = line.find("LastAttemptedServerName=");
  if (named == std::string_view::npos) return;
  const auto name = line.substr(named + 24);
  out.refusal.host = to_lower(name.substr(0, name.find_first_of("] ,")));
}

// date-time, client-ip, client-hostname, server-ip, server-hostname, source-context, connector-id, source, event-id,
// ids, recipient-address, recipient-status, ...
std::optional<LogLine> of_tracking(const std::vector<std::string_view>& fields) {
  static constexpr std::array sources{"SMTP",  "STOREDRIVER", "ROUTING",       "AGENT",      "DNS",      "DSN",
                                      "QUEUE", "RESOLVER",    "GATEWAY",       "PICKUP",     "APPROVAL", "MAILBOXRULE",
                                      "ADMIN", "ORAR",        "POISONMESSAGE", "REDUNDANCY", "SAFETYNET"};
  if (fields.size() < 13 || std::ranges::find(sources, fields[7]) == sources.end()) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "exchange";
  const auto event = fields[8];
  const bool delivered = event == "SEND" || event == "DELIVER";
  if (!delivered && event != "FAIL" && event != "DEFER") return out;
  const auto is_address = [](std::string_view field) {
    return field.find('@') != field.npos && !field.starts_with('<');
  };
  const auto at = std::ranges::find_if(fields.begin() + 9, fields.end(), is_address);
  if (at == fields.end() || at + 1 == fields.end()) return out;
  auto status = trim(*(at + 1));
  while (status.starts_with('\'')) status.remove_prefix(1);
  while (status.ends_with('\'')) status.remove_suffix(1);
  const auto wrapped = wrapped_in(status);
  for (const auto address : split(*at, ';')) {
    Observed observed;
    observed.action = delivered ? Action::delivered : event == "DEFER" ? Action::delayed : Action::failed;
    observed.refusal.delayed = observed.action == Action::delayed;
    observed.refusal.address = std::string(address);
    fill_from_quote(observed, wrapped ? wrapped->said : status.empty() && !delivered ? fields[5] : status);
    if (observed.refusal.host.empty() && fields[7] == "SMTP") observed.refusal.host = to_lower(fields[4]);
    if (wrapped) set_host(observed, status, wrapped->behind);
    observed.refusal.side = !observed.refusal.host.empty() && observed.refusal.code != 0 ? Side::remote : Side::local;
    if (observed.refusal.side == Side::local) observed.refusal.host.clear();
    out.recipients.push_back(std::move(observed));
    if (out.recipients.size() == 100) break;
  }
  return out;
}

// date-time, connector-id, session-id, sequence-number, local-endpoint, remote-endpoint, event, data, context. The
// event is "<" for what was received and ">" for what was sent.
std::optional<LogLine> of_protocol(const std::vector<std::string_view>& fields) {
  if (fields.size() < 8 || fields[6].size() != 1 ||
      std::string_view("<>*+-").find(fields[6]) == std::string_view::npos ||
      fields[5].find(':') == std::string_view::npos) {
    return std::nullopt;
  }
  LogLine out;
  out.known = true;
  out.mta = "exchange";
  const auto data = fields[7].empty() && fields.size() > 8 ? fields[8] : fields[7];
  const auto reply = find_reply(data);
  const bool refused = fields[6] != "*" && reply && reply->begin == 0 && reply->code >= 400;
  const bool unreached = fields[6] == "*" && data.find("Failed to connect") != std::string_view::npos;
  if (!refused && !unreached) return out;
  Observed observed;
  observed.refusal.address = find_address(data);
  observed.refusal.side = refused && fields[6] == "<" ? Side::remote : Side::local;
  fill_from_quote(observed, data);
  if (unreached) {
    observed.action = Action::delayed;
    observed.refusal.delayed = true;
  }
  set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

// Timestamp, SessionId, LocalEndpoint, RemoteEndpoint, EnteredOrgFromIP, MessageId, P1FromAddress, P2FromAddresses,
// Recipients, NumRecipients, Agent, Event, Action, SmtpResponse, Reason, ReasonData, Diagnostics
std::optional<LogLine> of_agent(const std::vector<std::string_view>& fields) {
  if (fields.size() < 15 || !fields[10].ends_with(" Agent") || !fields[11].starts_with("On")) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "exchange";
  if (!fields[12].starts_with("Reject") && fields[12] != "Disconnect") return out;
  for (const auto address : split(fields[8], ';')) {
    Observed observed;
    observed.refusal.address = std::string(address);
    observed.refusal.side = Side::local;
    fill_from_quote(observed, fields[13]);
    set_temporary(observed);
    out.recipients.push_back(std::move(observed));
    if (out.recipients.size() == 100) break;
  }
  return out;
}

std::optional<LogLine> of_csv(std::string_view line) {
  if (line.size() < 20 || !is_digit(line[0]) || line[4] != '-' || std::ranges::count(line, ',') < 7)
    return std::nullopt;
  const auto fields = csv_fields(line);
  if (auto found = of_tracking(fields)) return found;
  if (auto found = of_agent(fields)) return found;
  return of_protocol(fields);
}

}  // namespace

std::vector<std::string_view> csv_fields(std::string_view line) {
  constexpr std::size_t fields_max = 40;
  std::vector<std::string_view> out;
  while (out.size() < fields_max) {
    if (line.starts_with('"')) {
      std::size_t end = 1;
      while (end < line.size() && (line[end] != '"' || line.substr(end).starts_with("\"\""))) {
        end += line[end] == '"' ? 2 : 1;
      }
      end = std::min(end, line.size());
      out.push_back(line.substr(1, end - 1));
      line.remove_prefix(std::min(end + 1, line.size()));
    } else {
      const auto end = std::min(line.find(','), line.size());
      out.push_back(line.substr(0, end));
      line.remove_prefix(end);
    }
    if (!line.starts_with(',')) break;
    line.remove_prefix(1);
  }
  return out;
}

std::optional<LogLine> read_exchange(std::string_view line) {
  if (auto found = of_csv(line)) return found;
  std::string_view said;
  std::string_view behind;
  constexpr std::string_view returned = "emote server returned '";
  auto quoted = line.find(returned);
  if (quoted == std::string_view::npos) quoted = line.find("emote Server returned '");
  if (quoted != std::string_view::npos) {
    const auto begin = quoted + returned.size();
    const auto end = line.rfind('\'');
    said = line.substr(begin, end > begin ? end - begin : std::string_view::npos);
  } else if (const auto wrapped = wrapped_in(line)) {
    said = wrapped->said;
    behind = wrapped->behind;
  } else if (const auto token = line.find("RESOLVER."); token != std::string_view::npos) {
    const auto reply = find_reply(line);
    said = line.substr(reply && reply->begin < token ? reply->begin : token);
  } else {
    return std::nullopt;
  }
  LogLine out;
  out.known = true;
  out.mta = "exchange";
  Observed observed;
  observed.refusal.address = find_address(line);
  // "550-5.1.1 <a@b> ... -> 550 5.1.1": Exchange wraps the other side's reply into its own.
  fill_from_quote(observed, said);
  set_host(observed, line, behind);
  set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

}  // namespace postil::diagnose
