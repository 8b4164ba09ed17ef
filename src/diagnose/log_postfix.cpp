#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;
using knowledge::Stage;

// The daemon of "postfix/submission/smtpd"; empty when the program is none of Postfix.
std::string_view daemon_of(std::string_view program) {
  const auto slash = program.rfind('/');
  if (slash == std::string_view::npos) return {};
  const auto name = program.substr(slash + 1);
  static constexpr std::array known{
      "smtp",   "lmtp",     "smtpd",   "local",      "virtual", "pipe",    "error",     "retry",
      "bounce", "qmgr",     "cleanup", "postscreen", "discard", "pickup",  "anvil",     "trivial-rewrite",
      "scache", "tlsproxy", "verify",  "master",     "tlsmgr",  "dnsblog", "postqueue", "postsuper"};
  return std::ranges::find(known, name) == known.end() ? std::string_view() : name;
}

Action action_of(std::string_view status) {
  if (status.starts_with("sent") || status.starts_with("deliverable")) return Action::delivered;
  if (status.starts_with("deferred") || status.starts_with("SOFTBOUNCE")) return Action::delayed;
  return Action::failed;
}

// "to=<a@b>, orig_to=<c@b>, relay=mx[192.0.2.1]:25, delay=1, dsn=5.1.1, status=bounced (text)"
Observed of_delivery(std::string_view text) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.address = std::string(in_brackets(text.substr(3)));
  const auto at = text.find(", status=");
  const auto status = at == std::string_view::npos ? std::string_view() : text.substr(at + 9);
  out.action = action_of(status);
  refusal.delayed = out.action == Action::delayed;
  if (const auto code = reply::parse_enhanced_code(value_of(text, "dsn"))) refusal.enhanced = *code;
  auto words = status;
  const auto open = status.find(" (");
  if (open != std::string_view::npos) {
    words = status.substr(open + 2);
    if (words.ends_with(')')) words.remove_suffix(1);
  }
  refusal.side =
      words.find(" said: ") != std::string_view::npos || words.find("refused to talk to me") != std::string_view::npos
          ? Side::remote
          : Side::local;
  const auto dsn = refusal.enhanced;
  fill_from_quote(out, words);
  if (!refusal.enhanced) refusal.enhanced = dsn;
  if (refusal.host.empty()) {
    const auto relay = value_of(text, "relay");
    if (relay.find('[') != std::string_view::npos) refusal.host = to_lower(relay.substr(0, relay.find('[')));
  }
  return out;
}

// Where the client's envelope begins, which is written behind what was answered.
std::size_t envelope_of(std::string_view text) {
  return std::min({text.find("; from=<"), text.find("; to=<"), text.find("; proto=")});
}

// "RCPT from host[192.0.2.1]: 554 5.7.1 <a@b>: Relay access denied; from=<> to=<a@b> proto=ESMTP helo=<x>"
Observed of_reject(std::string_view text) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.side = Side::local;
  refusal.stage = stage_of_command(text);
  if (istarts_with(text, "END-OF-MESSAGE") || istarts_with(text, "header ") || istarts_with(text, "body "))
    refusal.stage = Stage::message;
  if (istarts_with(text, "CONNECT")) refusal.stage = Stage::connect;
  const auto envelope = envelope_of(text);
  const auto rest = envelope == std::string_view::npos ? std::string_view() : text.substr(envelope + 1);
  const auto to = rest.find(" to=<");
  if (to != std::string_view::npos) refusal.address = std::string(in_brackets(rest.substr(to + 4)));
  // cleanup(8) writes what it answers last: "header Subject: x from ...; from=<> to=<> proto=ESMTP helo=<x>: 5.7.1 no".
  const auto helo = rest.rfind(">: ");
  if (istarts_with(text, "header ") || istarts_with(text, "body ")) {
    fill_from_quote(out, helo == std::string_view::npos ? text : rest.substr(helo + 3));
  } else {
    const auto said = text.substr(0, envelope);
    const auto colon = said.find(": ");
    fill_from_quote(out, colon == std::string_view::npos ? said : said.substr(colon + 2));
  }
  refusal.host.clear();
  set_temporary(out);
  return out;
}

Observed of_words(std::string_view text, Action action) {
  Observed out;
  out.action = action;
  out.refusal.delayed = action == Action::delayed;
  fill_from_quote(out, text);
  if (out.refusal.side == Side::unknown) out.refusal.side = Side::local;
  return out;
}

std::string_view without_queue_id(std::string_view text) {
  const auto colon = text.find(": ");
  if (colon == std::string_view::npos || colon == 0 || colon > 20) return text;
  // People shorten the id, so its length says nothing; these words stand in its place.
  const auto id = text.substr(0, colon);
  if (!std::ranges::all_of(id, is_alnum) || id == "reject" || id == "warning" || id == "error" || id == "fatal")
    return text;
  return text.substr(colon + 2);
}

// "host[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
Observed of_login(std::string_view text) {
  const auto sasl = text.find("SASL ");
  auto out = of_words(sasl == std::string_view::npos ? text : text.substr(sasl), Action::failed);
  // Behind the last colon comes the reason, or the server's challenge, in base64 or as "Password:".
  auto& words = out.refusal.text;
  const auto why = std::min(words.find(" failed: "), words.size());
  if (words.find(' ', std::min(why + 9, words.size())) == std::string::npos || words.find(": (reason", why) == why + 7)
    words = words.substr(0, words.find(" failed") + 7);
  out.refusal.stage = Stage::auth;
  out.refusal.host.clear();
  out.reply.clear();
  return out;
}

// What smtpd(8) writes about a session, whoever the message would have been for.
std::optional<Observed> of_session(std::string_view text) {
  if (text.find(" authentication failed") != std::string_view::npos) return of_login(text);
  std::optional<Observed> out;
  if (text.starts_with("warning: SASL: ") || text.starts_with("fatal: no SASL ")) {
    out = of_words(text.substr(text.find(": ") + 2), Action::failed);
    out->refusal.stage = Stage::auth;
  } else if (text.starts_with("SSL_accept error")) {
    out = of_words(text, Action::failed);
    out->refusal.stage = Stage::starttls;
  } else if (text.starts_with("too many errors after ") ||
             (text.starts_with("warning: ") && (text.find(" rate limit exceeded: ") != text.npos ||
                                                text.find(" concurrency limit exceeded: ") != text.npos))) {
    // The client is told 421 or 450. [rfc5321 3.8]
    out = of_words(text.substr(text.starts_with("warning: ") ? 9 : 0), Action::delayed);
  }
  if (out) out->refusal.host.clear();
  return out;
}

// A fault of this server that any daemon may warn of. What else it warns of refuses nothing.
std::optional<Observed> of_fault(std::string_view text) {
  const auto colon = text.find(": ");
  const auto level = text.substr(0, std::min(colon, text.size()));
  if (level != "warning" && level != "error" && level != "fatal" && level != "panic") return std::nullopt;
  static constexpr std::string_view faults[] = {
      "connect to mysql server ", "connect to pgsql server ", "connect to transport ", "dict_ldap_",
      "map lookup problem",       "hopcount exceeded",        "not enough free space", "TLS library problem: ",
      "No space left on device",
  };
  const auto words = text.substr(colon + 2);
  if (std::ranges::none_of(faults, [words](auto fault) { return words.find(fault) != words.npos; }))
    return std::nullopt;
  auto out = of_words(without_queue_id(words), Action::delayed);
  if (words.find("TLS library problem: ") != words.npos) out.refusal.stage = Stage::starttls;
  out.refusal.host.clear();
  return out;
}

// "lost connection after DATA (12 bytes) from host[192.0.2.1]": a client that had a message. Who leaves earlier
// looks around. "PREGREET 11 after 0.1 from ...": it did not wait for its turn.
bool is_broken_session(std::string_view text) {
  if (text.starts_with("timeout after ") || text.starts_with("improper command pipelining after ") ||
      text.starts_with("PREGREET "))
    return true;
  constexpr std::string_view lost = "lost connection after ";
  if (!text.starts_with(lost)) return false;
  const auto rest = text.substr(lost.size());
  static constexpr std::string_view commands[] = {"MAIL ", "RCPT ", "DATA ", "BDAT ", "END-OF-MESSAGE "};
  return std::ranges::any_of(commands, [rest](auto command) { return rest.starts_with(command); });
}

// What smtp(8) writes about one host, before it has tried the others.
bool is_of_attempt(std::string_view text) {
  static constexpr std::string_view beginnings[] = {
      "host ",
      "connect to ",
      "lost connection with ",
      "conversation with ",
      "Cannot start TLS",
      "SSL_connect error",
      "SASL authentication failed",
  };
  return std::ranges::any_of(beginnings, [text](auto beginning) { return text.starts_with(beginning); });
}

// A line without its program, as people copy it: "to=<a@b>, relay=..., dsn=5.1.1, status=bounced (text)".
bool is_bare_delivery(std::string_view text) {
  return text.starts_with("to=") && text.find(", relay=") != std::string_view::npos &&
         text.find(", dsn=") != std::string_view::npos && text.find(", status=") != std::string_view::npos;
}

}  // namespace

std::optional<LogLine> read_postfix(const SyslogLine& line) {
  const auto daemon = daemon_of(line.program);
  const auto text = without_queue_id(line.text);
  if (daemon.empty() && (!line.program.empty() || !is_bare_delivery(text))) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "postfix";
  if (text.starts_with("to=")) {
    out.recipients.push_back(of_delivery(text));
    return out;
  }
  for (const std::string_view mark : {"reject: ", "milter-reject: ", "proxy-reject: "}) {
    if (!text.starts_with(mark)) continue;
    out.recipients.push_back(of_reject(text.substr(mark.size())));
    return out;
  }
  if (text.find("status=expired") != std::string_view::npos ||
      text.find("status=force-exp") != std::string_view::npos) {
    out.recipients.push_back(of_words("message expired, returned to sender", Action::failed));
  } else if (auto fault = of_fault(text)) {
    out.recipients.push_back(std::move(*fault));
  } else if ((daemon == "smtpd" || daemon == "postscreen") && is_broken_session(text)) {
    out.recipients.push_back(of_words(text.substr(0, text.find(" from ")), Action::failed));
  } else if (daemon == "smtpd") {
    if (auto session = of_session(text)) out.recipients.push_back(std::move(*session));
  } else if ((daemon == "smtp" || daemon == "lmtp") && is_of_attempt(text)) {
    out.recipients.push_back(of_words(text, Action::delayed));
  }
  return out;
}

}  // namespace postil::diagnose
