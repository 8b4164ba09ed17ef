// sendmail, OpenSMTPD, Exchange and Microsoft 365, Haraka.
#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

std::string host_of_relay(std::string_view relay) {
  relay = relay.substr(0, relay.find_first_of(" ["));
  while (relay.ends_with('.')) relay.remove_suffix(1);
  return relay.find('.') == std::string_view::npos ? std::string() : to_lower(relay);
}

// "to=<a@b>,<c@d>, delay=..."
std::vector<std::string> addresses_of(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty() && out.size() < 100) {
    const auto address = in_brackets(list);
    out.emplace_back(address);
    list.remove_prefix(std::min(list.size(), address.size() + (list.starts_with('<') ? 2 : 0)));
    if (!list.starts_with(',') || list.size() < 2 || list[1] == ' ') break;
    list.remove_prefix(1);
  }
  return out;
}

Action action_of_stat(std::string_view stat) {
  if (istarts_with(stat, "sent")) return Action::delivered;
  if (istarts_with(stat, "deferred") || istarts_with(stat, "queued")) return Action::delayed;
  return Action::failed;
}

Observed of_stat(std::string_view address, std::string_view stat, std::string_view dsn, Action action) {
  Observed out;
  out.refusal.address = std::string(address);
  out.action = action;
  out.refusal.delayed = action == Action::delayed;
  const auto status = reply::parse_enhanced_code(dsn);
  fill_from_quote(out, stat);
  if (!out.refusal.enhanced && status) out.refusal.enhanced = *status;
  out.refusal.side = out.refusal.code != 0 ? Side::remote : Side::local;
  return out;
}

void set_temporary(Observed& out) {
  const bool temporary = out.refusal.code != 0 ? out.refusal.code < 500 : out.refusal.enhanced.klass == 4;
  if (!temporary) return;
  out.action = Action::delayed;
  out.refusal.delayed = true;
}

}  // namespace

std::optional<LogLine> read_sendmail(const SyslogLine& line) {
  const bool ours = line.program.starts_with("sendmail") || line.program.starts_with("sm-");
  const auto colon = line.text.find(": ");
  if (!ours || colon == std::string_view::npos || colon > 30) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "sendmail";
  const auto text = line.text.substr(colon + 2);
  // stat= and reject= come last, and their text may hold anything.
  const auto stat = text.find(", stat=");
  const auto reject = text.find("reject=");
  if (text.starts_with("to=") && stat != std::string_view::npos) {
    const auto words = text.substr(stat + 7);
    const auto fields = text.substr(0, stat);
    const auto relay = fields.find("relay=");
    for (const auto& address : addresses_of(text.substr(3))) {
      auto observed = of_stat(address, words, value_of(fields, "dsn"), action_of_stat(words));
      if (observed.refusal.host.empty() && relay != std::string_view::npos)
        observed.refusal.host = host_of_relay(fields.substr(relay + 6));
      out.recipients.push_back(std::move(observed));
    }
  } else if (reject != std::string_view::npos) {
    auto observed = of_stat({}, text.substr(reject + 7), {}, Action::failed);
    const auto ruleset = value_of(text, "ruleset");
    if (ruleset == "check_rcpt") observed.refusal.stage = Stage::rcpt;
    if (ruleset == "check_mail") observed.refusal.stage = Stage::mail;
    if (ruleset == "check_relay") observed.refusal.stage = Stage::connect;
    const auto argument = text.find("arg1=");
    if (ruleset == "check_rcpt" && argument != std::string_view::npos)
      observed.refusal.address = std::string(in_brackets(text.substr(argument + 5)));
    observed.refusal.side = Side::local;
    observed.refusal.host.clear();
    set_temporary(observed);
    out.recipients.push_back(std::move(observed));
  } else if (text.starts_with('<') && text.find("... ") != std::string_view::npos) {
    auto observed = of_stat(in_brackets(text), text.substr(text.find("... ") + 4), {}, Action::failed);
    set_temporary(observed);
    out.recipients.push_back(std::move(observed));
  } else if (text.starts_with("AUTH failure")) {
    auto observed = of_stat({}, text, {}, Action::failed);
    observed.refusal.stage = Stage::auth;
    out.recipients.push_back(std::move(observed));
  }
  return out;
}

std::optional<LogLine> read_opensmtpd(const SyslogLine& line) {
  const auto text = line.text;
  const bool ours = line.program.starts_with("smtpd") || line.program == "opensmtpd";
  if (!ours || (text.find("evpid=") == std::string_view::npos && text.find(" smtp ") == std::string_view::npos &&
                text.find(" mta ") == std::string_view::npos && text.find("event=") == std::string_view::npos)) {
    return std::nullopt;
  }
  LogLine out;
  out.known = true;
  out.mta = "opensmtpd";
  const auto result = value_of(text, "result");
  auto stat = value_of(text, "stat");
  const bool command = text.find("failed-command") != std::string_view::npos;
  if (command) stat = result;
  if (stat.empty() && text.find(" mta error") != std::string_view::npos) stat = value_of(text, "reason");
  if (stat.empty()) return out;
  Observed observed;
  observed.refusal.address = std::string(in_brackets(value_of(text, "to")));
  if (result == "Ok") observed.action = Action::delivered;
  if (result == "TempFail") observed.action = Action::delayed;
  if (command) {
    const auto asked = value_of(text, "command");
    observed.refusal.stage = stage_of_command(asked);
    if (observed.refusal.stage == Stage::rcpt) observed.refusal.address = find_address(asked);
    observed.refusal.side = Side::local;
  }
  fill_from_quote(observed, stat);
  const auto relay = value_of(text, "relay");
  const auto open = relay.find('(');
  if (observed.refusal.host.empty() && !relay.empty()) {
    observed.refusal.host = open == std::string_view::npos
                                ? std::string(relay)
                                : std::string(relay.substr(open + 1, relay.find(')') - open - 1));
  }
  if (observed.refusal.side == Side::unknown && observed.refusal.code != 0) observed.refusal.side = Side::remote;
  observed.refusal.delayed = observed.action == Action::delayed;
  if (command || text.find(" mta error") != std::string_view::npos) set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

std::optional<LogLine> read_exchange(std::string_view line) {
  const auto lower = to_lower(line);
  std::string_view said;
  std::string_view behind;
  if (const auto at = lower.find("remote server returned '"); at != std::string::npos) {
    const auto begin = at + 24;
    const auto end = line.rfind('\'');
    said = line.substr(begin, end > begin ? end - begin : std::string_view::npos);
  } else if (const auto led = line.find("LED="); led != std::string_view::npos) {
    const auto end = line.find('}', led);
    said = line.substr(led + 4, end == std::string_view::npos ? end : end - led - 4);
    behind = line.substr(end == std::string_view::npos ? line.size() : end);
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
  const auto fqdn = behind.find("FQDN=");
  if (fqdn != std::string_view::npos)
    observed.refusal.host = to_lower(behind.substr(fqdn + 5, behind.find('}', fqdn) - fqdn - 5));
  const auto named = line.find("LastAttemptedServerName=");
  if (named != std::string_view::npos) {
    const auto name = line.substr(named + 24);
    observed.refusal.host = to_lower(name.substr(0, name.find_first_of("] ,")));
  }
  set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

std::optional<LogLine> read_haraka(std::string_view line) {
  const auto at = line.find(" [outbound] ");
  const bool outbound = at != std::string_view::npos;
  if (!outbound && (line.find(" [core] ") == std::string_view::npos || line.find("] [") == std::string_view::npos))
    return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "haraka";
  if (!outbound) return out;
  const auto text = line.substr(at + 12);
  Observed observed;
  std::string_view words;
  if (text.starts_with("recipient <")) {
    observed.refusal.address = std::string(in_brackets(text.substr(10)));
    const auto rejected = text.find(" rejected: ");
    const auto deferred = text.find(" deferred: ");
    if (rejected != std::string_view::npos) {
      words = text.substr(rejected + 11);
    } else if (deferred != std::string_view::npos) {
      words = text.substr(deferred + 11);
      observed.action = Action::delayed;
    }
    observed.refusal.stage = Stage::rcpt;
    observed.refusal.side = Side::remote;
  } else if (text.starts_with("bouncing mail: ")) {
    words = text.substr(15);
  } else if (text.starts_with("Temp fail for: ")) {
    words = text.substr(15);
    observed.action = Action::delayed;
  } else if (text.starts_with("delivered ")) {
    words = value_of(text, "response");
    observed.action = Action::delivered;
    observed.refusal.host = to_lower(value_of(text, "host"));
  }
  if (words.empty()) return out;
  if (observed.refusal.address.empty()) observed.refusal.address = find_address(words);
  fill_from_quote(observed, words);
  observed.refusal.delayed = observed.action == Action::delayed;
  out.recipients.push_back(std::move(observed));
  return out;
}

}  // namespace postil::diagnose
