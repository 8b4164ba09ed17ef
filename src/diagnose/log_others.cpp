// sendmail, OpenSMTPD, Haraka.
#include <algorithm>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

std::string host_of_relay(std::string_view relay) {
  relay = relay.substr(0, relay.find_first_of(" [,"));
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

// A session that came to nothing, with whomever: "collect: premature EOM: Connection reset by mx.example.net".
bool is_of_session(std::string_view text) {
  static constexpr std::string_view beginnings[] = {"SYSERR(", "rejecting commands from ",
                                                    "STARTTLS=client, error:", "STARTTLS=server, error:", "collect: "};
  return std::ranges::any_of(beginnings, [text](auto beginning) { return text.starts_with(beginning); });
}

}  // namespace

std::optional<LogLine> read_sendmail(const SyslogLine& line) {
  const bool ours = line.program.starts_with("sendmail") || line.program.starts_with("sm-");
  if (!ours) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "sendmail";
  // Before there is a message there is no id.
  const auto colon = line.text.find(": ");
  const bool has_id = colon <= 30 && std::ranges::all_of(line.text.substr(0, colon), is_alnum);
  const auto text = has_id ? line.text.substr(colon + 2) : line.text;
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
    if (ruleset == "check_rcpt") observed.refusal.address = std::string(in_brackets(value_of(text, "arg1")));
    if (text.starts_with("Milter: to=")) observed.refusal.address = std::string(in_brackets(text.substr(11)));
    if (text.starts_with("Milter: to=")) observed.refusal.stage = Stage::rcpt;
    if (text.starts_with("Milter: from=")) observed.refusal.stage = Stage::mail;
    if (text.starts_with("Milter: data")) observed.refusal.stage = Stage::message;
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
  } else if (is_of_session(text)) {
    out.recipients.push_back(of_stat({}, text, {}, Action::failed));
    out.recipients.back().refusal.host.clear();
    if (text.starts_with("STARTTLS=")) out.recipients.back().refusal.stage = Stage::starttls;
  }
  return out;
}

namespace {

// The last field, to the end of the line where it has no quotes: "stat=Error (...)".
std::string_view last_value_of(std::string_view text, std::string_view name) {
  const auto value = value_of(text, name);
  const bool quoted = value.data() > text.data() && *(value.data() - 1) == '"';
  return value.empty() || quoted ? value : text.substr(static_cast<std::size_t>(value.data() - text.data()));
}

// "192.0.2.1 (mx.example.net)"
std::string host_of_opensmtpd(std::string_view text) {
  const auto relay = last_value_of(text, "relay");
  const auto open = relay.find('(');
  const auto end = relay.find_first_of(",)");
  return std::string(open < end ? relay.substr(open + 1, end - open - 1) : relay.substr(0, end));
}

// A client's command that was refused, or its login.
void fill_from_client(Observed& out, std::string_view text) {
  const auto asked = value_of(text, "command");
  out.refusal.side = Side::local;
  out.refusal.stage = asked.empty() ? Stage::auth : stage_of_command(asked);
  if (out.refusal.stage == Stage::rcpt) out.refusal.address = find_address(asked);
}

}  // namespace

std::optional<LogLine> read_opensmtpd(const SyslogLine& line) {
  const auto text = line.text;
  static constexpr std::string_view marks[] = {
      "evpid=", " smtp ", " mta ", "event=", "relay: ", "delivery: ", "smtp-out: "};
  const bool ours = line.program.starts_with("smtpd") || line.program == "opensmtpd";
  if (!ours || std::ranges::none_of(marks, [text](auto mark) { return text.find(mark) != std::string_view::npos; }))
    return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "opensmtpd";
  const auto result = value_of(text, "result");
  const bool command = text.find("failed-command") != std::string_view::npos;
  const bool login = text.find(" smtp authentication ") != std::string_view::npos && result != "ok";
  // "smtp-out: Error on session 1234abcd: Connection closed unexpectedly", and of a route or a domain without a session
  auto broken = text.find("smtp-out: Error on ");
  if (broken == text.npos) broken = text.find("smtp-out: Failed to resolve MX for ");
  const auto words = broken == text.npos ? broken : text.find(": ", broken + 10);
  const bool attempt = words != text.npos || text.find(" mta error ") != text.npos;
  const auto stat = command              ? result
                    : words != text.npos ? text.substr(words + 2)
                    : login              ? text.substr(text.find("authentication"))
                    : attempt            ? last_value_of(text, "reason")
                                         : last_value_of(text, "stat");
  if (stat.empty()) return out;
  Observed observed;
  observed.refusal.address = std::string(in_brackets(value_of(text, "to")));
  // Before version 6.0: "relay: TempFail for 1234abcd5678ef91: ..."
  const auto is = [&](std::string_view word) {
    return result == word || text.find(": " + std::string(word) + " for ") != text.npos;
  };
  if (is("Ok")) observed.action = Action::delivered;
  if (is("TempFail") || attempt || result == "tempfail") observed.action = Action::delayed;
  if (command || login) fill_from_client(observed, text);
  fill_from_quote(observed, stat);
  if (observed.refusal.host.empty()) observed.refusal.host = host_of_opensmtpd(text);
  if (observed.refusal.side == Side::unknown)
    observed.refusal.side = observed.refusal.code != 0 ? Side::remote : Side::local;
  observed.refusal.delayed = observed.action == Action::delayed;
  if (command) set_temporary(observed);
  out.recipients.push_back(std::move(observed));
  return out;
}

namespace {

// What our own server told a client: "recipient <a@b> code=DENY msg="no" sender=c@d".
std::optional<Observed> of_haraka_client(std::string_view text) {
  const auto code = value_of(text, "code");
  if (!code.starts_with("DENY")) return std::nullopt;
  Observed out;
  out.action = code.starts_with("DENYSOFT") ? Action::delayed : Action::failed;
  out.refusal.delayed = out.action == Action::delayed;
  out.refusal.side = Side::local;
  if (text.starts_with("recipient <")) out.refusal.address = std::string(in_brackets(text.substr(10)));
  if (text.starts_with("recipient ")) out.refusal.stage = Stage::rcpt;
  if (text.starts_with("sender ")) out.refusal.stage = Stage::mail;
  if (text.starts_with("message ") || text.starts_with("queue ")) out.refusal.stage = Stage::message;
  fill_from_quote(out, value_of(text, "msg"));
  out.refusal.host.clear();
  return out;
}

// logfmt: level=NOTICE uuid=... origin=outbound message="recipient <a@b> rejected: 550 no"
bool is_logfmt_of_haraka(std::string_view line) {
  return line.find(" origin=") != std::string_view::npos && line.find(" message=") != std::string_view::npos &&
         line.find("level=") != std::string_view::npos && line.find(" uuid=") != std::string_view::npos;
}

}  // namespace

std::optional<LogLine> read_haraka(std::string_view line) {
  const bool logfmt = is_logfmt_of_haraka(line);
  const auto outbound_at = logfmt ? line.find(" origin=outbound") : line.find("] [outbound] ");
  const auto core_at = logfmt ? line.find(" origin=core") : line.find("] [core] ");
  const bool outbound = outbound_at != std::string_view::npos;
  if (!logfmt && !outbound && core_at == std::string_view::npos) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "haraka";
  if (!outbound && core_at == std::string_view::npos) return out;
  const auto message = logfmt ? value_of(line, "message") : std::string_view();
  const auto text = trim(
      logfmt ? (message.data() == nullptr ? line : line.substr(static_cast<std::size_t>(message.data() - line.data())))
             : line.substr(outbound ? outbound_at + 13 : core_at + 9));
  if (!outbound) {
    if (auto observed = of_haraka_client(text)) out.recipients.push_back(std::move(*observed));
    return out;
  }
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
  } else if (text.starts_with("Failed to get pool entry: ")) {
    words = text.substr(26);
    observed.action = Action::delayed;
  } else if (text.starts_with("Temp failing ") && text.find(": ") != std::string_view::npos) {
    words = text.substr(text.find(": ") + 2);
    observed.action = Action::delayed;
  } else if (text.starts_with("MX Lookup for ") || text.starts_with("Ongoing connection failed to ") ||
             text.starts_with("Remote end ")) {
    words = text;
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
