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

// "RCPT from host[192.0.2.1]: 554 5.7.1 <a@b>: Relay access denied; from=<> to=<a@b> proto=ESMTP helo=<x>"
Observed of_reject(std::string_view text) {
  Observed out;
  auto& refusal = out.refusal;
  refusal.side = Side::local;
  refusal.stage = stage_of_command(text);
  if (istarts_with(text, "END-OF-MESSAGE") || istarts_with(text, "header ") || istarts_with(text, "body "))
    refusal.stage = Stage::message;
  if (istarts_with(text, "CONNECT")) refusal.stage = Stage::connect;
  const auto envelope = text.find("; from=<");
  const auto rest = envelope == std::string_view::npos ? std::string_view() : text.substr(envelope + 2);
  const auto to = rest.find(" to=<");
  if (to != std::string_view::npos) refusal.address = std::string(in_brackets(rest.substr(to + 4)));
  // cleanup(8) writes what it answers last: "header Subject: x from ...; from=<> to=<> proto=ESMTP helo=<x>: 5.7.1 no".
  const auto helo = rest.rfind(">: ");
  if (istarts_with(text, "header ") || istarts_with(text, "body ")) {
    fill_from_quote(out, helo == std::string_view::npos ? text : rest.substr(helo + 3));
  } else {
    const auto said = text.substr(0, envelope);
    const auto colon = said.find("]: ");
    fill_from_quote(out, colon == std::string_view::npos ? said : said.substr(colon + 3));
  }
  refusal.host.clear();
  if (out.refusal.code != 0 && out.refusal.code < 500) {
    out.action = Action::delayed;
    refusal.delayed = true;
  }
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

}  // namespace

std::optional<LogLine> read_postfix(const SyslogLine& line) {
  const auto daemon = daemon_of(line.program);
  if (daemon.empty()) return std::nullopt;
  LogLine out;
  out.known = true;
  out.mta = "postfix";
  const auto text = without_queue_id(line.text);
  if (text.starts_with("to=<")) {
    out.recipients.push_back(of_delivery(text));
    return out;
  }
  for (const std::string_view mark : {"reject: ", "milter-reject: "}) {
    if (!text.starts_with(mark)) continue;
    out.recipients.push_back(of_reject(text.substr(mark.size())));
    return out;
  }
  if (text.find("status=expired") != std::string_view::npos) {
    out.recipients.push_back(of_words("message expired, returned to sender", Action::failed));
  } else if (const auto sasl = text.find(" authentication failed");
             sasl != std::string_view::npos && daemon == "smtpd") {
    auto observed =
        of_words(text.substr(text.find("SASL ") == std::string_view::npos ? 0 : text.find("SASL ")), Action::failed);
    // What follows the last colon is the server's challenge, in base64.
    observed.refusal.text = observed.refusal.text.substr(0, observed.refusal.text.find(" failed") + 7);
    observed.refusal.stage = Stage::auth;
    observed.reply.clear();
    out.recipients.push_back(std::move(observed));
  } else if ((daemon == "smtp" || daemon == "lmtp") &&
             (text.starts_with("host ") || text.starts_with("connect to ") ||
              text.starts_with("lost connection with ") || text.starts_with("conversation with ") ||
              text.starts_with("Cannot start TLS") || text.starts_with("SSL_connect error"))) {
    out.recipients.push_back(of_words(text, Action::delayed));
  }
  return out;
}

}  // namespace postil::diagnose
