// What filters write about the messages that they judge: Rspamd, amavis, Postgrey. A message that they let pass is
// nobody's delivery yet.
#include <algorithm>
#include <string>

#include "base/bytes.hpp"
#include "diagnose/log_formats.hpp"
#include "diagnose/quoted_reply.hpp"

namespace postil::diagnose {
namespace {

using dsn::Action;

constexpr std::size_t recipients_of_line_max = 100;

LogLine known_line(std::string_view mta) {
  LogLine out;
  out.known = true;
  out.mta = mta;
  return out;
}

// "<a@b>,<c@d>, next": one refusal for each.
void add_recipients(LogLine& out, std::string_view list, const Observed& judged) {
  auto rest = list;
  while (rest.starts_with('<') && out.recipients.size() < recipients_of_line_max) {
    const auto close = rest.find('>');
    if (close == std::string_view::npos) break;
    auto one = judged;
    one.refusal.address = std::string(rest.substr(1, close - 1));
    out.recipients.push_back(std::move(one));
    rest.remove_prefix(close + 1);
    if (!rest.starts_with(",<")) break;
    rest.remove_prefix(1);
  }
  if (out.recipients.empty()) out.recipients.push_back(judged);
}

Observed judged_as(Action action, std::string_view words) {
  Observed out;
  out.action = action;
  out.refusal.delayed = action == Action::delayed;
  out.refusal.side = Side::local;
  out.refusal.stage = knowledge::Stage::message;
  out.refusal.text = squeezed(words, refusal_octets_max);
  return out;
}

// Behind name, up to the end of the text; empty: it is not there.
std::string_view behind(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + name.size());
}

// "reject "no spam here"; score=nan (set by multimap)": what the client was told, and the module that decided.
std::string forced_words(std::string_view text) {
  const auto forced = behind(text, ", forced: ");
  const auto open = forced.find('"');
  const auto close = forced.find("\"; score=");
  if (open == std::string_view::npos || close == std::string_view::npos || close <= open) return {};
  std::string out(forced.substr(open + 1, close - open - 1));
  const auto by = behind(forced.substr(close), "(set by ");
  if (!by.empty()) out += " (" + std::string(by.substr(0, by.find(')'))) + ')';
  return out;
}

// "(01234-05) Blocked": the kind of message that amavis names, and the words for it.
std::string words_of_category(std::string_view category) {
  const auto open = category.find(" (");
  auto name = category.substr(0, open);
  const auto what = open == std::string_view::npos ? std::string() : std::string(category.substr(open + 2));
  if (name == "INFECTED") return "virus found: " + what;
  if (name == "BANNED") return "banned attachment: " + what;
  if (name.starts_with("SPAM")) return "identified as spam";
  if (name == "OVERSIZED") return "message too big";
  if (name == "BAD-HEADER-2") return "8-bit characters in the header";
  if (name.starts_with("BAD-HEADER")) return "invalid header";
  if (name == "UNCHECKED-ENCRYPTED") return "encrypted attachment not allowed";
  return std::string(category);
}

// id: <x>, qid: <y>, ip: z, from: <a@b>, (default: T (reject): [22.1/15.0] [SYMBOL(1.0)]), len: 1, rcpts: <c@d>, ...
std::optional<LogLine> read_rspamd(std::string_view line) {
  const auto text = behind(line, "rspamd_task_write_log: ");
  const auto verdict = behind(text, "(default: ");
  const auto open = verdict.find('(');
  const auto close = verdict.find("): [");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  auto out = known_line("rspamd");
  const auto action = verdict.substr(open + 1, close - open - 1);
  const bool later = action == "soft reject";
  if (!later && action != "reject") return out;
  auto words = forced_words(text);
  if (words.empty()) words = later ? "try again later" : "rejected as spam: score above the limit";
  add_recipients(out, behind(text, " rcpts: "), judged_as(later ? Action::delayed : Action::failed, words));
  return out;
}

// (01234-05) Blocked SPAM {RejectedInbound}, [192.0.2.7]:4123 <a@b> -> <c@d>, Queue-ID: x, Hits: 17.2, 1842 ms
std::optional<LogLine> read_amavis(std::string_view text) {
  if (text.starts_with('(')) text = behind(text, ") ");
  const bool blocked = text.starts_with("Blocked ");
  if (!blocked && !text.starts_with("Passed ")) return std::nullopt;
  const auto to = behind(text, " -> ");
  if (to.empty()) return std::nullopt;
  auto out = known_line("amavis");
  if (!blocked) return out;
  const auto rest = text.substr(8, text.size() - 8);
  // In older versions no list of what was done follows.
  const auto end = std::min({rest.find(" {"), rest.find("), "), rest.find(", [")});
  const auto done = behind(rest.substr(0, rest.find('}')), " {");
  const bool later = done.find("TempFail") != std::string_view::npos;
  add_recipients(out, to, judged_as(later ? Action::delayed : Action::failed, words_of_category(rest.substr(0, end))));
  return out;
}

// action=greylist, reason=new, client_name=x, client_address=192.0.2.7, sender=a@b, recipient=c@d
std::optional<LogLine> read_postgrey(std::string_view text) {
  const auto action = value_of(text, "action");
  if (action.empty()) return std::nullopt;
  auto out = known_line("postgrey");
  if (action != "greylist") return out;
  auto judged = judged_as(Action::delayed, "greylisted");
  judged.refusal.stage = knowledge::Stage::rcpt;
  judged.refusal.address = std::string(value_of(text, "recipient"));
  out.recipients.push_back(std::move(judged));
  return out;
}

}  // namespace

std::optional<LogLine> read_filter(const SyslogLine& line) {
  if (line.text.find("rspamd_task_write_log: ") != std::string_view::npos) return read_rspamd(line.text);
  if (line.program == "amavis" || line.program == "amavisd") return read_amavis(line.text);
  if (line.program == "postgrey") return read_postgrey(line.text);
  return std::nullopt;
}

}  // namespace postil::diagnose
